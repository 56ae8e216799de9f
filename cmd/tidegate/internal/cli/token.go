package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/libs/httpapi"
)

func tokenCommand(s *session) *cobra.Command {
	var (
		subject      string
		roles, teams []string
		ttl          string
	)
	c := &cobra.Command{
		Use: "token", Short: "Print a management token of a data directory's own issuer", Args: noArgs,
		Example: "  tidegate token --subject alice --role developer --team payments --ttl 1h",
	}
	c.Flags().StringVar(&subject, "subject", "", "who it speaks for")
	c.Flags().StringSliceVar(&roles, "role", nil, "admin, provider, developer or auditor; repeated")
	c.Flags().StringSliceVar(&teams, "team", nil, "a team of the subject; repeated")
	c.Flags().StringVar(&ttl, "ttl", "1h", "how long it is valid, such as 1h or 30d")
	c.RunE = func(*cobra.Command, []string) error {
		if subject == "" {
			return usage("--subject is needed: who the token speaks for")
		}
		lifetime, err := span(ttl)
		if err != nil || lifetime <= 0 {
			return usage("--ttl: want a time such as 1h or 30d")
		}
		granted, err := parseRoles(roles)
		if err != nil {
			return err
		}
		token, err := mint(s.dataDir, subject, granted, teams, lifetime)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(s.stdout, token)
		return err
	}
	return c
}

func parseRoles(names []string) ([]httpapi.Role, error) {
	if len(names) == 0 {
		return nil, usage("--role is needed: admin, provider, developer or auditor")
	}
	roles := make([]httpapi.Role, len(names))
	for i, name := range names {
		roles[i] = httpapi.Role(name)
		if !slices.Contains(httpapi.Roles, roles[i]) {
			return nil, usage("--role: want admin, provider, developer or auditor, not %q", name)
		}
	}
	return roles, nil
}

// mint makes a token with the key in a data directory. It makes no key: one of a
// mistyped directory would be trusted by nobody.
func mint(dataDir, subject string, roles []httpapi.Role, teams []string, ttl time.Duration) (string, error) {
	path := app.IssuerFile(dataDir)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s holds no issuer's key: start `tidegate up --data-dir %s` once", dataDir, dataDir)
	}
	issuer, err := httpapi.BuiltIn(path)
	if err != nil {
		return "", err
	}
	return issuer.Token(subject, roles, teams, ttl)
}
