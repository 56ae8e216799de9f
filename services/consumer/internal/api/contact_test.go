package api_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
	"github.com/tidegate-io/tidegate/services/consumer/internal/domain"
	"github.com/tidegate-io/tidegate/services/consumer/internal/views"
)

// everything answers all that the store keeps or publishes about a consumer.
func (s *service) everything(t *testing.T, id string) []byte {
	t.Helper()
	var all bytes.Buffer
	doc, err := s.store.Get(t.Context(), views.Consumers.Name, id)
	if err != nil {
		t.Fatal(err)
	}
	all.Write(doc.Body)
	records, err := s.store.Since(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		all.Write(r.Body)
	}
	material, err := s.store.Material(t.Context(), domain.ContactKey(id))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range material {
		all.Write(m.Kept)
		all.WriteString(m.Hint)
	}
	return all.Bytes()
}

func (s *service) contact(t *testing.T, id string) any {
	t.Helper()
	return read(t, s.Admin().Get(t, "/v1/consumers/"+id).Want(t, 200))["contact"]
}

func TestAContactIsKeptSealedAlone(t *testing.T) {
	s := start(t)
	dev := s.Developer("payments")
	dev.Idempotent("k").Post(t, "/v1/consumers", acme).Want(t, 201)
	dev.Patch(t, "/v1/consumers/acme", `{"contact":{"name":"Roadrunner"}}`).Want(t, 200)
	for _, personal := range []string{"Wile", "wile@acme.example", "Roadrunner"} {
		if bytes.Contains(s.everything(t, "acme"), []byte(personal)) {
			t.Fatalf("%s is kept in clear", personal)
		}
	}
	history := dev.Get(t, "/v1/consumers/acme/history").Want(t, 200)
	if bytes.Contains(history.Body, []byte("sealed")) {
		t.Fatalf("the history shows what is sealed: %s", history.Body)
	}
	head, err := s.store.Head(t.Context())
	if err != nil || head.Material != 0 {
		t.Fatalf("the key was published: %+v %v", head, err)
	}
}

func TestAContactIsErasedForGood(t *testing.T) {
	for name, erase := range map[string]func(*testing.T, *httpapitest.Client){
		"when it is taken away": func(t *testing.T, c *httpapitest.Client) {
			c.Patch(t, "/v1/consumers/acme", `{"contact":null}`).Want(t, 200)
		},
		"when the consumer is deleted": func(t *testing.T, c *httpapitest.Client) {
			c.Delete(t, "/v1/consumers/acme").Want(t, 204)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			s.Developer("payments").Post(t, "/v1/consumers", acme).Want(t, 201)
			erase(t, s.Developer("payments"))
			if got := s.contact(t, "acme"); got != nil {
				t.Fatalf("it is still shown: %v", got)
			}
			material, err := s.store.Material(t.Context(), domain.ContactKey("acme"))
			if err != nil || len(material) != 0 {
				t.Fatalf("its key is still there: %v %v", material, err)
			}
		})
	}
	t.Run("when it is replaced", func(t *testing.T) {
		s := start(t)
		s.Developer("payments").Post(t, "/v1/consumers", acme).Want(t, 201)
		before, err := s.store.Material(t.Context(), domain.ContactKey("acme"))
		if err != nil {
			t.Fatal(err)
		}
		s.Developer("payments").Patch(t, "/v1/consumers/acme", `{"contact":{"email":"new@acme.example"}}`).Want(t, 200)
		after, err := s.store.Material(t.Context(), domain.ContactKey("acme"))
		if err != nil {
			t.Fatal(err)
		}
		if key := domain.ContactKey("acme"); bytes.Equal(before[key].Kept, after[key].Kept) {
			t.Fatal("the contact before could still be opened")
		}
		if got := s.contact(t, "acme"); !cmp.Equal(got, map[string]any{"name": "Wile", "email": "new@acme.example"}) {
			t.Fatalf("it is %v", got)
		}
	})
}

