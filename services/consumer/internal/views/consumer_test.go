package views_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/es/sqlitestore"
	"github.com/tidegate-io/tidegate/services/consumer/internal/domain"
	"github.com/tidegate-io/tidegate/services/consumer/internal/views"
)

// TestAViewIsTheFoldOfAllEvents runs random commands through a real store: each
// document is the fold of its stream, and its times are its events'.
func TestAViewIsTheFoldOfAllEvents(t *testing.T) {
	registry := events.MustRegistry(consumer.Events)
	store, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "consumer.db"), es.Schema{
		Service: "consumer", Registry: registry, Views: []es.View{views.Consumers},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	consumers := es.NewHandler(store, registry, domain.Decider, domain.Effects)
	number := 0
	rapid.Check(t, func(r *rapid.T) {
		number++
		id := fmt.Sprintf("c%d", number)
		for range rapid.IntRange(1, 8).Draw(r, "commands") {
			if _, err := consumers.Handle(t.Context(), id, draw(r, id)); err != nil && !errors.As(err, new(*es.Refusal)) {
				t.Fatal(err)
			}
		}
		folded, version, err := consumers.State(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := es.Get[views.Consumer](t.Context(), store, views.Consumers.Name, id)
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
	})
}

func draw(r *rapid.T, id string) domain.Command {
	profile := domain.Profile{
		Name:          rapid.SampledFrom([]string{"A", "B"}).Draw(r, "name"),
		Description:   rapid.SampledFrom([]string{"", "d"}).Draw(r, "description"),
		Labels:        rapid.SampledFrom([]map[string]string{nil, {"a": "b"}, {"a": "c", "d": "e"}}).Draw(r, "labels"),
		ContactSealed: rapid.SampledFrom([][]byte{nil, {1}, {2, 3}}).Draw(r, "contact"),
		Limits: rapid.SampledFrom([]*domain.Limits{
			nil, {Rate: &domain.Rate{Requests: 1, PerSeconds: 2}}, {Quota: &domain.Quota{Requests: 1, Per: "day"}, AllowedIPs: []string{"::1"}},
		}).Draw(r, "limits"),
	}
	return rapid.SampledFrom([]domain.Command{
		domain.Register{ID: id, Team: "t", Profile: profile},
		domain.Register{ID: id, Team: "t", Profile: profile},
		domain.Update{Change: func(domain.Profile) (domain.Profile, error) { return profile, nil }},
		domain.Suspend{Reason: "r"}, domain.Resume{}, domain.Delete{},
	}).Draw(r, "command")
}
