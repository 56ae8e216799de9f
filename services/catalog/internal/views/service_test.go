package views_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/es/sqlitestore"
	"github.com/tidegate-io/tidegate/services/catalog/internal/domain"
	"github.com/tidegate-io/tidegate/services/catalog/internal/views"
)

// TestAViewIsTheFoldOfAllEvents runs random commands through a real store: each
// document is the fold of its stream, and its times are its events'.
func TestAViewIsTheFoldOfAllEvents(t *testing.T) {
	registry := events.MustRegistry(catalog.Events)
	store, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "catalog.db"), es.Schema{
		Service: "catalog", Registry: registry, Views: []es.View{views.Services},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	services := es.NewHandler(store, registry, domain.Decider, domain.Effects)
	number := 0
	rapid.Check(t, func(r *rapid.T) {
		number++
		id := fmt.Sprintf("s%d", number)
		for range rapid.IntRange(1, 8).Draw(r, "commands") {
			if _, err := services.Handle(t.Context(), id, draw(r, id)); err != nil && !errors.As(err, new(*es.Refusal)) {
				t.Fatal(err)
			}
		}
		folded, version, err := services.State(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := es.Get[views.Service](t.Context(), store, views.Services.Name, id)
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
		if (doc.SunsetAt != nil) != (doc.Status == domain.Deprecated) && doc.Status != domain.Retired {
			r.Fatalf("a %s service has the sunset %v", doc.Status, doc.SunsetAt)
		}
	})
}

func draw(r *rapid.T, id string) domain.Command {
	definition := domain.Definition{
		Name:      rapid.SampledFrom([]string{"A", "B"}).Draw(r, "name"),
		Routes:    []catalog.Route{{PathPrefix: "/" + id + rapid.SampledFrom([]string{"", "/v1"}).Draw(r, "prefix")}},
		Upstreams: []catalog.Upstream{{URL: "http://localhost"}},
		Tags:      rapid.SampledFrom([][]string{nil, {"a"}}).Draw(r, "tags"),
	}
	now := time.Now()
	return rapid.SampledFrom([]domain.Command{
		domain.Create{ID: id, Team: "t", Definition: definition},
		domain.Create{ID: id, Team: "t", Definition: definition},
		domain.Update{Change: func(domain.Definition) domain.Definition { return definition }},
		domain.Publish{}, domain.Publish{}, domain.Unpublish{}, domain.Deprecate{Now: now, SunsetAt: now.Add(time.Hour)}, domain.Retire{},
	}).Draw(r, "command")
}
