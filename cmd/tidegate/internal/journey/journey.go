// Package journey is Tidegate's main job from end to end, through public
// addresses alone: a consumer is registered, gets a credential, asks for a
// service, a provider approves, the call goes through; the credential is
// revoked, and the very next call is refused.
//
// It runs against any system that is up: one process, or many.
package journey

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
)

// System is a running Tidegate.
type System struct {
	Management string   // base URL of the portal
	Gateways   []string // base URLs of every gateway
	// Token makes a management token.
	Token func(subject string, roles, teams []string) string
}

// Run makes the journey once. Everything that it makes has a name of its own, so
// that it can be run again, and by several at once.
func Run(t testing.TB, s System) {
	t.Helper()
	j := start(t, s)
	j.publish()
	key := j.issue()
	j.everywhere(key, http.StatusForbidden, "not_subscribed")
	j.everywhere("", http.StatusUnauthorized, "credential_missing")
	j.everywhere("tg_k_nobody", http.StatusUnauthorized, "credential_invalid")
	j.subscribe(key)
	j.reach(key)
	j.revoke(key)
	j.remove()
}

// journey is one run.
type journey struct {
	t        testing.TB
	s        System
	name     string // of the service, the consumer and both teams
	upstream *httptest.Server

	developer, provider client
	credential          string
	subscription        string
}

func start(t testing.TB, s System) *journey {
	t.Helper()
	name := "journey-" + strings.ReplaceAll(events.NewID(time.Now()), "-", "")
	j := &journey{t: t, s: s, name: name}
	j.upstream = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "%s %s for %s by %s with key %q", r.Method, r.URL.Path, r.Header.Get("X-Consumer-Id"), r.Header.Get("X-Subscription-Id"), r.Header.Get("X-Api-Key"))
	}))
	t.Cleanup(j.upstream.Close)
	j.developer = client{t, s.Management, s.Token("dora", []string{"developer"}, []string{name + "-apps"})}
	j.provider = client{t, s.Management, s.Token("paul", []string{"provider"}, []string{name + "-apis"})}
	return j
}

// publish makes the service that is called.
func (j *journey) publish() {
	j.t.Helper()
	j.provider.post("/v1/services", object{
		"id": j.name, "name": "Journey", "team": j.name + "-apis", "approval": object{"mode": "manual"},
		"routes":    []object{{"path_prefix": "/" + j.name, "strip_prefix": true}},
		"upstreams": []object{{"url": j.upstream.URL, "weight": 1}},
	}).want(http.StatusCreated)
	j.applied(j.provider.post("/v1/services/"+j.name+"/publish", nil, "Prefer: wait=10").want(http.StatusOK))
}

// issue registers the consumer and answers its new key.
func (j *journey) issue() string {
	j.t.Helper()
	j.developer.post("/v1/consumers", object{"id": j.name, "name": "Journey"}).want(http.StatusCreated)
	issued := j.developer.post("/v1/consumers/"+j.name+"/credentials", object{"name": "key", "type": "api_key", "hide_credentials": true}, "Prefer: wait=10").
		want(http.StatusCreated)
	j.applied(issued)
	j.credential = issued.text("id")
	return issued.text("secret.api_key")
}

// subscribe asks, is refused while it waits, and is approved.
func (j *journey) subscribe(key string) {
	j.t.Helper()
	asked := j.developer.post("/v1/subscriptions", object{"consumer_id": j.name, "service_id": j.name, "reason": "to travel"}, "Prefer: wait=10").
		want(http.StatusCreated)
	j.applied(asked)
	j.subscription = asked.text("id")
	if status := asked.text("status"); status != "pending" {
		j.t.Fatalf("the request is %q, want pending", status)
	}
	j.everywhere(key, http.StatusForbidden, "subscription_pending")
	waiting := j.provider.get("/v1/approvals").want(http.StatusOK)
	if !strings.Contains(string(waiting.body), j.subscription) {
		j.t.Fatalf("the provider is not shown the request: %s", waiting.body)
	}
	j.applied(j.provider.post("/v1/subscriptions/"+j.subscription+"/approve", object{"comment": "welcome"}, "Prefer: wait=10").want(http.StatusOK))
}

// reach calls the service through every gateway.
func (j *journey) reach(key string) {
	j.t.Helper()
	want := fmt.Sprintf("GET /pets for %s by %s with key %q", j.name, j.subscription, "")
	for _, gateway := range j.s.Gateways {
		answer := call(j.t, gateway, j.name, key).want(http.StatusOK)
		if got := string(answer.body); got != want {
			j.t.Fatalf("the service saw %s, want %s", got, want)
		}
	}
}

// revoke ends the credential: with Prefer: wait, the very next call is refused.
func (j *journey) revoke(key string) {
	j.t.Helper()
	j.applied(j.developer.post("/v1/credentials/"+j.credential+"/revoke", object{"reason": "lost"}, "Prefer: wait=10").want(http.StatusOK))
	j.everywhere(key, http.StatusUnauthorized, "credential_invalid")
}

// remove deletes the consumer; its subscription ends by itself.
func (j *journey) remove() {
	j.t.Helper()
	j.developer.send(http.MethodDelete, "/v1/consumers/"+j.name, nil).want(http.StatusNoContent)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); ; <-tick.C {
		status := j.developer.get("/v1/subscriptions/" + j.subscription).want(http.StatusOK).text("status")
		if status == "cancelled" {
			break
		}
		if time.Now().After(deadline) {
			j.t.Fatalf("the deleted consumer's subscription is still %s", status)
		}
	}
	j.provider.post("/v1/services/"+j.name+"/retire", nil).want(http.StatusOK)
}

// applied fails the test unless every gateway has applied the command.
func (j *journey) applied(a answer) {
	j.t.Helper()
	if got, want := a.header.Get("Tidegate-Applied"), fmt.Sprintf("%d/%[1]d", len(j.s.Gateways)); got != want {
		j.t.Fatalf("%s was applied by %q gateways, want %s", a.call, got, want)
	}
}

// everywhere fails the test unless every gateway refuses the key with a code.
func (j *journey) everywhere(key string, status int, code string) {
	j.t.Helper()
	for _, gateway := range j.s.Gateways {
		answer := call(j.t, gateway, j.name, key).want(status)
		if got := answer.text("code"); got != code {
			j.t.Fatalf("%s refused with %q, want %q", gateway, got, code)
		}
	}
}
