package policies_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/subscription"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/es/sqlitestore"
	"github.com/tidegate-io/tidegate/services/subscription/internal/domain"
	"github.com/tidegate-io/tidegate/services/subscription/internal/policies"
	"github.com/tidegate-io/tidegate/services/subscription/internal/views"
)

// TestEndsAreRecordedOnceByAnyNumberOfClocks runs two clocks on one store.
func TestEndsAreRecordedOnceByAnyNumberOfClocks(t *testing.T) {
	registry := events.MustRegistry(subscription.Events)
	store, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "subscription.db"), es.Schema{
		Service: "subscription", Registry: registry, Views: []es.View{views.Subscriptions},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	h := es.NewHandler(store, registry, domain.Decider, domain.Effects)
	now := time.Now()
	ends := map[string]time.Time{"soon": now.Add(time.Hour), "sooner": now.Add(time.Minute), "later": now.Add(48 * time.Hour)}
	for id, end := range ends {
		concerns := events.Concerns{SubscriptionID: id, ConsumerID: id, ServiceID: "petstore"}
		for _, c := range []domain.Command{domain.Request{Concerns: concerns, PlanID: "default"}, domain.Approve{Now: now, ExpiresAt: &end}} {
			if _, err := h.Handle(t.Context(), id, c); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := h.Handle(t.Context(), "soon", domain.Suspend{Reason: "unpaid"}); err != nil {
		t.Fatal(err)
	}

	ctx, stop := context.WithCancel(t.Context())
	var clocks sync.WaitGroup
	var passed atomic.Int64
	for range 2 {
		clocks.Go(func() {
			x := policies.Expiry{
				Reader: store, Subscriptions: h, Log: slog.New(slog.DiscardHandler),
				Clock: func() time.Time { return now.Add(time.Duration(passed.Load())) },
			}
			if err := x.Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	passed.Store(int64(time.Hour)) // to the moment itself
	deadline := time.Now().Add(5 * time.Second)
	for _, id := range []string{"soon", "sooner"} {
		for status(t, store, id) != domain.Expired {
			if time.Now().After(deadline) {
				t.Fatalf("%s is %s 5 s after its end", id, status(t, store, id))
			}
			<-time.After(10 * time.Millisecond)
		}
		stored, err := store.Load(t.Context(), domain.Decider.Stream(id), 0)
		if err != nil {
			t.Fatal(err)
		}
		if last := stored[len(stored)-1]; last.Type != "subscription.expired" || last.Actor != "policy:expiry" {
			t.Errorf("the last event is %s by %s", last.Type, last.Actor)
		}
	}
	stop()
	clocks.Wait()
	head, err := store.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if head.Position != 3+3+1+2 {
		t.Errorf("%d events were recorded, want 9", head.Position)
	}
	if got := status(t, store, "later"); got != domain.Active {
		t.Errorf("what ends later is %s", got)
	}
}

func status(t *testing.T, r es.Reader, id string) domain.Status {
	t.Helper()
	s, err := es.Get[views.Subscription](t.Context(), r, views.Subscriptions.Name, id)
	if err != nil {
		t.Fatal(err)
	}
	return s.Status
}
