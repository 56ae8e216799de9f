package views_test

import (
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/subscription"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/es/estest"
	"github.com/tidegate-io/tidegate/libs/es/sqlitestore"
	"github.com/tidegate-io/tidegate/services/subscription/internal/domain"
	"github.com/tidegate-io/tidegate/services/subscription/internal/views"
)

// TestAViewIsTheFoldOfAllEvents runs random commands through a real store: each
// document is the fold of its stream, its times are its events', and it is found
// by what it is.
func TestAViewIsTheFoldOfAllEvents(t *testing.T) {
	estest.View[domain.State, domain.Command, views.Subscription]{
		Service: "subscription", Events: subscription.Events, View: views.Subscriptions, Decider: domain.Decider, Effects: domain.Effects, Most: 10,
		Open: func(schema es.Schema) (es.Store, error) {
			return sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "subscription.db"), schema)
		},
		Draw: func(r *rapid.T, id string, _ domain.State) (domain.Command, []es.Option) { return draw(r, id), nil },
		Read: func(d views.Subscription) estest.Document[domain.State] {
			return estest.Document[domain.State]{State: d.State, Version: d.Version, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt}
		},
		Check: check(t),
	}.Run(t)
}

func check(t *testing.T) func(*rapid.T, es.Store, string, views.Subscription) {
	return func(r *rapid.T, store es.Store, id string, doc views.Subscription) {
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
	}
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
