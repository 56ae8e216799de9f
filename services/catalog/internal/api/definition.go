package api

import (
	"time"

	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/services/catalog/internal/views"
)

// Service is a service as callers see it.
type Service struct {
	ID             string             `json:"id" doc:"Chosen by the provider, unique for ever."`
	Name           string             `json:"name"`
	Description    string             `json:"description"`
	Kind           string             `json:"kind" enum:"rest,ai,mcp"`
	Team           string             `json:"team" doc:"The provider's team; empty: none."`
	Tags           []string           `json:"tags"`
	Category       string             `json:"category"`
	Visibility     string             `json:"visibility" enum:"public,team" doc:"Who sees it once it is published, and may subscribe to it."`
	Status         string             `json:"status" enum:"draft,published,deprecated,retired"`
	Routes         []catalog.Route    `json:"routes"`
	Upstreams      []catalog.Upstream `json:"upstreams"`
	Accepts        []string           `json:"accepts" doc:"The credential types with which it can be called."`
	Approval       Approval           `json:"approval"`
	Plans          []Plan             `json:"plans"`
	Staleness      Staleness          `json:"staleness"`
	TimeoutSeconds int                `json:"timeout_seconds" doc:"How long a gateway waits for an answer to begin."`
	Documentation  string             `json:"documentation" doc:"Markdown."`
	SunsetAt       *time.Time         `json:"sunset_at" doc:"When a deprecated service will go."`
	Version        int64              `json:"version"`
	CreatedAt      time.Time          `json:"created_at"`
	UpdatedAt      time.Time          `json:"updated_at"`
}

// RouteInput says which calls belong to a service.
type RouteInput struct {
	Host        string   `json:"host,omitempty" maxLength:"254" doc:"A host name, without port or wildcard; empty: any host."`
	PathPrefix  string   `json:"path_prefix" minLength:"1" maxLength:"1024" doc:"Begins with a slash and ends at a segment's border. It is kept in canonical form, without a final slash."`
	Methods     []string `json:"methods,omitempty" maxItems:"32" doc:"Empty: every method."`
	StripPrefix *bool    `json:"strip_prefix,omitempty" default:"true" doc:"Take the prefix off before forwarding."`
}

// UpstreamInput is one address of the service.
type UpstreamInput struct {
	URL    string `json:"url" minLength:"1" maxLength:"2048" doc:"An absolute http or https URL, without user, query or fragment."`
	Weight int    `json:"weight,omitempty" minimum:"1" maximum:"1000000" default:"1"`
}

// Approval says who decides on a subscription.
type Approval struct {
	Mode       string `json:"mode" enum:"manual,auto,policy" doc:"manual: the provider's team; auto: the service, at once. policy is refused by this release."`
	Expression string `json:"expression" maxLength:"4096" doc:"Of a policy."`
}

// ApprovalInput is Approval as it is sent.
type ApprovalInput struct {
	Mode       string `json:"mode" enum:"manual,auto,policy"`
	Expression string `json:"expression,omitempty" maxLength:"4096"`
}

// Staleness says what a gateway does when it has been cut off from events.
type Staleness struct {
	Mode    string `json:"mode" enum:"serve-stale,fail-closed"`
	Seconds int    `json:"seconds" minimum:"1" maximum:"86400" doc:"After how long a fail-closed service answers 503."`
}

// StalenessInput is Staleness as it is sent.
type StalenessInput struct {
	Mode    string `json:"mode,omitempty" enum:"serve-stale,fail-closed" default:"serve-stale"`
	Seconds int    `json:"seconds,omitempty" minimum:"1" maximum:"86400" default:"60"`
}

// Plan is a tier to which a consumer subscribes.
type Plan struct {
	ID          string        `json:"id"`
	Name        string        `json:"name"`
	Description string        `json:"description"`
	Rate        *Rate         `json:"rate"`
	Quota       *Quota        `json:"quota"`
	Approval    *PlanApproval `json:"approval"`
}

// PlanInput is Plan as it is sent.
type PlanInput struct {
	ID          string        `json:"id" pattern:"^[a-z0-9][a-z0-9_-]{0,62}$"`
	Name        string        `json:"name,omitempty" maxLength:"256"`
	Description string        `json:"description,omitempty" maxLength:"4096"`
	Rate        *Rate         `json:"rate,omitempty"`
	Quota       *Quota        `json:"quota,omitempty"`
	Approval    *PlanApproval `json:"approval,omitempty"`
}

