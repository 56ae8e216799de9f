package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/events/subscription"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/es/sqlitestore"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
	"github.com/tidegate-io/tidegate/services/subscription/internal/api"
	"github.com/tidegate-io/tidegate/services/subscription/internal/domain"
	"github.com/tidegate-io/tidegate/services/subscription/internal/policies"
	"github.com/tidegate-io/tidegate/services/subscription/internal/views"
)

type object = map[string]any

type list struct {
	Items      []api.Subscription `json:"items"`
	NextCursor string             `json:"next_cursor"`
}

const (
	consumerTeam = "payments"
	providerTeam = "pets"
	day          = 24 * time.Hour
	grace        = 30 * day
)

// system is the subscription service on a real store, with the other services'
// events told to it one by one.
type system struct {
	*httpapitest.API
	t             *testing.T
	store         es.Store
	subscriptions *es.Handler[domain.State, domain.Command]
	reactors      []es.Reactor

	mu      sync.Mutex
	now     time.Time
	silent  []string         // owners that cannot be asked
	told    map[string]int64 // events by source
	version map[string]int64 // by stream
	asked   []string         // owners that were asked
	behind  func()           // what the owners tell only when they are asked
	late    func()           // what happens before the next append
}

// between has something happen after the next command is judged and before it
// is appended.
func (s *system) between(happens func()) { s.late = happens }

// lateStore is the store with what happens late.
type lateStore struct {
	es.Store
	s *system
}

func (l lateStore) Append(ctx context.Context, b es.Batch) (es.Commit, error) {
	if happens := l.s.late; happens != nil {
		l.s.late = nil
		happens()
	}
	return l.Store.Append(ctx, b)
}

func start(t *testing.T) *system {
	t.Helper()
	registry := events.MustRegistry(consumer.Events, credential.Events, catalog.Events, subscription.Events)
	store, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "subscription.db"), es.Schema{
		Service: "subscription", Registry: registry, Views: []es.View{views.Subscriptions},
		References: []es.Reference{views.Consumers, views.Services, views.Credentials},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	s := &system{t: t, store: store, now: time.Now(), told: map[string]int64{}, version: map[string]int64{}}
	h := es.NewHandler(lateStore{store, s}, registry, domain.Decider, domain.Effects)
	s.subscriptions = h
	s.reactors = []es.Reactor{
		es.Bind(policies.EndWithConsumer, h, store), es.Bind(policies.EndWithService, h, store), es.Bind(policies.DropCredential, h, store),
	}
	s.API = httpapitest.Start(t, httpapi.Config{Service: "subscription", Idempotency: store}, func(server *httpapi.Server) {
		api.Register(server, api.Config{Store: store, Subscriptions: h, Clock: s.clock, Grace: grace, CatchUp: s.catchUp})
	})
	return s
}

func (s *system) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *system) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func (s *system) catchUp(_ context.Context, sources ...string) error {
	s.mu.Lock()
	s.asked = append(s.asked, sources...)
	silent := slices.ContainsFunc(sources, func(source string) bool { return slices.Contains(s.silent, source) })
	behind := s.behind
	s.behind = nil
	s.mu.Unlock()
	if silent {
		return errors.New("the owner cannot be asked")
	}
	if behind != nil {
		behind()
	}
	return nil
}

// tell has the service read an event of another one: first into what it knows,
// then through its policies.
func (s *system) tell(source, id string, data events.Data) {
	s.t.Helper()
	event := s.know(source, id, data)
	for _, reactor := range s.reactors {
		if !slices.Contains(reactor.From, event.Type) {
			continue
		}
		for range 2 { // again, as after a crash
			if err := reactor.React(s.t.Context(), event, data); err != nil {
				s.t.Fatal(err)
			}
		}
	}
}

