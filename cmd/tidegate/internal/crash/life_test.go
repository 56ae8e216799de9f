package crash_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/web"
)

// life is one consumer with a credential and a subscription, or one service,
// from its beginning to an end: a list of commands, each given until it is
// acknowledged. It is the ledger too: what was acknowledged must be there, once.
type life struct {
	name    string // of the consumer, or of the service
	steps   []*step
	done    int // steps that are acknowledged
	service bool

	target                   string // the service that it calls
	credential, subscription string // ids
	key                      string // the newest; empty: the answer that told it was lost
	old                      []string
	expected                 string // what the gateway answers in the end; empty: let through
	confirmed                bool   // the gateway had applied the last step when it was answered
}

// step is one command and the events that follow from it, each as the kind of
// its aggregate and its name: "credential.revoked".
type step struct {
	method string
	path   string // with {credential} and {subscription}
	body   web.Object
	key    string // Idempotency-Key
	wait   bool
	status int
	events []string

	attempts int
	answer   []byte // of the acknowledgement
	brought  string // the caller's own key, in force from this step on
	after    func(*life, web.Reply)
}

// services of the world.
const (
	manual    = "manual"
	automatic = "automatic"
)

type author struct {
	*life
	random *rand.Rand
}

func newLife(random *rand.Rand, upstream string) *life {
	a := author{life: &life{name: web.Unique("load")}, random: random}
	if random.IntN(8) == 0 {
		a.writeService(upstream)
	} else {
		a.writeConsumer()
	}
	return a.life
}

func (a author) chance(n int) bool { return a.random.IntN(n) == 0 }

func (a author) do(status int, path string, body web.Object, events ...string) *step {
	s := &step{method: http.MethodPost, path: path, body: body, status: status, events: events, wait: a.chance(2), key: web.Unique("key")}
	a.steps = append(a.steps, s)
	return s
}

func (a author) writeService(upstream string) {
	a.service, a.target, a.expected = true, a.name, "credential_missing"
	path := "/v1/services/" + a.name
	a.do(http.StatusCreated, "/v1/services", definition(a.name, upstream, "auto"), "service.drafted")
	a.do(http.StatusOK, path+"/publish", nil, "service.published")
	if a.chance(3) {
		a.do(http.StatusOK, path+"/unpublish", nil, "service.unpublished")
		a.do(http.StatusOK, path+"/publish", nil, "service.published")
	}
	if a.chance(3) {
		a.do(http.StatusOK, path+"/deprecate", web.Object{"sunset_at": "2099-01-01T00:00:00Z"}, "service.deprecated")
	}
	if a.chance(2) {
		a.do(http.StatusOK, path+"/retire", nil, "service.retired")
		a.expected = "route_not_found"
	}
	a.steps[len(a.steps)-1].wait = true
}

func (a author) writeConsumer() {
	consumer := "/v1/consumers/" + a.name
	a.do(http.StatusCreated, "/v1/consumers", web.Object{"id": a.name, "name": a.name}, "consumer.registered")
	if a.chance(3) {
		patch := a.do(http.StatusOK, consumer, web.Object{"description": "changed"}, "consumer.updated")
		patch.method, patch.key = http.MethodPatch, ""
	}
	if a.chance(4) {
		a.do(http.StatusOK, consumer+"/suspend", web.Object{"reason": "load"}, "consumer.suspended")
		a.do(http.StatusOK, consumer+"/resume", nil, "consumer.resumed")
	}
	a.issue(a.do(http.StatusCreated, consumer+"/credentials", web.Object{"name": "key", "type": "api_key"}, "credential.issued"))
	if !a.subscribe() {
		a.steps[len(a.steps)-1].wait = true
		return
	}
	if a.chance(4) {
		a.do(http.StatusOK, "/v1/credentials/{credential}/suspend", web.Object{"reason": "load"}, "credential.suspended")
		a.do(http.StatusOK, "/v1/credentials/{credential}/resume", nil, "credential.resumed")
	}
	if a.chance(3) {
		a.issue(a.do(http.StatusOK, "/v1/credentials/{credential}/rotate", web.Object{"overlap_seconds": 0}, "credential.rotated"))
	}
	if a.chance(4) {
		a.do(http.StatusOK, "/v1/subscriptions/{subscription}/suspend", web.Object{"reason": "load"}, "subscription.suspended")
		a.do(http.StatusOK, "/v1/subscriptions/{subscription}/resume", nil, "subscription.resumed")
	}
	a.end()
	a.steps[len(a.steps)-1].wait = true
}

