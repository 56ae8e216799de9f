package domain

import (
	"bytes"
	"maps"
	"reflect"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/libs/es"
)

// Decider is the consumer.
var Decider = es.Decider[State, Command]{
	Category: "consumer",
	Decide:   decide,
	Evolve:   evolve,
}

func decide(s State, c Command) ([]events.Data, error) {
	if register, ok := c.(Register); ok {
		return decideRegister(s, register)
	}
	switch {
	case !s.Exists():
		return nil, es.ErrNotFound
	case s.Status == Deleted:
		return nil, ErrIllegal.In(string(s.Status))
	}
	switch c := c.(type) {
	case Update:
		return decideUpdate(s, c)
	case Suspend:
		if s.Status != Active {
			return nil, ErrIllegal.In(string(s.Status))
		}
		return []events.Data{consumer.Suspended{Concerns: s.concerns(), Reason: c.Reason}}, nil
	case Resume:
		if s.Status != Suspended {
			return nil, ErrIllegal.In(string(s.Status))
		}
		return []events.Data{consumer.Resumed{Concerns: s.concerns(), Reason: c.Reason}}, nil
	case Delete:
		return []events.Data{consumer.Deleted{Concerns: s.concerns(), Name: s.Name}}, nil
	}
	return nil, nil
}

// An id is used once: also the id of a deleted consumer is taken.
func decideRegister(s State, c Register) ([]events.Data, error) {
	if s.Exists() {
		return nil, ErrExists
	}
	profile, err := c.canonical()
	if err != nil {
		return nil, err
	}
	return []events.Data{consumer.Registered{
		Concerns:      events.Concerns{ConsumerID: c.ID, Team: c.Team},
		Name:          profile.Name,
		Description:   profile.Description,
		Labels:        profile.Labels,
		ContactSealed: profile.ContactSealed,
		Limits:        profile.Limits,
	}}, nil
}

// Only what differs is in the event; when nothing does there is none.
func decideUpdate(s State, c Update) ([]events.Data, error) {
	profile, err := c.canonical()
	if err != nil {
		return nil, err
	}
	updated := consumer.Updated{Concerns: s.concerns()}
	if profile.Name != s.Name {
		updated.Name = change(s.Name, profile.Name)
	}
	if profile.Description != s.Description {
		updated.Description = change(s.Description, profile.Description)
	}
	if !maps.Equal(profile.Labels, s.Labels) {
		updated.Labels = change(s.Labels, profile.Labels)
	}
	if !bytes.Equal(profile.ContactSealed, s.ContactSealed) {
		updated.ContactSealed = change(s.ContactSealed, profile.ContactSealed)
	}
	if !reflect.DeepEqual(profile.Limits, s.Limits) {
		updated.Limits = change(s.Limits, profile.Limits)
	}
	if reflect.DeepEqual(updated, consumer.Updated{Concerns: s.concerns()}) {
		return nil, nil
	}
	return []events.Data{updated}, nil
}

func change[T any](before, after T) *events.Change[T] {
	return &events.Change[T]{Before: before, After: after}
}

func (s State) concerns() events.Concerns {
	return events.Concerns{ConsumerID: s.ID, Team: s.Team}
}
