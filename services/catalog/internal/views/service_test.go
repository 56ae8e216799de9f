package views_test

import (
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/es/estest"
	"github.com/tidegate-io/tidegate/libs/es/sqlitestore"
	"github.com/tidegate-io/tidegate/services/catalog/internal/domain"
	"github.com/tidegate-io/tidegate/services/catalog/internal/views"
)

// TestAViewIsTheFoldOfAllEvents runs random commands through a real store: each
// document is the fold of its stream, and its times are its events'.
func TestAViewIsTheFoldOfAllEvents(t *testing.T) {
	estest.View[domain.State, domain.Command, views.Service]{
		Service: "catalog", Events: catalog.Events, View: views.Services, Decider: domain.Decider, Effects: domain.Effects, Most: 8,
		Open: func(schema es.Schema) (es.Store, error) {
			return sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "catalog.db"), schema)
		},
		Draw: func(r *rapid.T, id string, _ domain.State) (domain.Command, []es.Option) { return draw(r, id), nil },
		Read: func(d views.Service) estest.Document[domain.State] {
			return estest.Document[domain.State]{State: d.State, Version: d.Version, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt}
		},
		Check: func(r *rapid.T, _ es.Store, _ string, d views.Service) {
			if (d.SunsetAt != nil) != (d.Status == domain.Deprecated) && d.Status != domain.Retired {
				r.Fatalf("a %s service has the sunset %v", d.Status, d.SunsetAt)
			}
		},
	}.Run(t)
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
