package domain

import (
	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/consumer"
)

func evolve(s State, e events.Data) State {
	switch e := e.(type) {
	case consumer.Registered:
		return State{Concerns: e.Concerns, Status: Active, Profile: Profile{
			Name:          e.Name,
			Description:   e.Description,
			Labels:        e.Labels,
			ContactSealed: e.ContactSealed,
			Limits:        e.Limits,
		}}
	case consumer.Updated:
		s.Profile = s.Profile.After(e)
	case consumer.Suspended:
		s.Status = Suspended
	case consumer.Resumed:
		s.Status = Active
	case consumer.Deleted:
		s.Status = Deleted
		s.Profile.ContactSealed = nil
	}
	return s
}
