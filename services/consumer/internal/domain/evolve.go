package domain

import (
	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/consumer"
)

func evolve(s State, e events.Data) State {
	switch e := e.(type) {
	case consumer.Registered:
		return State{
			Status:        Active,
			ID:            e.ConsumerID,
			Team:          e.Team,
			Name:          e.Name,
			Description:   e.Description,
			Labels:        e.Labels,
			ContactSealed: e.ContactSealed,
			Limits:        e.Limits,
		}
	case consumer.Updated:
		s.Name = e.Name.Apply(s.Name)
		s.Description = e.Description.Apply(s.Description)
		s.Labels = e.Labels.Apply(s.Labels)
		s.ContactSealed = e.ContactSealed.Apply(s.ContactSealed)
		s.Limits = e.Limits.Apply(s.Limits)
	case consumer.Suspended:
		s.Status = Suspended
	case consumer.Resumed:
		s.Status = Active
	case consumer.Deleted:
		s.Status = Deleted
		s.ContactSealed = nil
	}
	return s
}
