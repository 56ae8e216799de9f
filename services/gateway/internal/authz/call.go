// Package authz decides about calls. It is one decision with two faces: the
// proxy acts on it, and /authz tells it to another proxy.
//
// The order is the contract's: canonical path, route, method, freshness,
// credential, consumer, subscription, limits.
package authz

import (
	"net/http"
	"net/netip"
	"time"

	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/services/gateway/internal/authn"
	"github.com/tidegate-io/tidegate/services/gateway/internal/header"
	"github.com/tidegate-io/tidegate/services/gateway/internal/limit"
	"github.com/tidegate-io/tidegate/services/gateway/internal/projection"
	"github.com/tidegate-io/tidegate/services/gateway/internal/target"
	"github.com/tidegate-io/tidegate/services/gateway/internal/usage"
)

// MalformedRequest: the request line and headers cannot be read, or can be read
// in more than one way (400).
const MalformedRequest = authn.MalformedRequest

// Call is one call, and what was decided about it. Its strings alias the
// connection's buffer: nothing of it is kept when the call is over but what comes
// from the rule.
type Call struct {
	Method  string
	Raw     string // the request target as it came
	Host    string // the Host header
	Fields  []header.Field
	Address netip.Addr
	At      time.Time
	Body    authn.Body // nil: there is none to be read

	// What follows is the decision's.
	Code     access.Code // Allowed, or why not
	Target   target.Target
	Route    *access.Route
	Service  *access.Service
	Identity authn.Identity
	Decision access.Decision
	Limits   limit.Result

	verifier *authn.Verifier
}

// Decider decides.
type Decider struct {
	State    func() *projection.State
	Verifier *authn.Verifier
	Limiter  *limit.Limiter
	// Uses counts the calls that may go on, by credential. Nil: nobody does.
	Uses *usage.Counter
}

// Decide judges a call and counts it against its limits when it may go on. The
// whole of it allocates nothing for an API key in a header without limits.
func (d *Decider) Decide(c *Call) {
	c.Route, c.Service, c.Decision, c.Limits, c.verifier = nil, nil, access.Decision{}, limit.Result{}, d.Verifier
	if c.Code = d.decide(c); c.Code == access.Allowed {
		d.Uses.Note(&c.Decision.Credential.ID, c.At)
	}
}

func (d *Decider) decide(c *Call) access.Code {
	var err error
	if c.Target, err = target.Parse(c.Raw, c.Host); err != nil {
		return access.BadRequestTarget
	}
	state := d.State()
	if state == nil {
		return access.ProjectionStale
	}
	route, ok := state.Rule.Route(c.Target.Host, c.Target.Path)
	if !ok {
		return access.RouteNotFound
	}
	c.Route, c.Service = route, route.Service()
	if !route.Allows(c.Method) {
		return access.MethodNotAllowed
	}
	if bound, closed := c.Service.FailClosed(); closed && state.Older(bound) {
		return access.ProjectionStale
	}
	return d.identify(state, c)
}

func (d *Decider) identify(state *projection.State, c *Call) access.Code {
	d.Verifier.Identify(state, c.Service.AcceptedTypes(), authn.Request{
		Method: c.Method, Raw: c.Raw, Host: c.Host, Query: c.Target.Query, Fields: c.Fields, At: c.At, Body: c.Body,
	}, &c.Identity)
	if c.Identity.Code != access.Allowed {
		return c.Identity.Code
	}
	c.Decision = state.Rule.Decide(access.Request{
		Service:       c.Service,
		Credential:    c.Identity.Credential.ID,
		Known:         c.Identity.Credential,
		SecretVersion: c.Identity.Version,
		In:            c.Identity.Credential.Placement,
		Address:       c.Address,
		At:            c.At,
	})
	switch code := c.Decision.Code; {
	case code.Status() == http.StatusUnauthorized:
		return code
	case c.Identity.Fault != access.Allowed: // told to a rightful owner alone
		return d.stand(c, c.Identity.Fault)
	case code != access.Allowed:
		return d.stand(c, code)
	}
	return d.count(c)
}

// stand tells a consumer that is refused before its limits were asked where it
// stands with them all the same. The call counts against nothing.
func (d *Decider) stand(c *Call, code access.Code) access.Code {
	if consumer := c.Decision.Consumer; consumer != nil && consumer.Limits != nil {
		c.Limits = d.Limiter.Look(c.At, ofConsumer(consumer))
	}
	return code
}

func ofConsumer(c *access.Consumer) limit.Policy {
	p := limit.Policy{Name: "consumer", Subject: c.ID}
	if c.Limits != nil {
		p.Rate, p.Quota = c.Limits.Rate, c.Limits.Quota
	}
	return p
}

// count takes the call from the consumer's and the plan's limits.
func (d *Decider) count(c *Call) access.Code {
	if !c.Decision.Limited {
		return access.Allowed
	}
	limits, plan := c.Decision.Consumer.Limits, c.Decision.Plan()
	if limits == nil && (plan == nil || plan.Rate == nil && plan.Quota == nil) {
		return access.Allowed
	}
	ofPlan := limit.Policy{Name: "plan", Subject: c.Decision.Subscription.ID}
	if plan != nil {
		ofPlan.Rate, ofPlan.Quota = plan.Rate, plan.Quota
	}
	c.Limits = d.Limiter.Take(c.At, ofConsumer(c.Decision.Consumer), ofPlan)
	switch c.Limits.Verdict {
	case limit.RateLimited:
		return access.RateLimited
	case limit.QuotaExceeded:
		return access.QuotaExceeded
	case limit.Admitted:
	}
	return access.Allowed
}

// Status answers the HTTP status of a code.
func Status(code access.Code) int {
	switch code {
	case MalformedRequest:
		return http.StatusBadRequest
	case authn.BodyTooLarge:
		return http.StatusRequestEntityTooLarge
	case HeaderTooLarge:
		return http.StatusRequestHeaderFieldsTooLarge
	case RequestTimeout:
		return http.StatusRequestTimeout
	case authn.GatewayBusy:
		return http.StatusServiceUnavailable
	default:
		return code.Status()
	}
}
