package views_test

import (
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/es/estest"
	"github.com/tidegate-io/tidegate/libs/es/sqlitestore"
	"github.com/tidegate-io/tidegate/services/consumer/internal/domain"
	"github.com/tidegate-io/tidegate/services/consumer/internal/views"
)

// TestAViewIsTheFoldOfAllEvents runs random commands through a real store: each
// document is the fold of its stream, and its times are its events'.
func TestAViewIsTheFoldOfAllEvents(t *testing.T) {
	estest.View[domain.State, domain.Command, views.Consumer]{
		Service: "consumer", Events: consumer.Events, View: views.Consumers, Decider: domain.Decider, Effects: domain.Effects, Most: 8,
		Open: func(schema es.Schema) (es.Store, error) {
			return sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "consumer.db"), schema)
		},
		Draw: func(r *rapid.T, id string, _ domain.State) (domain.Command, []es.Option) { return draw(r, id), nil },
		Read: func(d views.Consumer) estest.Document[domain.State] {
			return estest.Document[domain.State]{State: d.State, Version: d.Version, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt}
		},
	}.Run(t)
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
