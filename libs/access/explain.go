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
	var d Decision
	now := momentAt(q.At)
	if q.Service == nil {
		q.Service = &Service{} // knows nothing, admits nobody
	}
	checks := []Check{explainService(q.Service), explainRoute(q.Service)}
	add := func(name string, code Code, detail, event string) {
		checks = append(checks, Check{Name: name, Passed: code == Allowed, Code: code, Detail: detail, EventID: event})
	}

	code := s.judgeCredential(&q, &d, now)
	add("credential", code, credentialDetail(&q, &d, code), eventOf(d.Credential))
	code = s.judgeConsumer(&q, &d)
	add("consumer", code, consumerDetail(&q, &d), eventOf(d.Consumer))
	code = s.judgeSubscription(&q, &d, now)
	add("subscription", code, subscriptionDetail(&q, &d, code), eventOf(d.Subscription))
	code = judgeAddress(&q, &d)
	add("address", code, addressDetail(&q, &d, code), eventOf(d.Consumer))
	add("limit", Allowed, limitDetail(&d), eventOf(d.Consumer))
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

func credentialDetail(q *Request, d *Decision, code Code) string {
	c := d.Credential
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

func consumerDetail(q *Request, d *Decision) string {
	switch c := d.Consumer; {
	case c != nil && c.broken():
		return "consumer " + c.ID + " has an event that could not be read"
	case c != nil:
		return "consumer " + c.ID + " is " + c.Status()
	case d.Credential != nil:
		return "consumer " + d.Credential.ConsumerID() + " is not known"
	}
	return "consumer " + q.Consumer + " is not known"
}

func subscriptionDetail(q *Request, d *Decision, code Code) string {
	u := d.Subscription
	switch {
	case u == nil:
		return "there is none"
	case code == CredentialNotAssigned:
		return "subscription " + u.ID + " is not assigned to this credential"
	}
	return "subscription " + u.ID + " is " + u.Status(q.At) + until(u.expires)
}

func addressDetail(q *Request, d *Decision, code Code) string {
	switch {
	case d.Consumer == nil || d.Consumer.Limits == nil || d.Consumer.Limits.AllowedIPs == nil:
		return "calls may come from anywhere"
	case code != Allowed:
		return q.Address.String() + " is not in " + strings.Join(d.Consumer.Limits.given.AllowedIPs, ", ")
	}
	return "calls may come from " + strings.Join(d.Consumer.Limits.given.AllowedIPs, ", ")
}

func limitDetail(d *Decision) string {
	var all []string
	if d.Consumer != nil && d.Consumer.Limits != nil {
		all = append(all, limitTexts("consumer", d.Consumer.Limits.Rate, d.Consumer.Limits.Quota)...)
	}
	if d.Plan != nil {
		all = append(all, limitTexts("plan", d.Plan.Rate, d.Plan.Quota)...)
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
