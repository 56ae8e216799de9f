// Package catalog holds the events of the catalogue: which services there are,
// where they are reached and how access to them is granted.
package catalog

import (
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/consumer"
)

// Events is the catalogue's event types.
var Events = events.Set{
	events.Of[Drafted](1),
	events.Of[Updated](1),
	events.Of[Published](1),
	events.Of[Unpublished](1),
	events.Of[Deprecated](1),
	events.Of[Retired](1),
}

// Route says which calls belong to a service.
type Route struct {
	Host        string   `json:"host"`         // empty: any host
	PathPrefix  string   `json:"path_prefix"`  // canonical, begins with "/"
	Methods     []string `json:"methods"`      // empty: every method
	StripPrefix bool     `json:"strip_prefix"` // take the prefix off before forwarding
}

// Upstream is one address of the service.
type Upstream struct {
	URL    string `json:"url"`
	Weight int    `json:"weight"`
}

// Approval says who decides on a subscription.
type Approval struct {
	Mode       string `json:"mode"`                 // manual, auto or policy
	Expression string `json:"expression,omitempty"` // CEL, for policy
}

// Plan is a tier to which a consumer subscribes.
type Plan struct {
	ID          string          `json:"id"`
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Rate        *consumer.Rate  `json:"rate"`
	Quota       *consumer.Quota `json:"quota"`
	Approval    *Approval       `json:"approval"` // nil: the service's
}

// Staleness says what a gateway does when it has been cut off.
type Staleness struct {
	Mode    string `json:"mode"`    // serve-stale or fail-closed
	Seconds int    `json:"seconds"` // the bound, for fail-closed
}

// Drafted: a service exists, seen by its team alone.
type Drafted struct {
	events.Concerns
	Name           string     `json:"name"`
	Description    string     `json:"description,omitempty"`
	Kind           string     `json:"kind"` // rest, ai or mcp
	Tags           []string   `json:"tags,omitempty"`
	Category       string     `json:"category,omitempty"`
	Visibility     string     `json:"visibility"` // public or team
	Routes         []Route    `json:"routes"`
	Upstreams      []Upstream `json:"upstreams"`
	Accepts        []string   `json:"accepts"` // credential types
	Approval       Approval   `json:"approval"`
	Plans          []Plan     `json:"plans"`
	Staleness      Staleness  `json:"staleness"`
	TimeoutSeconds int        `json:"timeout_seconds"`
	Documentation  string     `json:"documentation,omitempty"` // markdown
}

// Updated: the fields that are not nil have changed.
type Updated struct {
	events.Concerns
	Name           *events.Change[string]     `json:"name,omitempty"`
	Description    *events.Change[string]     `json:"description,omitempty"`
	Kind           *events.Change[string]     `json:"kind,omitempty"`
	Tags           *events.Change[[]string]   `json:"tags,omitempty"`
	Category       *events.Change[string]     `json:"category,omitempty"`
	Visibility     *events.Change[string]     `json:"visibility,omitempty"`
	Routes         *events.Change[[]Route]    `json:"routes,omitempty"`
	Upstreams      *events.Change[[]Upstream] `json:"upstreams,omitempty"`
	Accepts        *events.Change[[]string]   `json:"accepts,omitempty"`
	Approval       *events.Change[Approval]   `json:"approval,omitempty"`
	Plans          *events.Change[[]Plan]     `json:"plans,omitempty"`
	Staleness      *events.Change[Staleness]  `json:"staleness,omitempty"`
	TimeoutSeconds *events.Change[int]        `json:"timeout_seconds,omitempty"`
	Documentation  *events.Change[string]     `json:"documentation,omitempty"`
}

// Published: it is routed, and seen as its visibility says.
type Published struct {
	events.Concerns
	Name string `json:"name,omitempty"`
}

// Unpublished: it is a draft again and no longer routed.
type Unpublished struct {
	events.Concerns
	Name string `json:"name,omitempty"`
}

// Deprecated says that the service is still routed and tells its callers until
// when.
type Deprecated struct {
	events.Concerns
	Name     string     `json:"name,omitempty"`
	SunsetAt *time.Time `json:"sunset_at,omitempty"`
}

// Retired is final: it is no longer routed and its subscriptions end.
type Retired struct {
	events.Concerns
	Name string `json:"name,omitempty"`
}

func (Drafted) EventType() string     { return "service.drafted" }
func (Updated) EventType() string     { return "service.updated" }
func (Published) EventType() string   { return "service.published" }
func (Unpublished) EventType() string { return "service.unpublished" }
func (Deprecated) EventType() string  { return "service.deprecated" }
func (Retired) EventType() string     { return "service.retired" }
