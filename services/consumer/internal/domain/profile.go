package domain

import (
	"bytes"
	"maps"
	"slices"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/consumer"
)

// What calls are limited by, as events have it.
type (
	Limits = consumer.Limits
	Rate   = consumer.Rate
	Quota  = consumer.Quota
)

// Profile is everything about a consumer that its team may change.
type Profile struct {
	Name          string
	Description   string
	Labels        map[string]string
	ContactSealed []byte  // empty: none
	Limits        *Limits // nil: none
}

// difference answers what turns one profile into another.
func difference(before, after Profile) (u consumer.Updated, changed bool) {
	u = consumer.Updated{
		Name:          change(before.Name, after.Name, same, &changed),
		Description:   change(before.Description, after.Description, same, &changed),
		Labels:        change(before.Labels, after.Labels, maps.Equal, &changed),
		ContactSealed: change(before.ContactSealed, after.ContactSealed, bytes.Equal, &changed),
		Limits:        change(before.Limits, after.Limits, sameLimits, &changed),
	}
	return u, changed
}

// After answers the profile after an update.
func (p Profile) After(u consumer.Updated) Profile {
	return Profile{
		Name:          u.Name.Apply(p.Name),
		Description:   u.Description.Apply(p.Description),
		Labels:        u.Labels.Apply(p.Labels),
		ContactSealed: u.ContactSealed.Apply(p.ContactSealed),
		Limits:        u.Limits.Apply(p.Limits),
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

func sameLimits(a, b *Limits) bool {
	if a == nil || b == nil {
		return a == b
	}
	return sameValue(a.Rate, b.Rate) && sameValue(a.Quota, b.Quota) && slices.Equal(a.AllowedIPs, b.AllowedIPs)
}

func sameValue[T comparable](a, b *T) bool {
	return a == b || a != nil && b != nil && *a == *b
}
