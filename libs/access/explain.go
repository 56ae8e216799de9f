package access

import (
	"fmt"
	"strings"
	"time"

	"github.com/tidegate-io/tidegate/events/consumer"
)

// Check is one step of a judgement.
type Check struct {
	Name    string // service, route, credential, consumer, subscription, address or limit
	Passed  bool
	Code    Code   // why it did not pass
	Detail  string // for people
	EventID string // the event that the state judged rests on; empty: nothing is known
}

// Explain judges as Decide does, by the same steps, but goes on after the first
// that fails. The first Code in it is Decide's. limit always passes: it says
// which limits there are.
func (s *Snapshot) Explain(q Request) []Check {
	if q.Service == nil {
		q.Service = &Service{} // knows nothing, admits nobody
	}
	j := judgement{s: s, now: momentAt(q.At), Decision: Decision{Service: q.Service}}
	checks := []Check{explainService(q.Service), explainRoute(q.Service)}
	add := func(name string, code Code, detail, event string) {
		checks = append(checks, Check{Name: name, Passed: code == Allowed, Code: code, Detail: detail, EventID: event})
	}
	code := j.credential(&q)
	add("credential", code, j.credentialDetail(&q, code), eventOf(j.Credential))
	code = j.consumer()
	add("consumer", code, j.consumerDetail(&q), eventOf(j.Consumer))
	code = j.subscription()
	add("subscription", code, j.subscriptionDetail(&q, code), eventOf(j.Subscription))
	code = j.address(&q)
	add("address", code, j.addressDetail(&q, code), eventOf(j.Consumer))
	add("limit", Allowed, j.limitDetail(), eventOf(j.Consumer))
	return checks
}

// eventOf answers the event on which an object's state rests; empty for none.
func eventOf[T any, R interface {
	*T
	EventID() string
}](object R) string {
	if object == nil {
		return ""
	}
	return object.EventID()
}

// The rule judges service and route at once; people ask about them apart.
func explainService(v *Service) Check {
	c := Check{Name: "service", EventID: v.EventID()}
	switch {
	case v.ID == "":
		c.Code, c.Detail = RouteNotFound, "no such service is known"
	case v.broken():
		c.Code, c.Detail = ProjectionStale, "service "+v.ID+" has an event that could not be read"
	default:
		c.Passed, c.Detail = true, "service "+v.ID+" is "+v.Status
	}
	return c
}

func explainRoute(v *Service) Check {
	c := Check{Name: "route", EventID: v.EventID()}
	switch {
	case !v.routed():
		c.Code, c.Detail = RouteNotFound, "only published and deprecated services are routed"
	case len(v.routes) == 0:
		c.Code, c.Detail = RouteNotFound, "the service has no route"
	default:
		c.Passed = true
		var all []string
		for _, r := range v.routes {
			all = append(all, r.host+r.Prefix())
		}
		c.Detail = "routed at " + strings.Join(all, ", ")
	}
	return c
}

func (j *judgement) credentialDetail(q *Request, code Code) string {
	c := j.Credential
	switch {
	case c == nil && code == Allowed:
		return "not asked about"
	case c == nil:
		return "no such credential is known"
	case c.broken():
		return "credential " + c.ID + " has an event that could not be read"
	case !q.Service.accepts.Has(c.kind):
		return fmt.Sprintf("the service does not accept %s, but %s", c.Type, strings.Join(q.Service.Accepts, ", "))
	case code == CredentialInvalid && c.flags&credentialRevoked == 0 && !c.Placement.matches(q.In) && q.In != Placement{}:
		return fmt.Sprintf("it belongs in %s %s", c.Placement.In, c.Placement.Name)
	case code == CredentialInvalid && c.flags&credentialRevoked == 0:
		return fmt.Sprintf("version %d of its secret is not live", q.SecretVersion)
	}
	return "credential " + c.ID + " is " + c.Status(q.At) + until(c.expires)
}

func (j *judgement) consumerDetail(q *Request) string {
	switch c := j.Consumer; {
	case c != nil && c.broken():
		return "consumer " + c.ID + " has an event that could not be read"
	case c != nil:
		return "consumer " + c.ID + " is " + c.Status()
	case j.Credential != nil:
		return "consumer " + j.Credential.ConsumerID() + " is not known"
	}
	return "consumer " + q.Consumer + " is not known"
}

func (j *judgement) subscriptionDetail(q *Request, code Code) string {
	u := j.Subscription
	switch {
	case u == nil:
		return "there is none"
	case code == CredentialNotAssigned:
		return "subscription " + u.ID + " is not assigned to this credential"
	}
	return "subscription " + u.ID + " is " + u.Status(q.At) + until(u.expires)
}

func (j *judgement) addressDetail(q *Request, code Code) string {
	switch {
	case j.Consumer == nil || j.Consumer.Limits == nil || j.Consumer.Limits.AllowedIPs == nil:
		return "calls may come from anywhere"
	case code != Allowed:
		return q.Address.String() + " is not in " + strings.Join(j.Consumer.Limits.given.AllowedIPs, ", ")
	}
	return "calls may come from " + strings.Join(j.Consumer.Limits.given.AllowedIPs, ", ")
}

func (j *judgement) limitDetail() string {
	var all []string
	if j.Consumer != nil && j.Consumer.Limits != nil {
		all = append(all, limitTexts("consumer", j.Consumer.Limits.Rate, j.Consumer.Limits.Quota)...)
	}
	if plan := j.Plan(); plan != nil {
		all = append(all, limitTexts("plan", plan.Rate, plan.Quota)...)
	}
	if len(all) == 0 {
		return "no limits"
	}
	return strings.Join(all, ", ")
}

func limitTexts(of string, rate *consumer.Rate, quota *consumer.Quota) (all []string) {
	if rate != nil {
		all = append(all, fmt.Sprintf("%s: %d in %d seconds", of, rate.Requests, rate.PerSeconds))
	}
	if quota != nil {
		all = append(all, fmt.Sprintf("%s: %d a %s", of, quota.Requests, quota.Per))
	}
	return all
}

func until(end moment) string {
	if end == never {
		return ""
	}
	return ", until " + end.time().Format(time.RFC3339)
}
