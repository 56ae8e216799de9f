package api_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/events/subscription"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/es/sqlitestore"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/consumer/internal/api"
	"github.com/tidegate-io/tidegate/services/consumer/internal/domain"
	"github.com/tidegate-io/tidegate/services/consumer/internal/views"
)

var registry = events.MustRegistry(consumer.Events, subscription.Events)

// service is the API on a real store, over real HTTP.
type service struct {
	*httpapitest.API
	store es.Store
	ring  *secret.Ring
	heard int64 // position in the stream of subscriptions
}

func start(t *testing.T) *service {
	t.Helper()
	store, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "consumer.db"), es.Schema{
		Service: "consumer", Registry: registry, Views: []es.View{views.Consumers}, References: []es.Reference{views.Subscribers},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	s := &service{store: store, ring: secret.New()}
	s.API = httpapitest.Start(t, httpapi.Config{Service: "consumer", Idempotency: store}, func(server *httpapi.Server) {
		api.Register(server, api.Config{
			Store: store, Consumers: handler(store), Ring: s.ring, Clock: time.Now,
		})
	})
	return s
}

func handler(store es.Store) *es.Handler[domain.State, domain.Command] {
	return es.NewHandler(store, registry, domain.Decider, domain.Effects)
}

// hear folds an event of a subscription, as the subscriber does.
func (s *service) hear(t *testing.T, id string, data events.Data) {
	t.Helper()
	raw, schema, err := registry.Encode(data)
	if err != nil {
		t.Fatal(err)
	}
	from := es.Cursor{Epoch: "e", Position: s.heard}
	if s.heard == 0 {
		from = es.Cursor{}
	}
	s.heard++
	err = s.store.Absorb(context.Background(), es.Absorption{
		Subscriber: es.FactsSubscriber, Source: "subscription", From: from, To: es.Cursor{Epoch: "e", Position: s.heard},
		Events: []es.Received{{Data: data, Envelope: events.Envelope{
			ID: events.NewID(time.Now()), Type: data.EventType(), Schema: schema, Stream: "subscription-" + id,
			Version: s.heard, Position: s.heard, Time: time.Now(), Data: raw,
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// register registers a consumer of a team.
func (s *service) register(t *testing.T, team, id string, more ...string) {
	t.Helper()
	body := map[string]any{"id": id, "name": "Name of " + id}
	for i := 0; i+1 < len(more); i += 2 {
		body[more[i]] = json.RawMessage(more[i+1])
	}
	s.Developer(team).Post(t, "/v1/consumers", body).Want(t, 201)
}

type document map[string]any

func read(t *testing.T, r *httpapitest.Response) document {
	t.Helper()
	return httpapitest.Read[document](t, r)
}

func ids(t *testing.T, r *httpapitest.Response) []string {
	t.Helper()
	page := httpapitest.Read[struct {
		Items []struct {
			ID string `json:"id"`
		} `json:"items"`
	}](t, r.Want(t, 200))
	found := []string{}
	for _, item := range page.Items {
		found = append(found, item.ID)
	}
	return found
}