// issue has a step make a key; half of the callers bring their own, so that it
// is known also when the answer was lost.
func (a author) issue(s *step) {
	if a.chance(2) {
		s.brought = web.Unique("brought")
		s.body["config"] = web.Object{"key": s.brought}
	}
	s.after = func(l *life, r web.Reply) {
		if l.credential != "" {
			l.old = append(l.old, l.key)
		}
		l.credential, l.key = r.Text("id"), r.Text("secret.api_key")
		if s.brought != "" {
			l.key = s.brought
		}
	}
}

// subscribe says whether it leads to access.
func (a author) subscribe() bool {
	a.target = manual
	if a.chance(2) {
		a.target = automatic
	}
	request := a.do(http.StatusCreated, "/v1/subscriptions", web.Object{"consumer_id": a.name, "service_id": a.target}, "subscription.requested")
	request.after = func(l *life, r web.Reply) { l.subscription = r.Text("id") }
	if a.target == automatic {
		request.events = append(request.events, "subscription.approved")
		return true
	}
	a.expected = "not_subscribed"
	switch a.random.IntN(5) {
	case 0:
		a.do(http.StatusOK, "/v1/subscriptions/{subscription}/reject", web.Object{"reason": "load"}, "subscription.rejected")
		return false
	case 1:
		a.do(http.StatusOK, "/v1/subscriptions/{subscription}/withdraw", nil, "subscription.withdrawn")
		return false
	}
	a.do(http.StatusOK, "/v1/subscriptions/{subscription}/approve", web.Object{"comment": "load"}, "subscription.approved")
	a.expected = ""
	return true
}

func (a author) end() {
	switch a.random.IntN(8) {
	case 0, 1:
		a.do(http.StatusOK, "/v1/credentials/{credential}/revoke", web.Object{"reason": "load"}, "credential.revoked")
		a.expected = "credential_invalid"
	case 2, 3:
		remove := a.do(http.StatusNoContent, "/v1/consumers/"+a.name, nil, "consumer.deleted", "credential.revoked", "subscription.cancelled")
		remove.method, remove.key = http.MethodDelete, ""
		a.expected = "credential_invalid"
	case 4:
		a.do(http.StatusOK, "/v1/subscriptions/{subscription}/cancel", nil, "subscription.cancelled")
		a.expected = "not_subscribed"
	case 5:
		a.do(http.StatusOK, "/v1/subscriptions/{subscription}/revoke", web.Object{"reason": "load"}, "subscription.revoked")
		a.expected = "not_subscribed"
	case 6:
		a.do(http.StatusOK, "/v1/consumers/"+a.name+"/suspend", web.Object{"reason": "load"}, "consumer.suspended")
		a.expected = "consumer_suspended"
	}
}

// over says whether everything was acknowledged.
func (l *life) over() bool { return l.done == len(l.steps) }

// keep writes an acknowledgement down.
func (l *life) keep(s *step, r web.Reply) {
	s.answer = r.Body
	l.done++
	l.confirmed = s.wait && everywhere(r)
	if s.after != nil {
		s.after(l, r)
	}
}

// expect answers the events that one aggregate must have after a number of
// steps. What follows in another service is not promised at once.
func (l *life) expect(kind string, steps int) []string {
	types := []string{}
	for _, s := range l.steps[:steps] {
		for i, name := range s.events {
			cascade := i > 0 && s.method == http.MethodDelete
			if len(name) > len(kind) && name[:len(kind)+1] == kind+"." && (!cascade || l.over() && steps == len(l.steps)) {
				types = append(types, name)
			}
		}
	}
	return types
}

// aggregates answers the kind and the id of everything that it has made.
func (l *life) aggregates() map[string]string {
	if l.service {
		return map[string]string{"service": l.name}
	}
	all := map[string]string{"consumer": l.name}
	if l.credential != "" {
		all["credential"] = l.credential
	}
	if l.subscription != "" {
		all["subscription"] = l.subscription
	}
	return all
}

// verdict says why a gateway's answer is not as it must be once the life is over.
func (l *life) verdict(r web.Reply) error {
	switch {
	case l.expected == "" && r.Status == http.StatusOK && string(r.Body) == l.name:
	case l.expected != "" && r.Text("code") == l.expected:
	default:
		return fmt.Errorf("want %q: %s", l.expected, r)
	}
	return nil
}

// unacknowledged says that nobody knows whether the command was done.
func unacknowledged(r web.Reply) bool {
	return r.Err != nil || r.Text("code") == "idempotency_in_flight" ||
		slices.Contains([]int{http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}, r.Status)
}

func definition(id, upstream, approval string) web.Object {
	return web.Object{
		"id": id, "name": id, "routes": []web.Object{{"path_prefix": "/" + id, "strip_prefix": true}},
		"upstreams": []web.Object{{"url": upstream, "weight": 1}}, "approval": web.Object{"mode": approval},
	}
}
