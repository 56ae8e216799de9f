package subscription_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/libs/app/apptest"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/services/subscription"
)

type object = map[string]any

// owner stands for another service: what it is told becomes an event in its own
// store, and goes over the bus.
type owner struct {
	name  string
	set   events.Set
	ready chan app.Deps
	deps  app.Deps
}

func newOwner(name string, set events.Set) *owner {
	return &owner{name: name, set: set, ready: make(chan app.Deps, 1)}
}

func (o *owner) service() app.Service {
	return app.Service{Name: o.name, Writes: o.set, Start: func(ctx context.Context, d app.Deps) error {
		o.ready <- d
		<-ctx.Done()
		return nil
	}}
}

func (o *owner) tell(t *testing.T, id string, data events.Data) {
	t.Helper()
	if o.deps.Store == nil {
		o.deps = <-o.ready
	}
	raw, schema, err := o.deps.Registry.Encode(data)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.deps.Store.Append(t.Context(), es.Batch{
		Stream: events.Word(data.EventType()) + "-" + id, Expect: es.Any,
		Events: []events.Envelope{{ID: events.NewID(time.Now()), Type: data.EventType(), Schema: schema, Actor: "test", Data: raw}},
	}); err != nil {
		t.Fatal(err)
	}
}

// house is the subscription service on a real bus, with three owners.
type house struct {
	*apptest.Harness
	consumers, credentials, services *owner
}

func start(t *testing.T) *house {
	t.Helper()
	h := &house{
		consumers: newOwner("consumer", consumer.Events), credentials: newOwner("credential", credential.Events), services: newOwner("catalog", catalog.Events),
	}
	h.Harness = apptest.Start(t, subscription.Service(), h.consumers.service(), h.credentials.service(), h.services.service())
	return h
}

func (h *house) consumer(t *testing.T, id string) {
	t.Helper()
	h.consumers.tell(t, id, consumer.Registered{Concerns: events.Concerns{ConsumerID: id, Team: "payments"}, Name: id})
}

func (h *house) service(t *testing.T, id, approval string) {
	t.Helper()
	concerns := events.Concerns{ServiceID: id, ProviderTeam: "pets"}
	h.services.tell(t, id, catalog.Drafted{
		Concerns: concerns, Name: id, Visibility: "public", Approval: catalog.Approval{Mode: approval}, Plans: []catalog.Plan{{ID: "default"}},
	})
	h.services.tell(t, id, catalog.Published{Concerns: concerns})
}

type sub struct {
	ID            string   `json:"id"`
	Status        string   `json:"status"`
	CredentialIDs []string `json:"credential_ids"`
}

func (h *house) request(t *testing.T, consumerID, serviceID string, more object) *apptest.Answer {
	t.Helper()
	body := object{"consumer_id": consumerID, "service_id": serviceID}
	maps.Copy(body, more)
	return h.Developer("payments").Post("/v1/subscriptions", body)
}

func read[T any](t *testing.T, a *apptest.Answer) T {
	t.Helper()
	var value T
	if err := json.Unmarshal(a.Body, &value); err != nil {
		t.Fatalf("%v: %s", err, a.Body)
	}
	return value
}

func (h *house) get(t *testing.T, id string) sub {
	t.Helper()
	return read[sub](t, h.Admin().Get("/v1/subscriptions/"+id).Want(http.StatusOK))
}

// What an owner has acknowledged is known to the very next call.
func TestAReferenceThatWasJustMadeIsKnown(t *testing.T) {
	h := start(t)
	for i := range 10 {
		c, s, k := fmt.Sprintf("c%d", i), fmt.Sprintf("s%d", i), fmt.Sprintf("cred_%d", i)
		h.consumer(t, c)
		h.service(t, s, "manual")
		h.credentials.tell(t, k, credential.Issued{Concerns: events.Concerns{CredentialID: k, ConsumerID: c}, Type: "api_key"})
		h.request(t, c, s, object{"credential_ids": []string{k}}).Want(http.StatusCreated)
	}
	h.request(t, "ghost", "s1", nil).Want(http.StatusUnprocessableEntity)
}