// Rate admits so many requests in any span of seconds.
type Rate struct {
	Requests   int64 `json:"requests" minimum:"1" maximum:"1000000000"`
	PerSeconds int64 `json:"per_seconds" minimum:"1" maximum:"31536000"`
}

// Quota admits so many requests in each calendar day or month, UTC.
type Quota struct {
	Requests int64  `json:"requests" minimum:"1" maximum:"1000000000000"`
	Per      string `json:"per" enum:"day,month"`
}

// PlanApproval overrides the service's approval.
type PlanApproval struct {
	Mode       string `json:"mode" enum:"manual,auto,policy"`
	Expression string `json:"expression,omitempty" maxLength:"4096"`
}

// serviceOf answers a service as callers see it.
func serviceOf(s views.Service) Service {
	d := s.Definition
	plans := make([]Plan, len(d.Plans))
	for i, p := range d.Plans {
		plans[i] = planOf(p)
	}
	return Service{
		ID:             s.Concerns.ServiceID,
		Name:           d.Name,
		Description:    d.Description,
		Kind:           d.Kind,
		Team:           s.Concerns.ProviderTeam,
		Tags:           orEmpty(d.Tags),
		Category:       d.Category,
		Visibility:     d.Visibility,
		Status:         string(s.Status),
		Routes:         orEmpty(d.Routes),
		Upstreams:      orEmpty(d.Upstreams),
		Accepts:        d.Accepts,
		Approval:       Approval(d.Approval),
		Plans:          plans,
		Staleness:      Staleness(d.Staleness),
		TimeoutSeconds: d.TimeoutSeconds,
		Documentation:  d.Documentation,
		SunsetAt:       s.SunsetAt,
		Version:        s.Version,
		CreatedAt:      s.CreatedAt,
		UpdatedAt:      s.UpdatedAt,
	}
}

func planOf(p catalog.Plan) Plan {
	plan := Plan{ID: p.ID, Name: p.Name, Description: p.Description}
	if p.Rate != nil {
		plan.Rate = &Rate{Requests: p.Rate.Requests, PerSeconds: p.Rate.PerSeconds}
	}
	if p.Quota != nil {
		plan.Quota = &Quota{Requests: p.Quota.Requests, Per: p.Quota.Per}
	}
	if p.Approval != nil {
		plan.Approval = &PlanApproval{Mode: p.Approval.Mode, Expression: p.Approval.Expression}
	}
	return plan
}

func plansFrom(in []PlanInput) []catalog.Plan {
	return each(in, func(p PlanInput) catalog.Plan {
		plan := catalog.Plan{ID: p.ID, Name: p.Name, Description: p.Description}
		if p.Rate != nil {
			plan.Rate = &consumer.Rate{Requests: p.Rate.Requests, PerSeconds: p.Rate.PerSeconds}
		}
		if p.Quota != nil {
			plan.Quota = &consumer.Quota{Requests: p.Quota.Requests, Per: p.Quota.Per}
		}
		if p.Approval != nil {
			plan.Approval = &catalog.Approval{Mode: p.Approval.Mode, Expression: p.Approval.Expression}
		}
		return plan
	})
}

func routesFrom(in []RouteInput) []catalog.Route {
	return each(in, func(r RouteInput) catalog.Route {
		return catalog.Route{Host: r.Host, PathPrefix: r.PathPrefix, Methods: r.Methods, StripPrefix: r.StripPrefix == nil || *r.StripPrefix}
	})
}

func upstreamsFrom(in []UpstreamInput) []catalog.Upstream {
	return each(in, func(u UpstreamInput) catalog.Upstream { return catalog.Upstream(u) })
}

// each converts a list; nil, which was left out, stays nil.
func each[A, B any](in []A, one func(A) B) []B {
	if in == nil {
		return nil
	}
	out := make([]B, len(in))
	for i, a := range in {
		out[i] = one(a)
	}
	return out
}

func orEmpty[T any](values []T) []T {
	if values == nil {
		return []T{}
	}
	return values
}
