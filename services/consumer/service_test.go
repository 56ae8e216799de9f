package consumer_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/subscription"
	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/libs/app/apptest"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/services/consumer"
)

// subscriptions stands in for the subscription service: its events come from
// the test, and go out as every service's do.
func subscriptions(opened chan<- app.Deps) app.Service {
	return app.Service{
		Name: "subscription", Writes: subscription.Events,
		Start: func(ctx context.Context, d app.Deps) error {
			opened <- d
			<-ctx.Done()
			return nil
		},
	}
}

// told is a decider that decides whatever it is told.
var told = es.Decider[struct{}, events.Data]{
	Category: "subscription",
	Decide:   func(_ struct{}, e events.Data) ([]events.Data, error) { return []events.Data{e}, nil },
	Evolve:   func(s struct{}, _ events.Data) struct{} { return s },
}

func TestAProviderSeesAConsumerWhileItSubscribes(t *testing.T) {
	opened := make(chan app.Deps, 1)
	h := apptest.Start(t, consumer.Service(), subscriptions(opened))
	d := <-opened
	tell := func(e events.Data) {
		t.Helper()
		if _, err := es.NewHandler(d.Store, d.Registry, told, nil).Handle(t.Context(), "sub_1", e); err != nil {
			t.Fatal(err)
		}
	}
	sees := func(status int) func() bool {
		return func() bool { return h.Provider("pets").Get("/v1/consumers/acme").Status == status }
	}
	h.Developer("payments").Post("/v1/consumers", map[string]any{"id": "acme", "name": "Acme"}).Want(http.StatusCreated)
	h.Provider("pets").Get("/v1/consumers/acme").Want(http.StatusNotFound)
	about := events.Concerns{ConsumerID: "acme", SubscriptionID: "sub_1", Team: "payments", ProviderTeam: "pets"}
	tell(subscription.Requested{Concerns: about, PlanID: "default"})
	h.Eventually("the provider sees it", sees(http.StatusOK))
	tell(subscription.Withdrawn{Concerns: about})
	h.Eventually("the provider sees it no longer", sees(http.StatusNotFound))
}

func TestWhatWasAcknowledgedIsThereAfterARestart(t *testing.T) {
	h := apptest.Start(t, consumer.Service())
	contact := map[string]any{"name": "Wile", "email": "wile@acme.example"}
	created := h.Developer("payments").Post("/v1/consumers", map[string]any{"id": "acme", "name": "Acme", "contact": contact}).Want(http.StatusCreated)
	h.Stop()
	h.Run()
	again := h.Developer("payments").Get("/v1/consumers/acme").Want(http.StatusOK)
	if string(again.Body) != string(created.Body) {
		t.Fatalf("it was\n%s\nand is\n%s", created.Body, again.Body)
	}
}
