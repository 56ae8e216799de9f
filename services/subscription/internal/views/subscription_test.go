package views_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/subscription"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/es/sqlitestore"
	"github.com/tidegate-io/tidegate/services/subscription/internal/domain"
	"github.com/tidegate-io/tidegate/services/subscription/internal/views"
)

// TestAViewIsTheFoldOfAllEvents runs random commands through a real store: each
// document is the fold of its stream, its times are its events', and it is found
// by what it is.
func TestAViewIsTheFoldOfAllEvents(t *testing.T) {
	registry := events.MustRegistry(subscription.Events)
	store, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "subscription.db"), es.Schema{
		Service: "subscription", Registry: registry, Views: []es.View{views.Subscriptions},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	h := es.NewHandler(store, registry, domain.Decider, domain.Effects)
	number := 0
	rapid.Check(t, func(r *rapid.T) {
		number++
		id := fmt.Sprintf("sub_%d", number)
		for range rapid.IntRange(1, 10).Draw(r, "commands") {
			if _, err := h.Handle(t.Context(), id, draw(r, id)); err != nil && !errors.As(err, new(*es.Refusal)) {
				t.Fatal(err)
			}
		}
		folded, version, err := h.State(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := es.Get[views.Subscription](t.Context(), store, views.Subscriptions.Name, id)
		if errors.Is(err, es.ErrNotFound) && version == 0 {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(folded, doc.State); diff != "" {
			r.Fatalf("the fold and the view differ (-fold +view):\n%s", diff)
		}
		stored, err := store.Load(t.Context(), domain.Decider.Stream(id), 0)
		if err != nil {
			t.Fatal(err)
		}
		first, last := stored[0], stored[len(stored)-1]
		if doc.Version != version || !doc.CreatedAt.Equal(first.Time) || !doc.UpdatedAt.Equal(last.Time) {
			r.Fatalf("version %d, %s, %s of events from %s to %s", doc.Version, doc.CreatedAt, doc.UpdatedAt, first.Time, last.Time)
		}
		if (doc.RenewalAt != nil) != (doc.Renewal != nil) {
			r.Fatalf("a renewal till %v was asked for at %v", doc.Renewal, doc.RenewalAt)
		}
		waits := doc.Status == domain.Pending || doc.Renewal != nil
		for field, want := range map[string]bool{views.Waiting: waits, views.Due: doc.Status.Granted() && doc.ExpiresAt != nil} {
			found, err := store.Find(t.Context(), es.Query{View: views.Subscriptions.Name, Where: []es.Term{
				{Field: views.ConsumerID, Values: []string{id}}, {Field: field, Op: es.AtLeast, Values: []string{""}},
			}})
			if err != nil {
				t.Fatal(err)
			}
			if (len(found.Docs) == 1) != want {
				r.Fatalf("%s finds %d of what is %s", field, len(found.Docs), doc.Status)
			}
		}
	})
}

func draw(r *rapid.T, id string) domain.Command {
	now := time.Now()
	end := now.Add(time.Duration(rapid.IntRange(-1, 3).Draw(r, "end")) * time.Hour).UTC()
	concerns := events.Concerns{SubscriptionID: id, ConsumerID: id, ServiceID: "petstore", Team: "a", ProviderTeam: "b"}
	return rapid.SampledFrom([]domain.Command{
		domain.Request{Concerns: concerns}, domain.Request{Concerns: concerns, Grant: "auto"},
		domain.Approve{Now: now, ExpiresAt: &end}, domain.Approve{Now: now}, domain.Reject{Reason: "no"}, domain.Withdraw{},
		domain.Suspend{Reason: "no"}, domain.Resume{}, domain.Cancel{}, domain.Revoke{Reason: "no"},
		domain.Renew{Now: now, Grace: time.Hour, ExpiresAt: &end}, domain.Renew{Now: now, Grace: time.Hour, By: domain.ByProvider, ExpiresAt: &end},
		domain.AssignCredentials{CredentialIDs: &[]string{"cred_1"}}, domain.DropCredential{CredentialID: "cred_1"},
		domain.Expire{Now: now.Add(2 * time.Hour)}, domain.EndWithConsumer{}, domain.EndWithService{},
	}).Draw(r, "command")
}
