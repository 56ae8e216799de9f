package distributed_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/web"
)

// creation is a call that makes an object.
type creation struct {
	service, path string
	body          web.Object
}

// cast is what creations refer to.
type cast struct{ consumer, service string }

// cast makes a consumer and a published service.
func (s *topology) cast(t testing.TB) cast {
	t.Helper()
	c := cast{consumer: web.Unique("cast"), service: web.Unique("cast")}
	base := s.of["portal"][0].address
	s.manage(t.Context(), base, http.MethodPost, "/v1/consumers", web.Object{"id": c.consumer, "name": "Cast"}).Want(t, http.StatusCreated)
	s.manage(t.Context(), base, http.MethodPost, "/v1/services", service(c.service, s.upstream.URL)).Want(t, http.StatusCreated)
	s.manage(t.Context(), base, http.MethodPost, "/v1/services/"+c.service+"/publish", nil).Want(t, http.StatusOK)
	return c
}

// creations is one of each kind, that nothing else is like.
func (c cast) creations(upstream string) []creation {
	return []creation{
		{"consumer", "/v1/consumers", web.Object{"name": web.Unique("consumer")}},
		{"catalog", "/v1/services", service(web.Unique("service"), upstream)},
		{"credential", "/v1/consumers/" + c.consumer + "/credentials", web.Object{"name": web.Unique("key"), "type": "api_key"}},
		{"subscription", "/v1/subscriptions", web.Object{"consumer_id": c.consumer, "service_id": c.service}},
	}
}

// both sends each replica of a service a call at the same time.
func (s *topology) both(t testing.TB, calls []creation, headers ...string) []web.Reply {
	t.Helper()
	replies := make([]web.Reply, len(calls))
	var sent sync.WaitGroup
	for i, c := range calls {
		replicas := s.of[c.service]
		sent.Go(func() {
			replies[i] = s.manage(t.Context(), replicas[i%len(replicas)].address, http.MethodPost, c.path, c.body, headers...)
		})
	}
	sent.Wait()
	return replies
}

// An Idempotency-Key is the organisation's, not a replica's.
func (s *topology) idempotency(t *testing.T) {
	type single struct{ service, member, value, id string }
	var made []single
	for range 6 {
		for _, c := range s.cast(t).creations(s.upstream.URL) {
			key := "Idempotency-Key: " + web.Unique("key")
			fresh, id := 0, ""
			replies := s.both(t, []creation{c, c}, key)
			replies = append(replies, s.both(t, []creation{c, c}, key)...)
			for i, r := range replies {
				if i < 2 && r.Status == http.StatusConflict && r.Text("code") == "idempotency_in_flight" {
					continue
				}
				r.Want(t, http.StatusCreated)
				if id == "" {
					id = r.Text("id")
				}
				if r.Text("id") != id {
					t.Fatalf("one key made %s and another object: %s", id, r)
				}
				if !r.Replayed() {
					fresh++
				} else if r.Text("secret.api_key") != "" {
					t.Fatalf("a replayed answer shows the secret: %s", r.Call)
				}
			}
			if fresh != 1 {
				t.Fatalf("%d of four calls with one key were the first: %v", fresh, replies)
			}
			other := c
			other.body = web.Object{"name": "another body"}
			for _, r := range s.both(t, []creation{other, other}, key) {
				if r.Status != http.StatusUnprocessableEntity {
					t.Fatalf("the key serves another body: %s", r)
				}
			}
			member := "name" // that only this web.Object has
			if c.service == "subscription" {
				member = "consumer_id"
			}
			made = append(made, single{c.service, member, fmt.Sprint(c.body[member]), id})
		}
	}
	all := s.history(t)
	for _, one := range made {
		if ids := all.about(one.service, one.member, one.value); !slices.Equal(ids, []string{one.id}) {
			t.Errorf("one key made the objects %v of %s, want %s alone", ids, one.service, one.id)
		}
		if types := all.of(one.service, one.id); slices.Contains(types[1:], types[0]) {
			t.Errorf("%s %s was made twice: %v", one.service, one.id, types)
		}
	}
}

