package app_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/libs/app"
)

var stored = app.Service{
	Name: "consumer", Writes: consumer.Events, Ring: true, Routes: func(app.Deps) error { return nil },
}

func TestConfiguration(t *testing.T) {
	whole := []string{
		"TIDEGATE_DATABASE_URL=postgres://u:p@db/tidegate", "TIDEGATE_NATS_URL=nats://u:p@n1:4222,nats://u:p@n2:4222",
		"TIDEGATE_AUTH_ISSUER=https://id", "TIDEGATE_AUTH_JWKS_URL=https://id/jwks", "TIDEGATE_KEYRING=/keys", "TIDEGATE_RENEW_GRACE=48h",
		"TIDEGATE_SIGNED_BODY_LIMIT=1048576",
	}

	t.Run("a whole configuration is taken as it is", func(t *testing.T) {
		cfg, err := app.ReadConfig(whole, stored)
		if err != nil {
			t.Fatal(err)
		}
		if cfg.DatabaseURL != "postgres://u:p@db/tidegate" || cfg.RenewGrace != 48*time.Hour || cfg.SignedBodyLimit != 1<<20 || cfg.Listen != app.DefaultListen || cfg.Namespace != "default" {
			t.Errorf("read %+v", cfg)
		}
	})

	t.Run("decisions for Envoy are off until an address is given", func(t *testing.T) {
		for value, want := range map[string]string{"": "", "off": "", "127.0.0.1:9001": "127.0.0.1:9001"} {
			cfg, err := app.ReadConfig(append(slices.Clone(whole), "TIDEGATE_EXT_AUTHZ_LISTEN="+value), stored)
			if err != nil || cfg.ExtAuthzListen != want {
				t.Errorf("%q: read %q: %v", value, cfg.ExtAuthzListen, err)
			}
		}
	})

	t.Run("the outside address has no path", func(t *testing.T) {
		cfg, err := app.ReadConfig(append(slices.Clone(whole), "TIDEGATE_PUBLIC_URL=https://api.example.com/"), stored)
		if err != nil || cfg.PublicURL != "https://api.example.com" {
			t.Errorf("read %q: %v", cfg.PublicURL, err)
		}
		for _, wrong := range []string{"api.example.com", "ftp://api.example.com", "https://", "https://api.example.com/v1", "https://u@api.example.com", "https://api.example.com?x"} {
			if _, err := app.ReadConfig(append(slices.Clone(whole), "TIDEGATE_PUBLIC_URL="+wrong), stored); err == nil || !strings.Contains(err.Error(), "TIDEGATE_PUBLIC_URL") {
				t.Errorf("%s was taken: %v", wrong, err)
			}
		}
	})

	t.Run("calls are logged nowhere until a place is given", func(t *testing.T) {
		for value, want := range map[string]string{"": "off", "TIDEGATE_ACCESS_LOG=stdout": "stdout", "TIDEGATE_ACCESS_LOG=/var/log/tidegate.log": "/var/log/tidegate.log"} {
			cfg, err := app.ReadConfig(append(slices.Clone(whole), value), stored)
			if err != nil || cfg.AccessLog != want {
				t.Errorf("%q: read %q: %v", value, cfg.AccessLog, err)
			}
		}
	})

	t.Run("all faults are told in one message, and no secret", func(t *testing.T) {
		_, err := app.ReadConfig([]string{
			"TIDEGATE_DATABASE_URL=mysql://u:hunter2@db", "TIDEGATE_NATS_URL=hunter3", "TIDEGATE_LOG_LEVEL=loud", "TIDEGATE_RENEW_GRACE=soon",
			"TIDEGATE_AUTH_ISSUER=https://id", "TIDEGATE_LISTEN=8080", "TIDEGATE_NATS_REPLICAS=9", "TIDEGATE_CONSUMER_URL=consumer:1", "TIDEGATE_SIGNED_BODY_LIMIT=8MiB", "TIDEGATE_EXT_AUTHZ_LISTEN=9001",
		}, stored)
		if err == nil {
			t.Fatal("a wrong configuration was taken")
		}
		for _, name := range []string{
			"TIDEGATE_DATABASE_URL", "TIDEGATE_NATS_URL", "TIDEGATE_LOG_LEVEL", "TIDEGATE_RENEW_GRACE", "TIDEGATE_AUTH_JWKS_URL", "TIDEGATE_LISTEN",
			"TIDEGATE_NATS_REPLICAS", "TIDEGATE_CONSUMER_URL", "TIDEGATE_KEYRING", "TIDEGATE_SIGNED_BODY_LIMIT", "TIDEGATE_EXT_AUTHZ_LISTEN",
		} {
			if !strings.Contains(err.Error(), name) {
				t.Errorf("the message does not name %s: %v", name, err)
			}
		}
		if strings.Contains(err.Error(), "hunter") {
			t.Errorf("the message tells a secret: %v", err)
		}
	})

	t.Run("what a service needs is asked of it alone", func(t *testing.T) {
		if _, err := app.ReadConfig([]string{"TIDEGATE_NATS_URL=nats://n:4222"}, app.Service{Name: "gateway", Dir: true}); err == nil ||
			!strings.Contains(err.Error(), "TIDEGATE_DATA_DIR") || strings.Contains(err.Error(), "DATABASE") {
			t.Errorf("a service with files alone was refused with: %v", err)
		}
		if _, err := app.ReadConfig(whole, app.Service{Name: "portal", Front: true}); err == nil || !strings.Contains(err.Error(), "TIDEGATE_SUBSCRIPTION_URL") {
			t.Errorf("a portal without its peers was refused with: %v", err)
		}
	})

	t.Run("a secret may come from a file", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "url")
		if err := os.WriteFile(path, []byte("postgres://from/file\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := app.ReadConfig(append(whole[1:], "TIDEGATE_DATABASE_URL_FILE="+path), stored)
		if err != nil || cfg.DatabaseURL != "postgres://from/file" {
			t.Errorf("read %q, %v", cfg.DatabaseURL, err)
		}
		if _, err := app.ReadConfig(append(whole, "TIDEGATE_DATABASE_URL_FILE="+path), stored); err == nil {
			t.Error("a secret that is given twice was taken")
		}
		if _, err := app.ReadConfig(append(whole[1:], "TIDEGATE_DATABASE_URL_FILE="+path+".missing"), stored); err == nil {
			t.Error("a file that is not there was taken")
		}
	})

	t.Run("replicas of a peer are separated by commas", func(t *testing.T) {
		cfg, err := app.Settings([]string{"TIDEGATE_CONSUMER_URL=http://c1:8080/, http://c2:8080"})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(cfg.Peers["consumer"], " "); got != "http://c1:8080 http://c2:8080" {
			t.Errorf("read %q", got)
		}
	})
}

func TestOwnersOfPaths(t *testing.T) {
	for path, want := range map[string]string{
		"/v1/consumers":                      "consumer",
		"/v1/consumers/acme":                 "consumer",
		"/v1/consumers/acme/history":         "consumer",
		"/v1/consumers/acme/credentials":     "credential",
		"/v1/consumers/acme/credentials/x":   "credential",
		"/v1/consumers/credentials":          "consumer",
		"/v1/consumers//credentials":         "consumer",
		"/v1/credentials/cred_1/rotate":      "credential",
		"/v1/services/petstore":              "catalog",
		"/v1/subscriptions/sub_1":            "subscription",
		"/v1/approvals":                      "subscription",
		"/v1/operations/subscription/parked": "subscription",
		"/v1/operations":                     "",
		"/v1/consumersandmore":               "",
		"/v1/gateways":                       "",
		"/":                                  "",
		"":                                   "",
	} {
		if got, _ := app.Owner(path); got != want {
			t.Errorf("%q belongs to %q, want %q", path, got, want)
		}
	}
}
