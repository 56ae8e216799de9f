package domain

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/credential"
)

// Placement is where callers put a credential, as events have it.
type Placement = credential.Placement

// Settings is everything about a credential that may be changed. Placement and
// Config are as the credential's type made them: the config holds no secret, and
// its identifiers stay as they are.
type Settings struct {
	Name            string
	Placement       Placement
	Config          json.RawMessage
	ExpiresAt       *time.Time // nil: never
	HideCredentials bool
}

// difference answers what turns settings into others.
func difference(before, after Settings) (u credential.Updated, changed bool) {
	u = credential.Updated{
		Name:            change(before.Name, after.Name, same, &changed),
		Placement:       change(before.Placement, after.Placement, same, &changed),
		Config:          change(before.Config, after.Config, sameBytes, &changed),
		ExpiresAt:       change(before.ExpiresAt, after.ExpiresAt, sameTime, &changed),
		HideCredentials: change(before.HideCredentials, after.HideCredentials, same, &changed),
	}
	return u, changed
}

// After answers the settings after an update.
func (s Settings) After(u credential.Updated) Settings {
	return Settings{
		Name:            u.Name.Apply(s.Name),
		Placement:       u.Placement.Apply(s.Placement),
		Config:          u.Config.Apply(s.Config),
		ExpiresAt:       u.ExpiresAt.Apply(s.ExpiresAt),
		HideCredentials: u.HideCredentials.Apply(s.HideCredentials),
	}
}

func change[T any](before, after T, equal func(a, b T) bool, changed *bool) *events.Change[T] {
	if equal(before, after) {
		return nil
	}
	*changed = true
	return &events.Change[T]{Before: before, After: after}
}

func same[T comparable](a, b T) bool { return a == b }

func sameBytes(a, b json.RawMessage) bool { return bytes.Equal(a, b) }

func sameTime(a, b *time.Time) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(*b)
}

// utc answers a moment as events hold it.
func utc(at *time.Time) *time.Time {
	if at == nil {
		return nil
	}
	moment := at.UTC()
	return &moment
}