// What may be had once is had once, whichever replicas are asked.
func (s *topology) uniqueness(t *testing.T) {
	for range 6 {
		first, second := s.cast(t), s.cast(t)
		id, key := web.Unique("id"), web.Unique("secret")
		issue := func(consumer, name string, config web.Object) creation {
			return creation{"credential", "/v1/consumers/" + consumer + "/credentials", web.Object{"name": name, "type": "api_key", "config": config}}
		}
		routed := service(web.Unique("other"), s.upstream.URL)
		routed["routes"] = []web.Object{{"path_prefix": "/" + id, "strip_prefix": true}}
		subscribe := creation{"subscription", "/v1/subscriptions", web.Object{"consumer_id": first.consumer, "service_id": first.service}}
		for code, calls := range map[string][]creation{
			"consumer_exists":       {{"consumer", "/v1/consumers", web.Object{"id": id, "name": "A"}}, {"consumer", "/v1/consumers", web.Object{"id": id, "name": "B"}}},
			"route_taken":           {{"catalog", "/v1/services", service(id, s.upstream.URL)}, {"catalog", "/v1/services", routed}},
			"credential_taken":      {issue(first.consumer, "a", web.Object{"key": key}), issue(second.consumer, "a", web.Object{"key": key})},
			"credential_name_taken": {issue(first.consumer, id, web.Object{}), issue(first.consumer, id, web.Object{})},
			"already_subscribed":    {subscribe, subscribe},
		} {
			replies := s.both(t, calls)
			slices.SortFunc(replies, func(a, b web.Reply) int { return a.Status - b.Status })
			if replies[0].Status != http.StatusCreated || replies[1].Status != http.StatusConflict || replies[1].Text("code") != code {
				t.Errorf("want one made and one refused with %s: %v", code, replies)
			}
		}
	}
}

// A policy runs in every replica, and its effect comes once; also for what is
// made while it runs.
func (s *topology) cascade(t *testing.T) {
	consumer := s.cast(t).consumer
	var services []string
	for range 4 {
		services = append(services, s.cast(t).service)
	}
	var calls []creation
	for i := range 24 {
		calls = append(calls, creation{"credential", "/v1/consumers/" + consumer + "/credentials", web.Object{"name": fmt.Sprint("key-", i), "type": "api_key"}})
		if i < len(services) {
			calls = append(calls, creation{"subscription", "/v1/subscriptions", web.Object{"consumer_id": consumer, "service_id": services[i]}})
		}
	}
	for _, r := range s.both(t, calls[:len(calls)/2]) {
		r.Want(t, http.StatusCreated)
	}
	var meanwhile sync.WaitGroup
	meanwhile.Go(func() {
		for _, r := range s.both(t, calls[len(calls)/2:]) {
			if r.Status != http.StatusCreated && r.Status != http.StatusUnprocessableEntity {
				t.Errorf("while its consumer is deleted: %s", r)
			}
		}
	})
	s.manage(t.Context(), s.of["portal"][0].address, http.MethodDelete, "/v1/consumers/"+consumer, nil).Want(t, http.StatusNoContent)
	meanwhile.Wait()
	for service, live := range map[string]string{
		"credential":   "/v1/credentials?consumer_id=" + consumer,
		"subscription": "/v1/subscriptions?status=active&consumer_id=" + consumer,
	} {
		eventually(t, "nothing of the deleted consumer is live", func() error {
			if r := s.manage(t.Context(), s.of[service][0].address, http.MethodGet, live, nil); r.Status != http.StatusOK || len(r.Items()) > 0 {
				return fmt.Errorf("not yet: %s", r)
			}
			return nil
		})
	}
	all := s.history(t)
	for service, want := range map[string][]string{
		"credential":   {"credential.issued", "credential.revoked"},
		"subscription": {"subscription.requested", "subscription.approved", "subscription.cancelled"},
	} {
		about := all.about(service, "consumer_id", consumer)
		if len(about) == 0 {
			t.Errorf("the consumer has had no %s", service)
		}
		for _, id := range about {
			if types := all.of(service, id); !slices.Equal(types, want) {
				t.Errorf("%s %s has the events %v, want %v", service, id, types, want)
			}
		}
	}
}

// Every replica's relay finds that all is published, nothing stands in its way,
// and no message was put aside.
func (s *topology) orderly(t *testing.T) {
	for _, name := range owners {
		for _, p := range s.of[name] {
			eventually(t, p.name+" has nothing left to do", func() error {
				r := s.manage(t.Context(), p.address, http.MethodGet, "/v1/operations/"+name, nil)
				if r.Status != http.StatusOK || r.Text("position") != r.Text("published") || r.Text("material") != r.Text("material_published") ||
					r.Text("blocked") != "" || r.Text("parked") != "0" {
					return fmt.Errorf("not so: %s", r)
				}
				return nil
			})
		}
	}
}
