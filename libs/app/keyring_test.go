package app_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/libs/app/apptest"
	"github.com/tidegate-io/tidegate/libs/secret/transit"
)

func TestConfigurationOfTheKeyRing(t *testing.T) {
	base := []string{"TIDEGATE_NATS_URL=nats://n:4222", "TIDEGATE_DATA_DIR=/data"}
	read := func(more ...string) (app.Config, error) { return app.ReadConfig(append(base, more...), stored) }

	t.Run("is a plain file unless something else is said", func(t *testing.T) {
		if cfg, err := read(); err != nil || cfg.KeyringDriver.Transit != nil {
			t.Errorf("read %v, %v", cfg.KeyringDriver, err)
		}
	})
	t.Run("names a transit engine and a token", func(t *testing.T) {
		cfg, err := read("TIDEGATE_KEYRING_DRIVER=transit", "TIDEGATE_KEYRING_TRANSIT_ADDRESS=https://vault:8200",
			"TIDEGATE_KEYRING_TRANSIT_TOKEN_FILE=/run/token", "TIDEGATE_KEYRING_TRANSIT_NAMESPACE=team-a")
		want := transit.Config{Address: "https://vault:8200", Key: "tidegate", Mount: "transit", Namespace: "team-a", TokenFile: "/run/token"}
		if err != nil || *cfg.KeyringDriver.Transit != want {
			t.Errorf("read %+v, %v", cfg.KeyringDriver.Transit, err)
		}
	})
	for what, variables := range map[string][]string{
		"want file or transit":                 {"TIDEGATE_KEYRING_DRIVER=hsm"},
		"set TIDEGATE_KEYRING_DRIVER":          {"TIDEGATE_KEYRING_TRANSIT_ADDRESS=https://vault:8200"},
		"address: want https":                  {"TIDEGATE_KEYRING_DRIVER=transit", "TIDEGATE_KEYRING_TRANSIT_ADDRESS=http://vault:8200", "TIDEGATE_KEYRING_TRANSIT_TOKEN=s.needle"},
		"token: want one, or the file that it": {"TIDEGATE_KEYRING_DRIVER=transit", "TIDEGATE_KEYRING_TRANSIT_ADDRESS=https://vault:8200"},
	} {
		t.Run("is refused: "+what, func(t *testing.T) {
			if _, err := read(variables...); err == nil || !strings.Contains(err.Error(), what) || strings.Contains(err.Error(), "needle") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestAServiceWaitsForWhoeverUnwrapsItsKeyRing starts one while the engine is
// sealed.
func TestAServiceWaitsForWhoeverUnwrapsItsKeyRing(t *testing.T) {
	var asked atomic.Int64
	engine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Plaintext, Ciphertext string }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || r.Header.Get("X-Vault-Token") != "s.token" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		if asked.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		data := map[string]string{"ciphertext": "vault:v1:" + in.Plaintext, "plaintext": strings.TrimPrefix(in.Ciphertext, "vault:v1:")}
		if err := json.NewEncoder(w).Encode(map[string]any{"data": data}); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(engine.Close)
	dir := t.TempDir()
	began := time.Now()
	apptest.StartWith(t, apptest.Config{DataDir: dir, Services: []app.Service{{Name: "consumer", Ring: true}}, Change: func(cfg *app.Config) {
		cfg.KeyringDriver.Transit = &transit.Config{Address: engine.URL, Key: "tidegate", Token: "s.token"}
	}})
	content, err := os.ReadFile(filepath.Join(dir, "keyring.json"))
	if err != nil || !strings.HasPrefix(string(content), "vault:v1:") {
		t.Fatalf("the file holds %.9s, %v", content, err)
	}
	if took := time.Since(began); asked.Load() < 3 || took > 10*time.Second {
		t.Errorf("the engine was asked %d times in %s", asked.Load(), took)
	}
}

func TestAServiceSaysHowToMakeTheKeyRingThatItLacks(t *testing.T) {
	cfg := app.Config{Keyring: filepath.Join(t.TempDir(), "none.json"), DataDir: t.TempDir(), NATSURL: "nats://127.0.0.1:1"}
	err := app.Run(t.Context(), cfg, app.Service{Name: "consumer", Ring: true})
	if err == nil || !strings.Contains(err.Error(), "tidegate keyring init --file "+cfg.Keyring) {
		t.Fatalf("got %v", err)
	}
}
