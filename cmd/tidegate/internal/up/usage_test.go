package up_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/up"
	"github.com/tidegate-io/tidegate/libs/app/apptest"
)

// TestUsesReachTheInventory counts calls through the gateway, over shutdowns and
// without NATS: none is lost, none counted twice.
func TestUsesReachTheInventory(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer upstream.Close()
	h := apptest.Start(t, up.Services()...)
	dev, wait := h.Developer("payments"), "Prefer: wait=10"
	h.Admin().Post("/v1/services", map[string]any{
		"id": "pets", "name": "Pets", "team": "zoo", "accepts": []string{"api_key"}, "approval": map[string]any{"mode": "auto"},
		"routes": []any{map[string]any{"path_prefix": "/pets"}}, "upstreams": []any{map[string]any{"url": upstream.URL, "weight": 1}},
	}).Want(http.StatusCreated)
	h.Admin().Post("/v1/services/pets/publish", map[string]any{}).Want(http.StatusOK)
	dev.Post("/v1/consumers", map[string]any{"id": "acme", "name": "Acme"}).Want(http.StatusCreated)
	dev.Post("/v1/subscriptions", map[string]any{"consumer_id": "acme", "service_id": "pets"}).Want(http.StatusCreated)
	issue := func(name string) (path, key string) {
		t.Helper()
		issued := dev.Post("/v1/consumers/acme/credentials", map[string]any{"name": name, "type": "api_key"}, wait).Want(http.StatusCreated)
		return "/v1/credentials/" + issued.Text("id"), issued.Text("secret.api_key")
	}
	path, key := issue("used")
	issue("idle")
	total := 0
	call := func(times int) {
		t.Helper()
		for range times {
			if status := h.Call(http.MethodGet, "/pets/1", "X-API-Key: "+key).Status; status != http.StatusOK {
				t.Fatalf("a call is answered %d", status)
			}
			total++
		}
	}
	counted := func(what string) {
		t.Helper()
		h.Eventually(what, func() bool { return dev.Get(path).Want(http.StatusOK).Text("use_count") == fmt.Sprint(total) })
	}

	if shown := dev.Get(path).Want(http.StatusOK); shown.Value("last_used_at") != nil || shown.Text("use_count") != "0" {
		t.Fatalf("before its first use: %s", shown.Body)
	}
	began := time.Now().Truncate(time.Millisecond)
	call(5)
	if status := h.Call(http.MethodGet, "/pets/1", "X-API-Key: "+key+"x").Status; status != http.StatusUnauthorized {
		t.Fatalf("a wrong key is answered %d", status)
	}
	if status := h.Call(http.MethodDelete, "/nowhere", "X-API-Key: "+key).Status; status != http.StatusNotFound {
		t.Fatalf("an unknown route is answered %d", status)
	}
	ended := time.Now()
	counted("five calls are counted, and no refused one")
	at, err := time.Parse(time.RFC3339, dev.Get(path).Text("last_used_at"))
	if err != nil || at.Before(began) || at.After(ended) {
		t.Errorf("it was last used at %s, called between %s and %s: %v", at, began, ended, err)
	}

	call(3)
	h.Stop() // what was counted goes out before those who take it end
	h.Run()
	dev = h.Developer("payments")
	counted("what was counted before a restart is there")
	call(2)
	counted("what was counted after it adds up")

	h.StopNATS()
	call(4)
	h.Stop() // nobody could take it
	h.StartNATS()
	h.Run()
	dev = h.Developer("payments")
	counted("what could not be reported is reported by the next process")
	call(1)
	h.StopNATS()
	call(1)
	h.StartNATS()
	counted("what was counted while NATS was away arrives when it is back")

	names := func(c *apptest.Client, query string) (found []string) {
		t.Helper()
		for _, item := range c.Get("/v1/credentials?" + query).Want(http.StatusOK).Value("items").([]any) {
			found = append(found, item.(map[string]any)["name"].(string))
		}
		return found
	}
	if got := fmt.Sprint(names(dev, "used=never"), names(dev, "used=ever"), names(h.Developer("other"), "used=ever"), names(h.Developer("other"), "")); got != "[idle] [used] [] []" {
		t.Errorf("never used, used, and what another team sees of both: %s", got)
	}
	if got := dev.Get("/v1/credentials/inventory").Want(http.StatusOK); got.Text("never_used") != "1" || got.Text("total") != "2" {
		t.Errorf("the inventory is %s", got.Body)
	}
	dev.Post(path+"/revoke", map[string]any{}, wait).Want(http.StatusOK)
	if status := h.Call(http.MethodGet, "/pets/1", "X-API-Key: "+key).Status; status != http.StatusUnauthorized {
		t.Fatalf("a revoked key is answered %d", status)
	}
	if got := dev.Get(path).Want(http.StatusOK).Text("use_count"); got != fmt.Sprint(total) {
		t.Errorf("a revoked one was used %s times, not %d", got, total)
	}
}
