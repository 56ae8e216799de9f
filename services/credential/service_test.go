package credential_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/libs/app/apptest"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/services/credential"
)

// consumers stands in for the consumer service: its events come from the test,
// and go out as every service's do.
type consumers struct {
	opened chan app.Deps
	deps   app.Deps
}

func (c *consumers) service() app.Service {
	c.opened = make(chan app.Deps, 1)
	return app.Service{
		Name: "consumer", Writes: consumer.Events,
		Start: func(ctx context.Context, d app.Deps) error {
			c.opened <- d
			<-ctx.Done()
			return nil
		},
	}
}

// told is a decider that decides whatever it is told.
var told = es.Decider[struct{}, events.Data]{
	Category: "consumer",
	Decide:   func(_ struct{}, e events.Data) ([]events.Data, error) { return []events.Data{e}, nil },
	Evolve:   func(s struct{}, _ events.Data) struct{} { return s },
}

func (c *consumers) tell(t testing.TB, id string, e events.Data) {
	t.Helper()
	if c.deps.Store == nil {
		c.deps = <-c.opened
	}
	if _, err := es.NewHandler(c.deps.Store, c.deps.Registry, told, nil).Handle(t.Context(), id, e); err != nil {
		t.Fatal(err)
	}
}

func (c *consumers) register(t testing.TB, id string) {
	t.Helper()
	c.tell(t, id, consumer.Registered{Concerns: events.Concerns{ConsumerID: id, Team: "payments"}, Name: id})
}

func start(t *testing.T) (*apptest.Harness, *consumers) {
	t.Helper()
	c := &consumers{}
	return apptest.Start(t, c.service(), credential.Service()), c
}

func path(consumerID string) string { return "/v1/consumers/" + consumerID + "/credentials" }

func TestACredentialIsIssuedAsSoonAsItsConsumerIsAcknowledged(t *testing.T) {
	h, c := start(t)
	for i := range 20 {
		id := fmt.Sprint("c", i)
		c.register(t, id)
		h.Developer("payments").Post(path(id), map[string]any{"name": "n", "type": "api_key"}).Want(http.StatusCreated)
	}
	h.Developer("payments").Post(path("nobody"), map[string]any{"name": "n", "type": "api_key"}).Want(http.StatusNotFound)
}

func TestWithoutTheBusWhatIsKnownIsReliedOn(t *testing.T) {
	h, c := start(t)
	c.register(t, "known")
	h.Developer("payments").Post(path("known"), map[string]any{"name": "one", "type": "api_key"}).Want(http.StatusCreated)
	h.StopNATS()
	h.Developer("payments").Post(path("known"), map[string]any{"name": "two", "type": "basic"}).Want(http.StatusCreated)
	refused := h.Developer("payments").Post(path("unknown"), map[string]any{"name": "n", "type": "api_key"}).Want(http.StatusServiceUnavailable)
	if code := refused.Value("code"); code != "reference_unavailable" {
		t.Fatalf("refused with %v", code)
	}
}

// TestNothingStaysLiveWhenItsConsumerIsDeleted issues credentials without pause
// while the consumer is deleted.
func TestNothingStaysLiveWhenItsConsumerIsDeleted(t *testing.T) {
	h, c := start(t)
	c.register(t, "acme")
	c.register(t, "other")
	h.Developer("payments").Post(path("other"), map[string]any{"name": "n", "type": "api_key"}).Want(http.StatusCreated)
	expired := h.Developer("payments").Post(path("acme"), map[string]any{
		"name": "short", "type": "api_key", "expires_at": time.Now().Add(300 * time.Millisecond),
	}).Want(http.StatusCreated).Value("id")
	h.Eventually("it expires", func() bool {
		return h.Admin().Get(fmt.Sprint("/v1/credentials/", expired)).Want(http.StatusOK).Value("status") == "expired"
	})

	var issuing sync.WaitGroup
	var mu sync.Mutex
	issued, refused, enough := 0, 0, make(chan struct{})
	for worker := range 8 {
		issuing.Go(func() {
			client := h.Developer("payments")
			for i := range 40 {
				answer := client.Post(path("acme"), map[string]any{"name": fmt.Sprintf("%d-%d", worker, i), "type": "api_key"})
				mu.Lock()
				switch {
				case answer.Status == http.StatusCreated:
					if issued++; issued == 40 {
						close(enough)
					}
				case answer.Status == http.StatusUnprocessableEntity && answer.Value("code") == "unknown_reference":
					refused++
				default:
					t.Errorf("answered %d: %s", answer.Status, answer.Body)
				}
				mu.Unlock()
			}
		})
	}
	<-enough
	c.tell(t, "acme", consumer.Deleted{Concerns: events.Concerns{ConsumerID: "acme", Team: "payments"}})
	issuing.Wait()
	if issued == 0 || refused == 0 {
		t.Fatalf("%d were issued and %d refused: the deletion came too early or too late", issued, refused)
	}
	h.Eventually("every credential is revoked", func() bool {
		return len(h.Admin().Get(path("acme")).Want(http.StatusOK).Value("items").([]any)) == 0
	})
	t.Logf("%d were issued, %d refused", issued, refused)
	history := h.Admin().Get(fmt.Sprintf("/v1/credentials/%v/history", expired)).Want(http.StatusOK).Value("items").([]any)
	last := history[len(history)-1].(map[string]any)
	if last["type"] != "credential.revoked" || last["actor"] != "policy:revoke_with_consumer" ||
		last["data"].(map[string]any)["reason"] != "consumer_deleted" {
		t.Fatalf("the last event is %v", last)
	}
	if live := h.Admin().Get(path("other")).Want(http.StatusOK).Value("items").([]any); len(live) != 1 {
		t.Fatalf("another consumer has %v", live)
	}
}

func TestTimeIsRecordedWithinFiveSeconds(t *testing.T) {
	h, c := start(t)
	c.register(t, "acme")
	dev := h.Developer("payments")
	soon := time.Now().Add(time.Second)
	expiring := dev.Post(path("acme"), map[string]any{"name": "e", "type": "api_key", "expires_at": soon}).Want(http.StatusCreated).Value("id")
	rotating := dev.Post(path("acme"), map[string]any{"name": "r", "type": "api_key"}).Want(http.StatusCreated).Value("id")
	dev.Post(fmt.Sprintf("/v1/credentials/%v/rotate", rotating), map[string]any{"overlap_seconds": 1}).Want(http.StatusOK)
	near := dev.Post(path("acme"), map[string]any{"name": "n", "type": "jwt", "config": map[string]any{"key": "near"}, "expires_at": soon.Add(24 * time.Hour)}).
		Want(http.StatusCreated).Value("id")
	last := func(id any) string {
		history := h.Admin().Get(fmt.Sprintf("/v1/credentials/%v/history", id)).Want(http.StatusOK).Value("items").([]any)
		event := history[len(history)-1].(map[string]any)
		return fmt.Sprint(event["type"], " by ", event["actor"])
	}
	h.Eventually("all are recorded", func() bool {
		return last(expiring) == "credential.expired by policy:expiry" && last(rotating) == "credential.secret_retired by policy:expiry" &&
			last(near) == "credential.expiring by policy:expiry"
	})
	if late := time.Since(soon); late > 5*time.Second {
		t.Fatalf("it took %s", late)
	}
}
