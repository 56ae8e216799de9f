package cli

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/up"
	"github.com/tidegate-io/tidegate/libs/app"
)

// setting is a flag of `up` and its environment variable.
type setting struct{ flag, variable, otherwise, usage string }

// settings are those of the contract, but for --data-dir, which every command
// has.
var settings = []setting{
	{"listen", "TIDEGATE_LISTEN", app.DefaultListen, "management API, OAuth and portal"},
	{"gateway-listen", "TIDEGATE_GATEWAY_LISTEN", app.DefaultGatewayListen, "the data plane"},
	{"gateway-admin-listen", "TIDEGATE_GATEWAY_ADMIN_LISTEN", app.DefaultGatewayAdminListen, "the gateway's health, metrics and /authz"},
	{"ext-authz-listen", "TIDEGATE_EXT_AUTHZ_LISTEN", app.DefaultExtAuthzListen, "decisions for Envoy (ext_authz, gRPC), such as 127.0.0.1:9001; off: none"},
	{"nats-listen", "TIDEGATE_NATS_LISTEN", "127.0.0.1:4222", "external subscribers, who may read events and nothing else; off keeps NATS in process"},
	{"database-url", "TIDEGATE_DATABASE_URL", "", "postgres://... uses Postgres (a schema a service) instead of SQLite"},
	{"nats-url", "TIDEGATE_NATS_URL", "", "uses an external NATS instead of the embedded one"},
	{"log-level", "TIDEGATE_LOG_LEVEL", "info", "debug, info, warn or error"},
}

func upCommand(s *session) *cobra.Command {
	var demo, allowPrivate bool
	var output string
	c := &cobra.Command{
		Use: "up", Short: "Run all of Tidegate in this process", Args: noArgs,
		Long: `Run all of Tidegate in this process: every service, embedded NATS, the gateway
and the portal.

A default port that is taken gives the next free one; a port that was asked for
and is taken is an error; port 0 takes a free one. Everything that lasts is in
the data directory, and a second start resumes from it.`,
	}
	values := map[string]*string{}
	for _, set := range settings {
		values[set.flag] = c.Flags().String(set.flag, set.otherwise, set.usage+" ("+set.variable+")")
	}
	c.Flags().BoolVar(&allowPrivate, "webhook-allow-private", false, "webhooks may go to loopback and private addresses (TIDEGATE_WEBHOOK_ALLOW_PRIVATE)")
	c.Flags().BoolVar(&demo, "demo", false, "load demonstration data through the public API, and start an echo upstream")
	c.Flags().StringVar(&output, "output", "text", "text, or json: exactly one line on standard output when ready")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if output != "text" && output != "json" {
			return usage("--output: want text or json, not %q", output)
		}
		// A flag wins over its variable by taking its place.
		variables := os.Environ()
		for _, set := range settings {
			if c.Flags().Changed(set.flag) && set.flag != "nats-listen" {
				variables = append(variables, set.variable+"="+*values[set.flag])
			}
		}
		if allowPrivate {
			variables = append(variables, "TIDEGATE_WEBHOOK_ALLOW_PRIVATE=true")
		}
		cfg, err := app.Settings(variables)
		if err != nil {
			return err
		}
		cfg.DataDir = s.dataDir
		address := func(flag string) up.Address { return s.addressOf(c, flag, *values[flag]) }
		running := up.Config{
			App: cfg, Management: address("listen"), Gateway: address("gateway-listen"), GatewayAdmin: address("gateway-admin-listen"),
			ExtAuthz: address("ext-authz-listen"), NATS: address("nats-listen"), Demo: demo, JSON: output == "json", Stdout: s.stdout, Stderr: s.stderr,
		}
		if running.NATS.Value == "off" {
			running.NATS = up.Address{}
		}
		if cfg.ExtAuthzListen == "" {
			running.ExtAuthz = up.Address{}
		}
		return up.Run(c.Context(), running)
	}
	return c
}

// addressOf answers where to listen: as the flag says, or its variable, or by
// default.
func (s *session) addressOf(c *cobra.Command, flag, value string) up.Address {
	if c.Flags().Changed(flag) {
		return up.Address{Value: value, Asked: true}
	}
	for _, set := range settings {
		if set.flag == flag && os.Getenv(set.variable) != "" {
			return up.Address{Value: os.Getenv(set.variable), Asked: true}
		}
	}
	return up.Address{Value: value}
}
