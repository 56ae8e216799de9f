package proxy_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/events/subscription"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/gateway/internal/gatewaytest"
)

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func TestTheContractsCodes(t *testing.T) {
	w := gatewaytest.NewWorld()
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Seen-Path", r.URL.EscapedPath())
		if r.URL.Path == "/slow" {
			time.Sleep(2500 * time.Millisecond)
		}
	}))
	defer up.Close()
	w.Service(t, "pets", up.URL, func(d *catalog.Drafted) { d.Routes[0].Methods = []string{"GET", "POST"} })
	w.Service(t, "keys", up.URL, func(d *catalog.Drafted) { d.Accepts = []string{"api_key"} })
	w.Service(t, "down", "http://127.0.0.1:1")
	for _, id := range []string{"good", "suspended", "stranger", "pending", "halted", "ended", "unassigned", "fenced", "deleted"} {
		w.Consumer(t, id)
		if id != "stranger" && id != "pending" {
			w.Subscribe(t, "sub_"+id, id, "pets")
		}
	}
	w.Subscribe(t, "sub_keys", "good", "keys")
	w.Subscribe(t, "sub_down", "good", "down")
	concerns := func(id string) events.Concerns { return events.Concerns{SubscriptionID: id} }
	w.Publish(t, "consumer-suspended", consumer.Suspended{Concerns: events.Concerns{ConsumerID: "suspended"}})
	w.Publish(t, "consumer-deleted", consumer.Deleted{Concerns: events.Concerns{ConsumerID: "deleted"}})
	w.Publish(t, "consumer-fenced", consumer.Updated{Limits: &events.Change[*consumer.Limits]{After: &consumer.Limits{AllowedIPs: []string{"10.0.0.0/8"}}}})
	w.Publish(t, "subscription-sub_pending", subscription.Requested{Concerns: events.Concerns{SubscriptionID: "sub_pending", ConsumerID: "pending", ServiceID: "pets"}, PlanID: "default"})
	w.Publish(t, "subscription-sub_halted", subscription.Suspended{Concerns: concerns("sub_halted")})
	past := time.Now().Add(-time.Minute)
	w.Publish(t, "subscription-sub_ended", subscription.Renewed{Concerns: concerns("sub_ended"), ExpiresAt: &past})
	w.Publish(t, "subscription-sub_unassigned", subscription.CredentialsAssigned{Concerns: concerns("sub_unassigned"), CredentialIDs: &[]string{}})

	keys := map[string]string{}
	for _, id := range []string{"good", "suspended", "stranger", "pending", "halted", "ended", "unassigned", "fenced", "deleted"} {
		keys[id] = w.APIKey(t, "cred_"+id, id)
	}
	keys["revoked"] = w.APIKey(t, "cred_revoked", "good")
	w.Revoke(t, "cred_revoked")
	keys["resting"] = w.APIKey(t, "cred_resting", "good")
	w.Publish(t, "credential-cred_resting", credential.Suspended{Concerns: events.Concerns{CredentialID: "cred_resting"}})
	keys["expired"] = w.APIKey(t, "cred_expired", "good", func(d *credential.Issued) { d.ExpiresAt = &past })
	keys["elsewhere"] = w.APIKey(t, "cred_elsewhere", "good", func(d *credential.Issued) { d.Placement = gatewaytest.Header("X-Other") })
	generated := secret.Generate(secret.Password)
	w.Basic(t, "cred_basic", "good", "user", generated)
	w.Basic(t, "cred_chosen", "good", "chosen", "correct horse: battery")
	g := gatewaytest.Start(t, w)

	header := "X-API-Key"
	for name, c := range map[string]struct {
		method, path string
		headers      []string
		status       int
		code         string
	}{
		"a good key":                      {"GET", "/pets/1", []string{header, keys["good"]}, 200, ""},
		"its header in another case":      {"GET", "/pets/1", []string{"x-api-key", keys["good"]}, 200, ""},
		"a path that climbs":              {"GET", "/pets/%2e%2e/%2e%2e/x", nil, 400, "bad_request_target"},
		"an encoded slash":                {"GET", "/pets%2f1", nil, 400, "bad_request_target"},
		"no route":                        {"GET", "/petsandmore", []string{header, keys["good"]}, 404, "route_not_found"},
		"no route before no credential":   {"GET", "/nothing", nil, 404, "route_not_found"},
		"a method before no credential":   {"DELETE", "/pets/1", nil, 405, "method_not_allowed"},
		"no credential":                   {"GET", "/pets", nil, 401, "credential_missing"},
		"an empty credential":             {"GET", "/pets", []string{header, ""}, 401, "credential_missing"},
		"an unknown key":                  {"GET", "/pets", []string{header, secret.Generate(secret.APIKey)}, 401, "credential_invalid"},
		"a mistyped key":                  {"GET", "/pets", []string{header, keys["good"][:len(keys["good"])-1] + "_"}, 401, "credential_invalid"},
		"a key with something after it":   {"GET", "/pets", []string{header, keys["good"] + "x"}, 401, "credential_invalid"},
		"a revoked key":                   {"GET", "/pets", []string{header, keys["revoked"]}, 401, "credential_invalid"},
		"a deleted consumer":              {"GET", "/pets", []string{header, keys["deleted"]}, 401, "credential_invalid"},
		"a suspended key":                 {"GET", "/pets", []string{header, keys["resting"]}, 401, "credential_suspended"},
		"an expired key":                  {"GET", "/pets", []string{header, keys["expired"]}, 401, "credential_expired"},
		"a key in its own place":          {"GET", "/pets", []string{"X-Other", keys["elsewhere"]}, 200, ""},
		"a key in another's place":        {"GET", "/pets", []string{header, keys["elsewhere"]}, 401, "credential_invalid"},
		"a key in Authorization":          {"GET", "/pets", []string{"Authorization", "Bearer " + keys["good"]}, 401, "credential_invalid"},
		"a suspended consumer":            {"GET", "/pets", []string{header, keys["suspended"]}, 403, "consumer_suspended"},
		"nobody's subscriber":             {"GET", "/pets", []string{header, keys["stranger"]}, 403, "not_subscribed"},
		"a pending subscription":          {"GET", "/pets", []string{header, keys["pending"]}, 403, "subscription_pending"},
		"a suspended subscription":        {"GET", "/pets", []string{header, keys["halted"]}, 403, "subscription_suspended"},
		"an expired subscription":         {"GET", "/pets", []string{header, keys["ended"]}, 403, "subscription_expired"},
		"a credential not assigned":       {"GET", "/pets", []string{header, keys["unassigned"]}, 403, "credential_not_assigned"},
		"an address that is fenced off":   {"GET", "/pets", []string{header, keys["fenced"]}, 403, "ip_not_allowed"},
		"upstream down":                   {"GET", "/down", []string{header, keys["good"]}, 502, "upstream_unreachable"},
		"upstream slow":                   {"GET", "/pets/slow", []string{header, keys["good"]}, 504, "upstream_timeout"},
		"a generated password":            {"GET", "/pets", []string{"Authorization", basic("user", generated)}, 200, ""},
		"basic in lower case":             {"GET", "/pets", []string{"Authorization", "b" + basic("user", generated)[1:]}, 200, ""},
		"a chosen password":               {"GET", "/pets", []string{"Authorization", basic("chosen", "correct horse: battery")}, 200, ""},
		"a chosen password, untrimmed":    {"GET", "/pets", []string{"Authorization", basic("chosen", "correct horse: battery ")}, 401, "credential_invalid"},
		"another's password":              {"GET", "/pets", []string{"Authorization", basic("chosen", generated)}, 401, "credential_invalid"},
		"a generated password as a key":   {"GET", "/pets", []string{header, generated}, 401, "credential_invalid"},
		"an unknown user":                 {"GET", "/pets", []string{"Authorization", basic("nobody", "whatever")}, 401, "credential_invalid"},
		"basic without a colon":           {"GET", "/pets", []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("user"))}, 401, "credential_invalid"},
		"basic that is not base64":        {"GET", "/pets", []string{"Authorization", "Basic ?"}, 401, "credential_invalid"},
		"a type the service refuses":      {"GET", "/keys", []string{"Authorization", basic("user", generated)}, 401, "credential_invalid"},
		"a wrong password and a good key": {"GET", "/pets", []string{"Authorization", basic("user", "wrong"), header, keys["good"]}, 200, ""},
		"two callers in one":              {"GET", "/pets", []string{"Authorization", basic("user", generated), header, keys["good"]}, 401, "credential_invalid"},
		"two keys in one header":          {"GET", "/pets", []string{header, keys["good"], header, keys["stranger"]}, 401, "credential_invalid"},
		"the same key twice":              {"GET", "/pets", []string{header, keys["good"], header, keys["good"]}, 200, ""},
		"a good key behind eight bad":     {"GET", "/pets", []string{header, "1", header, "2", header, "3", header, "4", header, "5", header, "6", header, "7", header, "8", header, keys["good"]}, 401, "credential_invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			answer, body := g.Do(t, c.method, c.path, nil, c.headers...)
			if answer.StatusCode != c.status {
				t.Fatalf("%d, want %d: %s", answer.StatusCode, c.status, body)
			}
			id := answer.Header.Get("X-Request-Id")
			if len(id) != 36 || len(answer.Header.Values("X-Request-Id")) != 1 {
				t.Errorf("request ids %q", answer.Header.Values("X-Request-Id"))
			}
			if c.code == "" {
				return
			}
			var problem struct {
				Type, Title, Detail, Code string
				Status                    int
				RequestID                 string `json:"request_id"`
			}
			if err := json.Unmarshal([]byte(body), &problem); err != nil || answer.Header.Get("Content-Type") != "application/problem+json" {
				t.Fatalf("%s: %v", body, err)
			}
			if problem.Code != c.code || problem.Status != c.status || problem.RequestID != id || problem.Detail == "" || problem.Title == "" || problem.Type == "" {
				t.Errorf("%+v", problem)
			}
			if challenges := answer.Header.Values("WWW-Authenticate"); (c.status == 401) != (len(challenges) > 0) {
				t.Errorf("challenges %q", challenges)
			}
			if answer.Header.Get("Date") == "" {
				t.Error("no date")
			}
			if allow := answer.Header.Get("Allow"); (c.status == 405) != (allow == "GET, POST") {
				t.Errorf("Allow %q", allow)
			}
		})
	}
	answer, _ := g.Get(t, "/keys")
	if challenges := answer.Header.Values("Www-Authenticate"); len(challenges) != 1 || challenges[0] != `ApiKey realm="tidegate"` {
		t.Errorf("one challenge a type: %q", challenges)
	}
}