// know has the service know an event of another one, and not react yet.
func (s *system) know(source, id string, data events.Data) events.Envelope {
	s.t.Helper()
	raw, err := json.Marshal(data)
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	stream := events.Word(data.EventType()) + "-" + id
	position := s.told[source] + 1
	s.told[source], s.version[stream] = position, s.version[stream]+1
	event := events.Envelope{
		ID: events.NewID(time.Now()), Type: data.EventType(), Schema: 1, Stream: stream, Version: s.version[stream], Position: position,
		Time: time.Now().UTC(), Data: raw,
	}
	from := es.Cursor{Epoch: "e", Position: position - 1}
	if position == 1 {
		from = es.Cursor{}
	}
	if err := s.store.Absorb(s.t.Context(), es.Absorption{
		Subscriber: es.FactsSubscriber, Source: source, From: from, To: es.Cursor{Epoch: "e", Position: position},
		Events: []es.Received{{Envelope: event, Data: data, Body: raw}},
	}); err != nil {
		s.t.Fatal(err)
	}
	return event
}

// consumer tells of a consumer of the consumer's team.
func (s *system) consumer(id string) {
	s.t.Helper()
	s.tell("consumer", id, consumer.Registered{
		Concerns: events.Concerns{ConsumerID: id, Team: consumerTeam}, Name: "Consumer " + id, Labels: map[string]string{"tier": "gold"},
	})
}

// service tells of a published service of the provider's team.
func (s *system) service(id string, change func(*catalog.Drafted)) {
	s.t.Helper()
	concerns := events.Concerns{ServiceID: id, ProviderTeam: providerTeam}
	drafted := catalog.Drafted{
		Concerns: concerns, Name: "Service " + id, Visibility: "public", Approval: catalog.Approval{Mode: "manual"}, Plans: []catalog.Plan{{ID: "default"}},
	}
	if change != nil {
		change(&drafted)
	}
	s.tell("catalog", id, drafted)
	s.tell("catalog", id, catalog.Published{Concerns: drafted.Concerns})
}

// credential tells of a credential of a consumer.
func (s *system) credential(id, consumerID string) {
	s.t.Helper()
	s.tell("credential", id, credential.Issued{Concerns: events.Concerns{CredentialID: id, ConsumerID: consumerID}, Type: "api_key"})
}

func (s *system) developer() *httpapitest.Client { return s.Developer(consumerTeam) }
func (s *system) provider() *httpapitest.Client  { return s.Provider(providerTeam) }

// request asks for a service, for a consumer.
func (s *system) request(t *testing.T, consumerID, serviceID string) api.Subscription {
	t.Helper()
	return httpapitest.Read[api.Subscription](t, s.developer().Post(t, "/v1/subscriptions", object{
		"consumer_id": consumerID, "service_id": serviceID, "reason": "to sell pets",
	}).Want(t, 201))
}

// subscription answers a subscription in a status, of a consumer of its own, to
// a service that is told of already.
func (s *system) subscription(t *testing.T, serviceID string, status domain.Status) (id string) {
	t.Helper()
	consumerID := fmt.Sprintf("consumer-%d", s.told["consumer"])
	s.consumer(consumerID)
	id = s.request(t, consumerID, serviceID).ID
	act := func(by *httpapitest.Client, action string, body any) {
		t.Helper()
		by.Post(t, "/v1/subscriptions/"+id+"/"+action, body).Want(t, 200)
	}
	reason := object{"reason": "because"}
	granted := func() { act(s.provider(), "approve", object{"expires_at": s.clock().Add(day)}) }
	switch status {
	case domain.Active:
		granted()
	case domain.Suspended:
		granted()
		act(s.provider(), "suspend", reason)
	case domain.Expired:
		granted()
		if _, err := s.subscriptions.Handle(t.Context(), id, domain.Expire{Now: s.clock().Add(day)}); err != nil {
			t.Fatal(err)
		}
	case domain.Rejected:
		act(s.provider(), "reject", reason)
	case domain.Withdrawn:
		act(s.developer(), "withdraw", nil)
	case domain.Cancelled:
		granted()
		act(s.developer(), "cancel", nil)
	case domain.Revoked:
		granted()
		act(s.provider(), "revoke", reason)
	case domain.Pending:
	}
	return id
}

// get answers a subscription as an administrator sees it.
func (s *system) get(t *testing.T, id string) api.Subscription {
	t.Helper()
	return httpapitest.Read[api.Subscription](t, s.Admin().Get(t, "/v1/subscriptions/"+id).Want(t, 200))
}