func TestAContactComesBackAfterItWasTakenAway(t *testing.T) {
	s := start(t)
	dev := s.Developer("payments")
	dev.Post(t, "/v1/consumers", acme).Want(t, 201)
	dev.Patch(t, "/v1/consumers/acme", `{"contact":null}`).Want(t, 200)
	dev.Patch(t, "/v1/consumers/acme", `{"contact":{"name":"Road"}}`).Want(t, 200)
	if got := s.contact(t, "acme"); !cmp.Equal(got, map[string]any{"name": "Road", "email": ""}) {
		t.Fatalf("it is %v", got)
	}
}

func TestTheSameContactKeepsItsSeal(t *testing.T) {
	s := start(t)
	dev := s.Developer("payments")
	dev.Post(t, "/v1/consumers", acme).Want(t, 201)
	again := read(t, dev.Patch(t, "/v1/consumers/acme", `{"contact":{"name":"Wile"}}`).Want(t, 200))
	if again["version"] != 1.0 {
		t.Fatalf("a contact that is the same made an event: %v", again)
	}
}

func TestContactsAreMergedOneAfterTheOther(t *testing.T) {
	s := start(t)
	dev := s.Developer("payments")
	dev.Post(t, "/v1/consumers", acme).Want(t, 201)
	done := make(chan *httpapitest.Response)
	for _, patch := range []string{`{"contact":{"name":"A"}}`, `{"contact":{"email":"b@b"}}`, `{"labels":{"x":"y"}}`, `{"name":"C"}`} {
		go func() { done <- dev.Patch(t, "/v1/consumers/acme", patch) }()
	}
	for range 4 {
		(<-done).Want(t, 200)
	}
	shown := read(t, dev.Get(t, "/v1/consumers/acme").Want(t, 200))
	if !cmp.Equal(shown["contact"], map[string]any{"name": "A", "email": "b@b"}) || shown["name"] != "C" || shown["version"] != 5.0 {
		t.Fatalf("something was lost: %v", shown)
	}
}

func TestAReplayIsTheFirstAnswer(t *testing.T) {
	s := start(t)
	dev := s.Developer("payments")
	first := dev.Idempotent("k1").Post(t, "/v1/consumers", acme).Want(t, 201)
	again := dev.Idempotent("k1").Post(t, "/v1/consumers", acme).Want(t, 201)
	if again.Header.Get("Idempotency-Replayed") != "true" || again.ETag() != `"1"` {
		t.Fatalf("headers %v", again.Header)
	}
	var a, b document
	if json.Unmarshal(first.Body, &a) != nil || json.Unmarshal(again.Body, &b) != nil || !cmp.Equal(a, b) {
		t.Fatalf("it is another answer:\n%s\n%s", first.Body, again.Body)
	}
	dev.Idempotent("k1").Post(t, "/v1/consumers", `{"name":"x"}`).Refused(t, 422, "idempotency_mismatch")
	other := s.Developer("payments2")
	other.Idempotent("k1").Post(t, "/v1/consumers", `{"id":"x","name":"x"}`).Want(t, 201)

	dev.Idempotent("k2").Post(t, "/v1/consumers/acme/suspend", nil).Want(t, 200)
	dev.Post(t, "/v1/consumers/acme/resume", nil).Want(t, 200)
	replay := read(t, dev.Idempotent("k2").Post(t, "/v1/consumers/acme/suspend", nil).Want(t, 200))
	if replay["status"] != "suspended" || !cmp.Equal(replay["contact"], a["contact"]) {
		t.Fatalf("replayed %v", replay)
	}

	t.Run("and keeps no contact", func(t *testing.T) {
		dev.Delete(t, "/v1/consumers/acme").Want(t, 204)
		replay := read(t, dev.Idempotent("k1").Post(t, "/v1/consumers", acme).Want(t, 201))
		if replay["contact"] != nil || replay["name"] != "Acme" {
			t.Fatalf("replayed %v", replay)
		}
	})
	t.Run("but a refusal is not kept", func(t *testing.T) {
		dev.Idempotent("k3").Post(t, "/v1/consumers/x2/suspend", nil).Refused(t, 404, "not_found")
		s.register(t, "payments", "x2")
		dev.Idempotent("k3").Post(t, "/v1/consumers/x2/suspend", nil).Want(t, 200)
	})
}
