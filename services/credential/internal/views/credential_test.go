package views_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/es/sqlitestore"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
	"github.com/tidegate-io/tidegate/services/credential/internal/views"
)

// TestAViewIsTheFoldOfAllEvents runs random commands through a real store: each
// document is the fold of its stream, its times are its events', and what is
// kept beside the events is that of the versions that are accepted.
func TestAViewIsTheFoldOfAllEvents(t *testing.T) {
	registry := events.MustRegistry(credential.Events)
	store, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "credential.db"), es.Schema{
		Service: "credential", Registry: registry, Views: []es.View{views.Credentials},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	credentials := es.NewHandler(store, registry, domain.Decider, domain.Effects)
	number := 0
	rapid.Check(t, func(r *rapid.T) {
		number++
		id := fmt.Sprintf("cred_%d", number)
		now := time.Now().UTC()
		for range rapid.IntRange(1, 12).Draw(r, "commands") {
			now = now.Add(rapid.SampledFrom([]time.Duration{0, time.Minute, time.Hour}).Draw(r, "later"))
			state, _, err := credentials.State(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			command, opts := draw(r, id, now, state)
			if _, err := credentials.Handle(t.Context(), id, command, opts...); err != nil && !errors.As(err, new(*es.Refusal)) {
				t.Fatal(err)
			}
		}
		check(t, r, store, credentials, id)
	})
}

func check(t *testing.T, r *rapid.T, store es.Store, credentials *es.Handler[domain.State, domain.Command], id string) {
	folded, version, err := credentials.State(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := es.Get[views.Credential](t.Context(), store, views.Credentials.Name, id)
	if errors.Is(err, es.ErrNotFound) && version == 0 {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(folded, doc.State, cmpopts.EquateEmpty()); diff != "" {
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
	accepted := 0
	for _, s := range doc.Secrets {
		key := domain.MaterialKey(id, s.Version)
		material, err := store.Material(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		_, held := store.Holder(t.Context(), domain.SecretScope, key)
		lives := s.Status != domain.Retired
		if _, there := material[key]; there != lives || (held == nil) != lives {
			r.Fatalf("version %d is %s, its material is there: %v, its claim: %v", s.Version, s.Status, there, held)
		}
		if lives {
			accepted++
		}
		if doc.SecretsAt[s.Version].IsZero() {
			r.Fatalf("version %d has no time", s.Version)
		}
	}
	if accepted > 2 || (accepted == 0) != (doc.Status == domain.Revoked) {
		r.Fatalf("a credential that is %s has %d accepted secrets", doc.Status, accepted)
	}
}

func draw(r *rapid.T, id string, now time.Time, state domain.State) (domain.Command, []es.Option) {
	soon := now.Add(90 * time.Minute)
	settings := domain.Settings{
		Name:            id + rapid.SampledFrom([]string{"A", "B"}).Draw(r, "name"),
		Placement:       domain.Placement{In: "header", Name: rapid.SampledFrom([]string{"X-A", "X-B"}).Draw(r, "header")},
		Config:          json.RawMessage(rapid.SampledFrom([]string{`{}`, `{"username":"<u>"}`}).Draw(r, "config")),
		ExpiresAt:       rapid.SampledFrom([]*time.Time{nil, &soon}).Draw(r, "expiry"),
		HideCredentials: rapid.Bool().Draw(r, "hide"),
	}
	command := rapid.SampledFrom([]domain.Command{
		domain.Issue{ID: id, ConsumerID: "c", Team: "t", Type: "api_key", Settings: settings, Now: now},
		domain.Issue{ID: id, ConsumerID: "c", Team: "t", Type: "api_key", Settings: settings, Now: now},
		domain.Update{Now: now, Change: func(domain.Settings) (domain.Settings, error) { return settings, nil }},
		domain.Rotate{SecretVersion: state.NextVersion(), For: state.Settings, Config: settings.Config, Now: now},
		domain.Rotate{SecretVersion: state.NextVersion(), For: state.Settings, Config: settings.Config, Now: now, Overlap: time.Hour},
		domain.Rotate{SecretVersion: state.NextVersion(), For: state.Settings, Config: settings.Config, Now: now, Overlap: 2 * time.Hour},
		domain.Elapse{Now: now}, domain.Suspend{Now: now}, domain.Resume{Now: now}, domain.Revoke{Reason: "r"},
	}).Draw(r, "command")
	version := 0
	switch c := command.(type) {
	case domain.Issue:
		version = 1
	case domain.Rotate:
		version = c.SecretVersion
	default:
		return command, nil
	}
	key := domain.MaterialKey(id, version)
	return command, []es.Option{
		es.WithMaterial(es.Material{Key: key, Sealed: []byte("sealed"), Hint: "h"}),
		es.Claiming(domain.Unique(id, version, key)),
	}
}
