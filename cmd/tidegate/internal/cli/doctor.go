package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/up"
	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/libs/bus"
)

func doctorCommand(s *session) *cobra.Command {
	var admin string
	c := &cobra.Command{
		Use: "doctor", Short: "Find out what is wrong", Args: noArgs,
		Long: `Find out what is wrong: what cannot be reached, which versions run, whether
events get out, which messages could not be handled. It exits 1 when something
needs somebody to act.`,
	}
	c.Flags().StringVar(&admin, "gateway-admin", "", "a gateway's admin address; that of a local tidegate up when absent")
	c.RunE = func(c *cobra.Command, _ []string) error { return s.diagnose(c.Context(), admin) }
	c.AddCommand(parkedCommand(s), retryCommand(s))
	return c
}

// finding is one line of a diagnosis.
type finding struct {
	Check  string `json:"check"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

var errIll = errors.New("something needs you to act; see above")

func (s *session) diagnose(ctx context.Context, admin string) error {
	api := s.client()
	findings := []finding{{"command line", true, app.Version()}, probe(ctx, "management", api.address)}
	if local := up.Read(s.dataDir); admin == "" && local != nil {
		admin = local.GatewayAdminURL
	}
	if admin != "" {
		findings = append(findings, probe(ctx, "gateway", strings.TrimSuffix(admin, "/")))
	}
	for _, service := range bus.Contexts {
		findings = append(findings, stateOf(ctx, api, service)...)
	}
	findings = append(findings, gateways(ctx, api)...)

	ill := false
	items := make([]any, len(findings))
	for i, f := range findings {
		ill = ill || !f.OK
		status := "ok"
		if !f.OK {
			status = "PROBLEM"
		}
		items[i] = map[string]any{"check": f.Check, "status": status, "detail": f.Detail}
	}
	if err := s.printList([]column{{"CHECK", "check"}, {"STATUS", "status"}, {"DETAIL", "detail"}}, items); err != nil {
		return err
	}
	if ill {
		return errIll
	}
	return nil
}

// probe asks an address whether it is ready.
func probe(ctx context.Context, name, address string) finding {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/readyz", http.NoBody)
	if err != nil {
		return finding{name, false, err.Error()}
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return finding{name, false, fmt.Sprintf("%s cannot be reached: %v", address, unwrapURL(err))}
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	if err != nil {
		return finding{name, false, err.Error()}
	}
	var report app.Report
	if answer.StatusCode == http.StatusOK && (json.Unmarshal(body, &report) != nil || len(report.Impaired) == 0) {
		return finding{name, true, address}
	}
	return finding{name, false, address + " says " + strings.TrimSpace(string(body))}
}

// stateOf answers how a service's outbox stands.
func stateOf(ctx context.Context, api *client, service string) []finding {
	answer, err := api.call(ctx, http.MethodGet, "/v1/operations/"+service, nil, nil, nil)
	if err != nil {
		return []finding{{service, false, firstLine(err)}}
	}
	say := func(path string) string { return cell(at(answer, path)) }
	found := finding{service, true, fmt.Sprintf("%s, %s of %s events published", say("version"), say("published"), say("position"))}
	switch {
	case say("blocked") != "-":
		found.OK, found.Detail = false, say("blocked")
	case say("connected") != "true":
		found.OK, found.Detail = false, found.Detail+"; NATS cannot be reached"
	case say("parked") != "0":
		found.OK, found.Detail = false, found.Detail+"; "+say("parked")+" messages are parked: see `tidegate doctor parked`"
	}
	return []finding{found}
}

func gateways(ctx context.Context, api *client) []finding {
	items, err := api.list(ctx, "/v1/gateways", nil, 0)
	if err != nil {
		return []finding{{"gateways", false, firstLine(err)}}
	}
	if len(items) == 0 {
		return []finding{{"gateways", false, "none is heard"}}
	}
	var findings []finding
	for _, item := range items {
		status := cell(at(item, "status"))
		findings = append(findings, finding{
			"gateway " + cell(at(item, "id")), status == bus.GatewayLive,
			fmt.Sprintf("%s, %s, %s events behind", status, cell(at(item, "version")), cell(at(item, "lag"))),
		})
	}
	return findings
}

func parkedCommand(s *session) *cobra.Command {
	return &cobra.Command{Use: "parked", Short: "List the messages that services could not handle", Args: noArgs, RunE: func(c *cobra.Command, _ []string) error {
		api := s.client()
		all := []any{}
		for _, service := range bus.Contexts {
			items, err := api.whole(c.Context(), "/v1/operations/"+service+"/parked")
			var missing *problem
			if errors.As(err, &missing) && missing.Status == http.StatusNotFound {
				continue // it reads nobody, so it has none
			}
			if err != nil {
				return err
			}
			for _, item := range items {
				if object, ok := item.(map[string]any); ok {
					object["service"] = service
				}
			}
			all = append(all, items...)
		}
		return s.printList([]column{
			{"SERVICE", "service"}, {"SUBSCRIBER", "subscriber"}, {"SOURCE", "source"}, {"POSITION", "position"}, {"TYPE", "type"}, {"ERROR", "error"},
		}, all)
	}}
}

func retryCommand(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "retry SERVICE SUBSCRIBER SOURCE POSITION", Short: "Handle a parked message again", Args: exactly(4),
		RunE: func(c *cobra.Command, args []string) error {
			for i := range args {
				args[i] = url.PathEscape(args[i])
			}
			path := fmt.Sprintf("/v1/operations/%s/parked/%s/%s/%s/retry", args[0], args[1], args[2], args[3])
			_, err := s.client().call(c.Context(), http.MethodPost, path, nil, nil, nil)
			if err == nil {
				s.say("handled")
			}
			return err
		},
	}
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
