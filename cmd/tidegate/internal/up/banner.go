package up

import (
	"fmt"
	"net"
	"net/url"
	"strings"

	"charm.land/lipgloss/v2"
)

// banner says where everything is, with one call that works when it is pasted.
func banner(cfg Config, ready Ready, demo *Demo) error {
	title := lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Color("36"))
	label := lipgloss.NewStyle().Faint(true).Width(14)
	var out strings.Builder
	line := func(name, value string) { fmt.Fprintln(&out, "  "+label.Render(name)+value) }

	fmt.Fprintln(&out, "\n"+title.Render("  Tidegate is ready")+"\n")
	line("Management", ready.ManagementURL+moved(cfg.Management, ready.ManagementURL))
	line("Gateway", ready.GatewayURL+moved(cfg.Gateway, ready.GatewayURL))
	line("Gateway admin", ready.GatewayAdminURL+moved(cfg.GatewayAdmin, ready.GatewayAdminURL))
	if ready.NATSURL != "" {
		line("Events", ready.NATSURL+moved(cfg.NATS, ready.NATSURL))
	}
	line("Data", ready.DataDir)
	fmt.Fprintln(&out, "\n  "+pasted(ready, demo)+"\n")
	_, err := lipgloss.Fprint(cfg.Stdout, out.String())
	return err
}

// pasted is the call to try.
func pasted(ready Ready, demo *Demo) string {
	if demo != nil {
		return fmt.Sprintf("curl -H 'X-API-Key: %s' %s", demo.Key, ready.GatewayURL+demo.Path)
	}
	if ready.AdminToken == "" {
		return "curl " + ready.ManagementURL + "/openapi.json"
	}
	return fmt.Sprintf("curl -H 'Authorization: Bearer %s' %s/v1/services", ready.AdminToken, ready.ManagementURL)
}

// moved says that a default port was taken.
func moved(wanted Address, got string) string {
	if wanted.Asked {
		return ""
	}
	parsed, err := url.Parse(got)
	if err != nil {
		return ""
	}
	_, port, err := net.SplitHostPort(wanted.Value)
	if err != nil || parsed.Port() == port || port == "0" {
		return ""
	}
	return fmt.Sprintf("  (%s was taken)", port)
}
