package distributed_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/web"
)

// client is a consumer that may call a service with a key.
type client struct {
	cast
	credential, key string
}

// client makes one, and returns once both gateways let it through.
func (s *topology) client(t testing.TB) client {
	t.Helper()
	c := client{cast: s.cast(t)}
	base := s.of["portal"][0].address
	issued := s.manage(t.Context(), base, http.MethodPost, "/v1/consumers/"+c.consumer+"/credentials", web.Object{"name": "key", "type": "api_key"}).Want(t, http.StatusCreated)
	c.credential, c.key = issued.Text("id"), issued.Text("secret.api_key")
	eventually(t, "the last command is applied everywhere", func() error {
		r := s.manage(t.Context(), base, http.MethodPost, "/v1/subscriptions", web.Object{"consumer_id": c.consumer, "service_id": c.service}, "Prefer: wait=30",
			"Idempotency-Key: "+c.consumer).Want(t, http.StatusCreated)
		if r.Replayed() {
			return nil // the calls below say it
		}
		return everywhere(r)
	})
	s.calls(t, c, "")
	return c
}

// revoke revokes the client's credential and answers once that is confirmed, or
// the time is over.
func (s *topology) revoke(t testing.TB, c client, wait string) web.Reply {
	t.Helper()
	return s.manage(t.Context(), s.of["portal"][0].address, http.MethodPost, "/v1/credentials/"+c.credential+"/revoke", nil, "Prefer: wait="+wait).Want(t, http.StatusOK)
}

// calls calls through both gateways, once, and wants a code; none: let through.
func (s *topology) calls(t testing.TB, c client, code string) {
	t.Helper()
	for _, gateway := range s.gateways() {
		if r := through(t.Context(), gateway, c.service, c.key); r.Text("code") != code || code == "" && r.Status != http.StatusOK {
			t.Fatalf("want %q: %s", code, r)
		}
	}
}

// eventuallyCalls is calls for what takes a while.
func (s *topology) eventuallyCalls(t testing.TB, c client, code string) {
	t.Helper()
	for _, gateway := range s.gateways() {
		eventually(t, "a gateway's answer is "+code, func() error {
			if r := through(t.Context(), gateway, c.service, c.key); r.Text("code") != code || code == "" && r.Status != http.StatusOK {
				return fmt.Errorf("not yet: %s", r)
			}
			return nil
		})
	}
}

// Without NATS commands are accepted and answered, and events follow later.
func (s *topology) withoutNATS(t *testing.T) {
	live, doomed, other := s.client(t), s.client(t), s.client(t)
	portal := s.of["portal"][0].address
	for node := range nodes {
		s.nats.Kill(node)
	}
	answer := s.manage(t.Context(), portal, http.MethodPost, "/v1/consumers", web.Object{"id": web.Unique("cut"), "name": "Cut off"}, "Prefer: wait=1").Want(t, http.StatusCreated)
	if !strings.HasPrefix(answer.Applied(), "0/") || answer.Header.Get("Preference-Applied") != "wait=1" {
		t.Errorf("no gateway can have applied it: %s", answer)
	}
	unknown := "/v1/consumers/" + answer.Text("id") + "/credentials"
	key := web.Object{"name": "another", "type": "api_key"}
	if r := s.manage(t.Context(), portal, http.MethodPost, unknown, key); r.Status != http.StatusServiceUnavailable || r.Text("code") != "reference_unavailable" {
		t.Errorf("what cannot be known is refused otherwise: %s", r)
	}
	issued := s.manage(t.Context(), portal, http.MethodPost, "/v1/consumers/"+live.consumer+"/credentials", key).Want(t, http.StatusCreated)
	s.manage(t.Context(), portal, http.MethodPost, "/v1/subscriptions", web.Object{"consumer_id": live.consumer, "service_id": other.service}).Want(t, http.StatusCreated)
	s.manage(t.Context(), portal, http.MethodPost, "/v1/services", service(web.Unique("cut"), s.upstream.URL)).Want(t, http.StatusCreated)
	s.revoke(t, doomed, "1")
	s.calls(t, live, "")
	eventually(t, "the gateways are told of as unconfirmed", func() error {
		r := s.manage(t.Context(), portal, http.MethodPost, "/v1/consumers", web.Object{"name": "Cut off"}, "Prefer: wait=1").Want(t, http.StatusCreated)
		if r.Applied() != "0/0" || r.Header.Get("Tidegate-Unconfirmed") != fmt.Sprint(gatewayCount) {
			return fmt.Errorf("not yet: %s", r)
		}
		return nil
	})

	for node := range nodes {
		s.nats.Start(node)
	}
	s.eventuallyCalls(t, doomed, "credential_invalid")
	fresh := client{cast: cast{consumer: live.consumer, service: other.service}, key: issued.Text("secret.api_key")}
	s.eventuallyCalls(t, fresh, "")
	s.settle()
	s.manage(t.Context(), portal, http.MethodPost, unknown, key).Want(t, http.StatusCreated)
	s.orderly(t)
	s.history(t)
}

