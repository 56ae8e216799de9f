package domain

import (
	"fmt"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/catalog"
)

func decide(s State, c Command) ([]events.Data, error) {
	if _, anew := c.(Create); !anew {
		switch {
		case !s.Exists():
			return nil, ErrMissing
		case s.Status == Retired:
			return nil, ErrIllegal.In(string(s.Status))
		}
	}
	switch c := c.(type) {
	case Create:
		return draft(s, c)
	case Update:
		return update(s, c)
	case Publish:
		if s.Status == Published {
			return nil, ErrIllegal.In(string(s.Status))
		}
		if !s.Definition.complete() {
			return nil, ErrIncomplete.In(string(s.Status))
		}
		return one(catalog.Published{Concerns: s.Concerns, Name: s.Definition.Name})
	case Unpublish:
		if !s.Status.Routed() {
			return nil, ErrIllegal.In(string(s.Status))
		}
		return one(catalog.Unpublished{Concerns: s.Concerns, Name: s.Definition.Name})
	case Deprecate:
		if s.Status != Published {
			return nil, ErrIllegal.In(string(s.Status))
		}
		if !c.SunsetAt.After(c.Now) {
			return nil, ErrSunsetInPast.At("body.sunset_at")
		}
		sunset := c.SunsetAt.UTC()
		return one(catalog.Deprecated{Concerns: s.Concerns, Name: s.Definition.Name, SunsetAt: &sunset})
	case Retire:
		return one(catalog.Retired{Concerns: s.Concerns, Name: s.Definition.Name})
	}
	return nil, fmt.Errorf("service: unknown command %T", c)
}

// draft: an id is used once, also after its service was retired.
func draft(s State, c Create) ([]events.Data, error) {
	if s.Exists() {
		return nil, ErrExists
	}
	if !idPattern.MatchString(c.ID) {
		return nil, ErrInvalid.At("body.id").Saying("A service id matches %s.", idPattern)
	}
	d, err := c.Definition.normal()
	if err != nil {
		return nil, err
	}
	return one(catalog.Drafted{
		Concerns:       events.Concerns{ServiceID: c.ID, ProviderTeam: c.Team},
		Name:           d.Name,
		Description:    d.Description,
		Kind:           d.Kind,
		Tags:           d.Tags,
		Category:       d.Category,
		Visibility:     d.Visibility,
		Routes:         d.Routes,
		Upstreams:      d.Upstreams,
		Accepts:        d.Accepts,
		Approval:       d.Approval,
		Plans:          d.Plans,
		Staleness:      d.Staleness,
		TimeoutSeconds: d.TimeoutSeconds,
		Documentation:  d.Documentation,
	})
}

// update: what stays as it was makes no event.
func update(s State, c Update) ([]events.Data, error) {
	d, err := c.Change(s.Definition).normal()
	if err != nil {
		return nil, err
	}
	if s.Status.Routed() && !d.complete() {
		return nil, ErrIncomplete.In(string(s.Status))
	}
	changes, changed := difference(s.Definition, d)
	if !changed {
		return nil, nil
	}
	changes.Concerns = s.Concerns
	return one(changes)
}

func one(e events.Data) ([]events.Data, error) { return []events.Data{e}, nil }
