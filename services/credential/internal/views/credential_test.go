package views_test

import (
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/es/estest"
	"github.com/tidegate-io/tidegate/libs/es/sqlitestore"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
	"github.com/tidegate-io/tidegate/services/credential/internal/views"
)

// TestAViewIsTheFoldOfAllEvents runs random commands through a real store: each
// document is the fold of its stream, its times are its events', and what is
// kept beside the events is that of the versions that are accepted.
func TestAViewIsTheFoldOfAllEvents(t *testing.T) {
	now := time.Now().UTC()
	estest.View[domain.State, domain.Command, views.Credential]{
		Service: "credential", Events: credential.Events, View: views.Credentials, Decider: domain.Decider, Effects: domain.Effects, Most: 12,
		Open: func(schema es.Schema) (es.Store, error) {
			return sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "credential.db"), schema)
		},
		Draw: func(r *rapid.T, id string, s domain.State) (domain.Command, []es.Option) {
			now = now.Add(rapid.SampledFrom([]time.Duration{0, time.Minute, time.Hour}).Draw(r, "later"))
			return draw(r, id, now, s)
		},
		Read: func(d views.Credential) estest.Document[domain.State] {
			return estest.Document[domain.State]{State: d.State, Version: d.Version, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt}
		},
		Check: check(t),
	}.Run(t)
}

func check(t *testing.T) func(*rapid.T, es.Store, string, views.Credential) {
	return func(r *rapid.T, store es.Store, id string, doc views.Credential) {
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