// Without Postgres commands and questions are answered 503, and nothing is half
// done.
func (s *topology) withoutPostgres(t *testing.T) {
	live, known := s.client(t), s.client(t)
	commands, key := cast{consumer: live.consumer, service: known.service}.creations(s.upstream.URL), "Idempotency-Key: "+web.Unique("key")
	s.postgres.Kill(t)
	for _, c := range commands {
		for _, base := range []string{s.of[c.service][0].address, s.of[c.service][1].address, s.of["portal"][0].address} {
			for _, r := range []web.Reply{
				s.manage(t.Context(), base, http.MethodPost, c.path, c.body, key),
				s.manage(t.Context(), base, http.MethodPost, c.path, c.body),
				s.manage(t.Context(), base, http.MethodGet, c.path, nil),
			} {
				if r.Status != http.StatusServiceUnavailable || r.Header.Get("Content-Type") != "application/problem+json" || r.Text("code") == "" {
					t.Errorf("want a problem with status 503: %s", r)
				}
			}
		}
	}
	for _, name := range owners {
		for _, p := range s.of[name] {
			if r := web.Do(t.Context(), http.MethodGet, p.address+"/readyz", nil); r.Status != http.StatusServiceUnavailable {
				t.Errorf("%s says that it is ready: %s", p.name, r)
			}
			web.Do(t.Context(), http.MethodGet, p.address+"/livez", nil).Want(t, http.StatusOK)
		}
	}
	s.calls(t, live, "")

	s.postgres.Start(t)
	for _, name := range owners {
		for _, p := range s.of[name] {
			p.await()
		}
	}
	for _, c := range commands {
		made := s.manage(t.Context(), s.of["portal"][0].address, http.MethodPost, c.path, c.body, key).Want(t, http.StatusCreated)
		if made.Replayed() || made.Text("version") != "1" && c.service != "subscription" {
			t.Errorf("it was half done: %s", made)
		}
	}
	s.settle()
	s.orderly(t)
	s.history(t)
}

// A gateway that restarts with everything else gone serves what it last knew, the
// revocation included that was confirmed just before it was killed.
func (s *topology) alone(t *testing.T) {
	live, doomed := s.client(t), s.client(t)
	answer := s.revoke(t, doomed, "30")
	for _, p := range s.of["gateway"] {
		p.kill()
	}
	if err := everywhere(answer); err != nil {
		t.Fatal(err)
	}
	for node := range nodes {
		s.nats.Kill(node)
	}
	s.postgres.Kill(t)
	for _, p := range s.processes {
		p.kill()
	}
	for _, p := range s.of["gateway"] {
		p.start()
	}
	for _, p := range s.of["gateway"] {
		p.await()
	}
	for range 3 {
		s.calls(t, live, "")
		s.calls(t, doomed, "credential_invalid")
	}

	// Everything comes back, in any order.
	for node := range nodes {
		s.nats.Start(node)
	}
	for _, p := range s.processes {
		if s.data[p] == "" {
			p.start()
		}
	}
	s.postgres.Start(t)
	for _, p := range s.processes {
		p.await()
	}
	s.settle()
	s.calls(t, live, "")
	s.calls(t, doomed, "credential_invalid")
	s.orderly(t)
	s.history(t)
}
