package distributed_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/web"
)

// life is one consumer from its registration to an end, or one service: a list
// of commands, each given until it is acknowledged. It is the ledger, too: what
// was acknowledged must be there in the end, once.
type life struct {
	name     string // of the consumer, or the service
	steps    []*step
	done     int    // steps that are acknowledged
	expected string // what gateways answer in the end: a code, empty: let through
	service  bool   // it is a service's

	credential, subscription string // ids
	key                      string // empty: the answer that told it was lost
	confirmed                bool   // both gateways had applied the last step when it was answered
}

// step is one command.
type step struct {
	method string
	path   func(*life) string
	body   web.Object
	key    string // Idempotency-Key
	status int    // of its acknowledgement

	attempts     int
	missed       []string // why attempts were not acknowledged
	acknowledged []byte   // body
}

// newLife plans a life. A third of the callers bring their own key, so that it
// is known also when the answer was lost.
func newLife(random *rand.Rand, service, upstream string) *life {
	if random.IntN(8) == 0 {
		return serviceLife(random, upstream)
	}
	l := &life{name: web.Unique("load")}
	config := web.Object{}
	if random.IntN(3) == 0 {
		l.key = web.Unique("brought")
		config["key"] = l.key
	}
	l.post(http.StatusCreated, "/v1/consumers", web.Object{"id": l.name, "name": l.name})
	l.post(http.StatusCreated, "/v1/consumers/"+l.name+"/credentials", web.Object{"name": "key", "type": "api_key", "config": config})
	l.post(http.StatusCreated, "/v1/subscriptions", web.Object{"consumer_id": l.name, "service_id": service})
	switch random.IntN(6) {
	case 0, 1:
		l.step(http.MethodPost, http.StatusOK, func(l *life) string { return "/v1/credentials/" + l.credential + "/revoke" }, web.Object{"reason": "load"})
		l.expected = "credential_invalid"
	case 2:
		l.step(http.MethodDelete, http.StatusNoContent, func(l *life) string { return "/v1/consumers/" + l.name }, nil)
		l.expected = "credential_invalid"
	case 3:
		l.step(http.MethodPost, http.StatusOK, func(l *life) string { return "/v1/subscriptions/" + l.subscription + "/cancel" }, nil)
		l.expected = "not_subscribed"
	case 4:
		l.post(http.StatusOK, "/v1/consumers/"+l.name+"/suspend", web.Object{"reason": "load"})
		l.expected = "consumer_suspended"
	}
	return l
}

func serviceLife(random *rand.Rand, upstream string) *life {
	l := &life{name: web.Unique("load"), service: true, expected: "credential_missing"}
	l.post(http.StatusCreated, "/v1/services", service(l.name, upstream))
	l.post(http.StatusOK, "/v1/services/"+l.name+"/publish", nil)
	if random.IntN(2) == 0 {
		l.post(http.StatusOK, "/v1/services/"+l.name+"/retire", nil)
		l.expected = "route_not_found"
	}
	return l
}

func (l *life) post(status int, path string, body web.Object) {
	l.step(http.MethodPost, status, func(*life) string { return path }, body)
}

func (l *life) step(method string, status int, path func(*life) string, body web.Object) {
	s := &step{method: method, status: status, path: path, body: body}
	if method == http.MethodPost {
		s.key = web.Unique("load")
	}
	l.steps = append(l.steps, s)
}

// over says whether everything was acknowledged.
func (l *life) over() bool { return l.done == len(l.steps) }

// advance gives commands until one is not acknowledged. An error is an answer
// that must not be.
func (l *life) advance(ctx context.Context, s *topology, portal string) error {
	for !l.over() {
		next := l.steps[l.done]
		r := s.send(ctx, portal, l, next)
		next.attempts++
		switch {
		case r.Status == next.status:
		case next.method == http.MethodDelete && next.attempts > 1 && r.Text("code") == "illegal_transition": // the first attempt did it
		case unacknowledged(r):
			next.missed = append(next.missed, reason(r))
			return nil
		default:
			return fmt.Errorf("attempt %d: %s", next.attempts, r)
		}
		l.keep(next, r)
	}
	return nil
}

func (s *topology) send(ctx context.Context, base string, l *life, next *step) web.Reply {
	var headers []string
	if next == l.steps[len(l.steps)-1] {
		headers = append(headers, "Prefer: wait=10")
	}
	if next.key != "" {
		headers = append(headers, "Idempotency-Key: "+next.key)
	}
	return s.manage(ctx, base, next.method, next.path(l), next.body, headers...)
}

// unacknowledged says that nobody knows whether the command was done.
func unacknowledged(r web.Reply) bool {
	return r.Err != nil || r.Text("code") == "idempotency_in_flight" ||
		slices.Contains([]int{http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}, r.Status)
}

// reason is why a command was not acknowledged, in short.
func reason(r web.Reply) string {
	if r.Err != nil {
		return "no answer"
	}
	return fmt.Sprint(r.Status, " ", r.Text("code"))
}

// keep writes an acknowledgement down.
func (l *life) keep(done *step, r web.Reply) {
	done.acknowledged = r.Body
	l.done++
	l.confirmed = everywhere(r) == nil
	if l.service {
		return
	}
	switch l.done {
	case 2:
		l.credential = r.Text("id")
		if key := r.Text("secret.api_key"); key != "" {
			l.key = key
		}
	case 3:
		l.subscription = r.Text("id")
	}
}

// histories are the events that a life must have left, by service and aggregate.
func (l *life) histories() map[string][]string {
	if l.service {
		all := []string{"service.drafted", "service.published"}
		if l.expected == "route_not_found" {
			all = append(all, "service.retired")
		}
		return map[string][]string{"catalog " + l.name: all}
	}
	consumer, credential := []string{"consumer.registered"}, []string{"credential.issued"}
	subscription := []string{"subscription.requested", "subscription.approved"}
	last := ""
	if len(l.steps) > 3 {
		last = l.steps[3].path(l)
	}
	switch {
	case last == "/v1/consumers/"+l.name:
		consumer = append(consumer, "consumer.deleted")
		credential = append(credential, "credential.revoked")
		subscription = append(subscription, "subscription.cancelled")
	case l.expected == "credential_invalid":
		credential = append(credential, "credential.revoked")
	case l.expected == "not_subscribed":
		subscription = append(subscription, "subscription.cancelled")
	case l.expected == "consumer_suspended":
		consumer = append(consumer, "consumer.suspended")
	}
	return map[string][]string{"consumer " + l.name: consumer, "credential " + l.credential: credential, "subscription " + l.subscription: subscription}
}
