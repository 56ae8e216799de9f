package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/es"
)

// The suite's own context: things that have a name and an owner.
type (
	Named struct {
		Name  string   `json:"name"`
		Owner string   `json:"owner,omitempty"`
		Tags  []string `json:"tags,omitempty"`
	}
	Priced   struct{ Price int }
	Closed   struct{}
	Archived struct{} // known to newer releases alone
)

func (Named) EventType() string    { return "thing.named" }
func (Priced) EventType() string   { return "thing.priced" }
func (Closed) EventType() string   { return "thing.closed" }
func (Archived) EventType() string { return "thing.archived" }

// A foreign context: owners.
type (
	Joined struct{ Name string }
	Left   struct{}
)

func (Joined) EventType() string { return "owner.joined" }
func (Left) EventType() string   { return "owner.left" }

var (
	things = events.Set{events.Of[Named](1), events.Of[Priced](1), events.Of[Closed](1)}
	owners = events.Set{events.Of[Joined](1), events.Of[Left](1)}
)

// Thing is the document of a thing.
type Thing struct {
	ID      string
	Name    string
	Owner   string
	Tags    []string
	Status  string
	Price   int
	Changes int
	Since   time.Time // of its first event
}

// Index finds things by name, status, owner, tag and price.
func (t Thing) Index() es.Index {
	return es.Index{Text: t.Name, Terms: map[string][]string{
		"status": {t.Status}, "owner": {t.Owner}, "tag": t.Tags, "price": {price(t.Price)},
	}}
}

func price(p int) string { return fmt.Sprintf("%06d", p) }

func foldThing(t Thing, e events.Envelope, data events.Data) Thing {
	if t.Changes == 0 {
		t.ID, t.Status, t.Since = e.Aggregate(), "open", e.Time
	}
	t.Changes++
	switch data := data.(type) {
	case Named:
		t.Name, t.Owner, t.Tags = data.Name, data.Owner, data.Tags
	case Priced:
		t.Price = data.Price
	case Closed:
		t.Status = "closed"
	case Archived:
		t.Status = "archived"
	}
	return t
}

// Holding is the document of an owner: how often things were named for it.
type Holding struct{ Named int }

func byOwner(_ events.Envelope, data events.Data) string {
	named, _ := data.(Named)
	return named.Owner
}

func foldHolding(h Holding, _ events.Envelope, _ events.Data) Holding {
	h.Named++
	return h
}

// Owner is what is known of an owner.
type Owner struct{ Name string }

func foldOwner(o Owner, _ events.Envelope, data events.Data) (Owner, bool) {
	joined, live := data.(Joined)
	if live {
		o.Name = joined.Name
	}
	return o, live
}

// Schema is that of the suite's service.
func Schema() es.Schema {
	return es.Schema{
		Service:  "thing",
		Registry: events.MustRegistry(things, owners),
		Views: []es.View{
			es.ViewOf("things", 1, es.ByAggregate, foldThing),
			es.ViewOf("holdings", 1, byOwner, foldHolding),
		},
		References: []es.Reference{es.ReferenceOf("owner", "owner", es.ByAggregate, foldOwner)},
	}
}

// Later is the schema of the release after: another fold of the same view, and
// an event type that the older one does not know.
func Later() es.Schema {
	s := Schema()
	s.Registry = events.MustRegistry(things, owners, events.Set{events.Of[Archived](1)})
	s.Views = []es.View{
		es.ViewOf("things", 2, es.ByAggregate, func(t Thing, e events.Envelope, data events.Data) Thing {
			t = foldThing(t, e, data)
			if named, ok := data.(Named); ok {
				t.Name = "The " + named.Name
			}
			return t
		}),
		s.Views[1],
	}
	return s
}

// clock is the machine's, set forward.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

func mustBe(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("the error is %v, not %v", err, want)
	}
}

func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func same(t testing.TB, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-wanted +is):\n%s", what, diff)
	}
}

func decode[T any](t testing.TB, body []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatalf("read %s: %v", body, err)
	}
	return v
}
