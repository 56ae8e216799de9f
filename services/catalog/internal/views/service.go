// Package views holds what the catalogue reads: its own services, folded in the
// append transaction.
package views

import (
	"strings"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/services/catalog/internal/domain"
)

// Service is a service as it is read.
type Service struct {
	domain.State
	SunsetAt *time.Time
	// Shown: it was published once, so that it is no secret when it is retired.
	Shown     bool
	Version   int64
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Fields by which services are found.
const (
	Readers  = "readers" // "provider:<team>", "public": as libs/httpapi.Visible asks
	Status   = "status"
	Kind     = "kind"
	Tag      = "tag"
	Category = "category"
	Team     = "team"
)

// Services are all that ever were, by id.
var Services = es.ViewOf("services", 1, es.ByAggregate, func(s Service, e events.Envelope, data events.Data) Service {
	if s.Version == 0 {
		s.CreatedAt = e.Time
	}
	s.State = domain.Decider.Evolve(s.State, data)
	s.Version, s.UpdatedAt = e.Version, e.Time
	switch data := data.(type) {
	case catalog.Published:
		s.SunsetAt, s.Shown = nil, true
	case catalog.Unpublished:
		s.SunsetAt = nil
	case catalog.Deprecated:
		s.SunsetAt = data.SunsetAt
	}
	return s
})

// Public says whether everybody may read it. A draft is its team's own, also
// when it was retired as one.
func (s Service) Public() bool {
	return s.Shown && s.Status != domain.Draft && s.Definition.Visibility == domain.VisibleToAll
}

// Index says how a service is found: by text in its id, name, description,
// category and tags.
func (s Service) Index() es.Index {
	d := s.Definition
	terms := map[string][]string{Status: {string(s.Status)}, Kind: {d.Kind}, Tag: d.Tags}
	if d.Category != "" {
		terms[Category] = []string{d.Category}
	}
	if team := s.Concerns.ProviderTeam; team != "" {
		terms[Team] = []string{team}
		terms[Readers] = append(terms[Readers], "provider:"+team)
	}
	if s.Public() {
		terms[Readers] = append(terms[Readers], "public")
	}
	text := append([]string{s.Concerns.ServiceID, d.Name, d.Description, d.Category}, d.Tags...)
	return es.Index{Text: strings.Join(text, "\n"), Terms: terms}
}
