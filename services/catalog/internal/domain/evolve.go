package domain

import (
	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/catalog"
)

func evolve(s State, e events.Data) State {
	switch e := e.(type) {
	case catalog.Drafted:
		return State{Concerns: e.Concerns, Status: Draft, Definition: Definition{
			Name:           e.Name,
			Description:    e.Description,
			Kind:           e.Kind,
			Tags:           e.Tags,
			Category:       e.Category,
			Visibility:     e.Visibility,
			Routes:         e.Routes,
			Upstreams:      e.Upstreams,
			Accepts:        e.Accepts,
			Approval:       e.Approval,
			Plans:          e.Plans,
			Staleness:      e.Staleness,
			TimeoutSeconds: e.TimeoutSeconds,
			Documentation:  e.Documentation,
		}}
	case catalog.Updated:
		s.Definition = s.Definition.After(e)
	case catalog.Published:
		s.Status = Published
	case catalog.Unpublished:
		s.Status = Draft
	case catalog.Deprecated:
		s.Status = Deprecated
	case catalog.Retired:
		s.Status = Retired
	}
	return s
}
