package api_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/es/sqlitestore"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/credential/internal/api"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
	"github.com/tidegate-io/tidegate/services/credential/internal/oauth"
	"github.com/tidegate-io/tidegate/services/credential/internal/views"
)

var registry = events.MustRegistry(consumer.Events, credential.Events)

// service is the API on a real store, over real HTTP. What it would hear from
// the bus the test tells it.
type service struct {
	*httpapitest.API
	store   es.Store
	ring    *secret.Ring
	heard   int64 // position in the stream of consumers
	silent  atomic.Bool
	catchUp func() // what comes in while it catches up
	between func() // what comes in after the input was judged, before the append
	offset  atomic.Int64
	boots   int // of gateways that report uses
}

func start(t *testing.T) *service {
	t.Helper()
	store, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "credential.db"), es.Schema{
		Service: "credential", Registry: registry, Views: []es.View{views.Credentials, views.SigningKeys}, References: []es.Reference{views.Consumers, views.Usages},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	s := &service{store: store, ring: secret.New(), catchUp: func() {}, between: func() {}}
	keys := oauth.NewKeys(store, registry, s.ring, s.now, slog.New(slog.DiscardHandler))
	if err := keys.Tend(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.API = httpapitest.Start(t, httpapi.Config{Service: "credential", Idempotency: store}, func(server *httpapi.Server) {
		api.Register(server, api.Config{
			Store: store, Credentials: handler(store), Ring: s.ring, Clock: s.now, SigningKeys: keys,
			CatchUp: func(context.Context, ...string) error {
				if s.silent.Load() {
					return errors.New("nobody answers")
				}
				s.catchUp()
				return nil
			},
		})
	})
	s.register(t, "acme", "payments")
	return s
}

func handler(store es.Store) *es.Handler[domain.State, domain.Command] {
	return es.NewHandler(store, registry, domain.Decider, domain.Effects)
}

// now is the service's clock, which later sets forward. It is read once the
// input has been judged.
func (s *service) now() time.Time {
	s.between()
	return time.Now().Add(time.Duration(s.offset.Load()))
}

func (s *service) later(d time.Duration) { s.offset.Add(int64(d)) }

// register and remove tell of a consumer.
func (s *service) register(t *testing.T, id, team string) {
	t.Helper()
	s.hear(t, id, consumer.Registered{Concerns: events.Concerns{ConsumerID: id, Team: team}, Name: id})
}

func (s *service) remove(t *testing.T, id string) {
	t.Helper()
	s.hear(t, id, consumer.Deleted{Concerns: events.Concerns{ConsumerID: id}})
}

func (s *service) hear(t *testing.T, id string, data events.Data) {
	t.Helper()
	from := es.Cursor{Epoch: "e", Position: s.heard}
	if s.heard == 0 {
		from = es.Cursor{}
	}
	s.heard++
	err := s.store.Absorb(context.Background(), es.Absorption{
		Subscriber: es.FactsSubscriber, Source: "consumer", From: from, To: es.Cursor{Epoch: "e", Position: s.heard},
		Events: []es.Received{{Data: data, Envelope: events.Envelope{
			ID: events.NewID(time.Now()), Type: data.EventType(), Schema: 1, Stream: "consumer-" + id,
			Version: 1, Position: s.heard, Time: time.Now(),
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// elapse runs the clock over one credential.
func (s *service) elapse(t *testing.T, id string) {
	t.Helper()
	if _, err := handler(s.store).Handle(t.Context(), id, domain.Elapse{Now: s.now()}); err != nil {
		t.Fatal(err)
	}
}

type document map[string]any

func read(t *testing.T, r *httpapitest.Response) document {
	t.Helper()
	return httpapitest.Read[document](t, r)
}

// issue issues a credential to acme and answers it.
func (s *service) issue(t *testing.T, body string) document {
	t.Helper()
	return read(t, s.Developer("payments").Post(t, "/v1/consumers/acme/credentials", body).Want(t, 201))
}

func (d document) text(name string) string {
	text, _ := d[name].(string)
	return text
}

func (d document) path() string { return "/v1/credentials/" + d.text("id") }

func (d document) secret(name string) string {
	shown, _ := d["secret"].(map[string]any)
	text, _ := shown[name].(string)
	return text
}

func names(t *testing.T, r *httpapitest.Response) []string {
	t.Helper()
	page := httpapitest.Read[struct{ Items []struct{ Name string } }](t, r.Want(t, 200))
	found := []string{}
	for _, item := range page.Items {
		found = append(found, item.Name)
	}
	return found
}