func TestWhatOthersTellReachesSubscriptions(t *testing.T) {
	h := start(t)
	h.consumer(t, "shop")
	h.service(t, "auto", "auto")
	h.service(t, "manual", "manual")
	h.credentials.tell(t, "cred_1", credential.Issued{Concerns: events.Concerns{CredentialID: "cred_1", ConsumerID: "shop"}, Type: "api_key"})
	listed := read[sub](t, h.request(t, "shop", "auto", object{"credential_ids": []string{"cred_1"}}).Want(http.StatusCreated))
	pending := read[sub](t, h.request(t, "shop", "manual", nil).Want(http.StatusCreated))

	h.credentials.tell(t, "cred_1", credential.Revoked{Concerns: events.Concerns{CredentialID: "cred_1", ConsumerID: "shop"}})
	h.Eventually("the credential is dropped", func() bool { return len(h.get(t, listed.ID).CredentialIDs) == 0 })
	h.services.tell(t, "auto", catalog.Retired{Concerns: events.Concerns{ServiceID: "auto", ProviderTeam: "pets"}})
	h.Eventually("its subscription is revoked", func() bool { return h.get(t, listed.ID).Status == "revoked" })
	h.consumers.tell(t, "shop", consumer.Deleted{Concerns: events.Concerns{ConsumerID: "shop", Team: "payments"}})
	h.Eventually("what waits is cancelled", func() bool { return h.get(t, pending.ID).Status == "cancelled" })
}

// TestNothingStaysLiveOfADeletedConsumer deletes a consumer while many
// subscriptions of its are being made.
func TestNothingStaysLiveOfADeletedConsumer(t *testing.T) {
	h := start(t)
	const services = 60
	for i := range services {
		h.service(t, fmt.Sprintf("s%d", i), "auto")
	}
	h.consumer(t, "shop")
	var all sync.WaitGroup
	some := make(chan struct{}, services)
	for worker := range 6 {
		all.Go(func() {
			for i := worker; i < services; i += 6 {
				h.request(t, "shop", fmt.Sprintf("s%d", i), nil)
				some <- struct{}{}
			}
		})
	}
	for range services / 3 {
		<-some
	}
	h.consumers.tell(t, "shop", consumer.Deleted{Concerns: events.Concerns{ConsumerID: "shop", Team: "payments"}})
	all.Wait()
	h.request(t, "shop", "s0", nil).Want(http.StatusUnprocessableEntity) // all that was acknowledged is known now
	made := 0
	h.Eventually("nothing is live", func() bool {
		page := read[struct{ Items []sub }](t, h.Admin().Get("/v1/subscriptions?limit=200&consumer_id=shop").Want(http.StatusOK))
		made = len(page.Items)
		for _, s := range page.Items {
			if s.Status != "cancelled" {
				return false
			}
		}
		return true
	})
	if made < services/3 || made == services {
		t.Errorf("%d of %d were made before the consumer was gone: the race was none", made, services)
	}
}

func TestAnEndThatHasPassedIsRecorded(t *testing.T) {
	h := start(t)
	h.consumer(t, "shop")
	h.service(t, "petstore", "manual")
	made := read[sub](t, h.request(t, "shop", "petstore", nil).Want(http.StatusCreated))
	end := time.Now().Add(time.Second)
	h.Provider("pets").Post("/v1/subscriptions/"+made.ID+"/approve", object{"expires_at": end}).Want(http.StatusOK)
	h.Eventually("it is expired", func() bool { return h.get(t, made.ID).Status == "expired" })
	if late := time.Since(end); late > 5*time.Second {
		t.Errorf("it was recorded %s after the end", late)
	}
	h.Provider("pets").Post("/v1/subscriptions/"+made.ID+"/renew", object{"expires_at": end.Add(time.Hour)}).Want(http.StatusOK)
	if got := h.get(t, made.ID).Status; got != "active" { // the grace is the configured one
		t.Errorf("a renewed one is %s", got)
	}
}

func TestWithoutTheBusWhatIsKnownCounts(t *testing.T) {
	h := start(t)
	h.consumer(t, "shop")
	h.service(t, "a", "manual")
	h.service(t, "b", "manual")
	made := read[sub](t, h.request(t, "shop", "a", nil).Want(http.StatusCreated))
	h.StopNATS()
	h.Provider("pets").Post("/v1/subscriptions/"+made.ID+"/approve", nil).Want(http.StatusOK)
	h.request(t, "shop", "b", nil).Want(http.StatusCreated)
	h.request(t, "shop", "c", nil).Want(http.StatusServiceUnavailable)
	h.StartNATS()
	h.service(t, "c", "auto")
	h.Eventually("the owners can be asked again", func() bool { return h.request(t, "shop", "c", nil).Status == http.StatusCreated })
}
