package views

import (
	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/libs/es"
)

// Service is what is known here of a service: whose it is, who sees it, and on
// what terms it is subscribed to.
type Service struct {
	Team     string
	Name     string
	TeamOnly bool
	// Open: it is published or deprecated. A deprecated one is still routed, so
	// it may still be subscribed to; its sunset says for how long.
	Open     bool
	Approval catalog.Approval
	Plans    []catalog.Plan
}

// ServiceKind is the kind of the facts about services.
const ServiceKind = "service"

// Services are live till they are retired. A draft is live: its subscriptions
// wait for it to be published again, and only a retirement ends them.
var Services = es.ReferenceOf(ServiceKind, "catalog", es.ByAggregate, func(s Service, _ events.Envelope, data events.Data) (Service, bool) {
	switch data := data.(type) {
	case catalog.Drafted:
		s = Service{
			Team: data.ProviderTeam, Name: data.Name, TeamOnly: data.Visibility == teamOnly, Approval: data.Approval, Plans: data.Plans,
		}
	case catalog.Updated:
		s.Name = data.Name.Apply(s.Name)
		s.Approval = data.Approval.Apply(s.Approval)
		s.Plans = data.Plans.Apply(s.Plans)
		if data.Visibility != nil {
			s.TeamOnly = data.Visibility.After == teamOnly
		}
	case catalog.Published, catalog.Deprecated:
		s.Open = true
	case catalog.Unpublished:
		s.Open = false
	case catalog.Retired:
		s.Open = false
		return s, false
	}
	return s, true
})

const (
	teamOnly    = "team"
	auto        = "auto"
	defaultPlan = "default"
)

// Plan answers a plan by its id. Without one it is the plan "default", or else
// the only one.
func (s Service) Plan(id string) (catalog.Plan, bool) {
	for _, p := range s.Plans {
		if p.ID == id || id == "" && (p.ID == defaultPlan || len(s.Plans) == 1) {
			return p, true
		}
	}
	return catalog.Plan{}, false
}

// GrantsAtOnce says whether a plan needs nobody's approval. A plan that is gone
// does.
func (s Service) GrantsAtOnce(planID string) bool {
	plan, known := s.Plan(planID)
	if known && plan.Approval != nil {
		return plan.Approval.Mode == auto
	}
	return known && s.Approval.Mode == auto
}

// SeenBy says whether a consumer's team may see it, and so subscribe to it.
func (s Service) SeenBy(team string) bool {
	return s.Open && (!s.TeamOnly || team != "" && team == s.Team)
}
