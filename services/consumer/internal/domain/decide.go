package domain

import (
	"fmt"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/consumer"
)

func decide(s State, c Command) ([]events.Data, error) {
	if register, ok := c.(Register); ok {
		return registration(s, register)
	}
	switch {
	case !s.Exists():
		return nil, ErrMissing
	case s.Status == Deleted:
		return nil, ErrIllegal.In(string(s.Status))
	}
	switch c := c.(type) {
	case Update:
		return update(s, c)
	case Suspend:
		if s.Status != Active {
			return nil, ErrIllegal.In(string(s.Status))
		}
		return one(consumer.Suspended{Concerns: s.Concerns, Reason: c.Reason})
	case Resume:
		if s.Status != Suspended {
			return nil, ErrIllegal.In(string(s.Status))
		}
		return one(consumer.Resumed{Concerns: s.Concerns, Reason: c.Reason})
	case Delete:
		return one(consumer.Deleted{Concerns: s.Concerns, Name: s.Profile.Name})
	default:
		return nil, fmt.Errorf("consumer: unknown command %T", c)
	}
}

// registration: an id is used once, also after its consumer was deleted.
func registration(s State, c Register) ([]events.Data, error) {
	if s.Exists() {
		return nil, ErrExists
	}
	if !idPattern.MatchString(c.ID) {
		return nil, ErrInvalid.At("body.id").Saying("A consumer id matches %s.", idPattern)
	}
	p, err := c.Profile.normal()
	if err != nil {
		return nil, err
	}
	return one(consumer.Registered{
		Concerns:      events.Concerns{ConsumerID: c.ID, Team: c.Team},
		Name:          p.Name,
		Description:   p.Description,
		Labels:        p.Labels,
		ContactSealed: p.ContactSealed,
		Limits:        p.Limits,
	})
}

// update: what stays as it was makes no event.
func update(s State, c Update) ([]events.Data, error) {
	p, err := c.Change(s.Profile)
	if err != nil {
		return nil, err
	}
	if p, err = p.normal(); err != nil {
		return nil, err
	}
	changes, changed := difference(s.Profile, p)
	if !changed {
		return nil, nil
	}
	changes.Concerns = s.Concerns
	return one(changes)
}

func one(e events.Data) ([]events.Data, error) { return []events.Data{e}, nil }
