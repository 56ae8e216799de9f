package access_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/access"
)

func checks(all []access.Check) map[string]access.Check {
	byName := map[string]access.Check{}
	for _, c := range all {
		byName[c.Name] = c
	}
	return byName
}

func TestAnExplanation(t *testing.T) {
	t.Run("has every check of the contract, in order", func(t *testing.T) {
		s := fold(log(admitted()...))
		var names []string
		for _, c := range s.Explain(request(s)) {
			names = append(names, c.Name)
			if !c.Passed || c.Code != access.Allowed || c.Detail == "" || c.EventID == "" {
				t.Errorf("%+v", c)
			}
		}
		if want := []string{"service", "route", "credential", "consumer", "subscription", "address", "limit"}; !slices.Equal(names, want) {
			t.Fatalf("got %v", names)
		}
	})
	t.Run("goes on after the first that fails", func(t *testing.T) {
		all := limited("192.0.2.1")
		all = append(all, fact{"cred_1", credential.Suspended{}}, fact{"acme", consumer.Suspended{}})
		s := fold(log(all...))
		c := checks(s.Explain(request(s)))
		for name, code := range map[string]access.Code{
			"credential": access.CredentialSuspended, "consumer": access.ConsumerSuspended, "address": access.IPNotAllowed,
			"service": "", "route": "", "subscription": "", "limit": "",
		} {
			if c[name].Code != code || c[name].Passed != (code == "") {
				t.Errorf("%s: %+v", name, c[name])
			}
		}
	})
	t.Run("names the event on which the state rests", func(t *testing.T) {
		all := log(admitted(fact{"cred_1", credential.Suspended{}},
			fact{"cred_1", credential.Updated{Name: &events.Change[string]{After: "renamed"}}})...)
		s := fold(all)
		if got := checks(s.Explain(request(s)))["credential"].EventID; got != all[6].ID {
			t.Fatalf("got %s, want the suspension %s, not the change of a name %s", got, all[6].ID, all[7].ID)
		}
	})
	t.Run("says what people need", func(t *testing.T) {
		all := limited("192.0.2.1")
		all[1] = issued(func(d *credential.Issued) { d.ExpiresAt = in(time.Hour) })
		s := fold(log(all...))
		c := checks(s.Explain(request(s)))
		for name, want := range map[string]string{
			"service": "petstore is published", "route": "/petstore", "credential": "2026-11-21T13:00:00Z",
			"consumer": "acme is active", "subscription": "sub_1 is active", "address": "10.1.2.3 is not in 192.0.2.1", "limit": "plan: 5 in 1 seconds",
		} {
			if !strings.Contains(c[name].Detail, want) {
				t.Errorf("%s: %q does not say %q", name, c[name].Detail, want)
			}
		}
		c = checks(s.Explain(access.Request{Credential: "cred_9", At: noon}))
		for name, want := range map[string]string{"service": "no such service", "credential": "no such credential", "subscription": "none"} {
			if c[name].Passed || !strings.Contains(c[name].Detail, want) {
				t.Errorf("%s: %+v", name, c[name])
			}
		}
		c = checks(s.Explain(request(s, func(q *access.Request) { q.In.In = "cookie" })))
		if !strings.Contains(c["credential"].Detail, "header X-Api-Key") {
			t.Errorf("%q", c["credential"].Detail)
		}
		c = checks(s.Explain(request(s, func(q *access.Request) { q.SecretVersion = 2 })))
		if !strings.Contains(c["credential"].Detail, "version 2") {
			t.Errorf("%q", c["credential"].Detail)
		}
	})
}

func TestADryRequest(t *testing.T) {
	s := fold(log(limited("192.0.2.1")...))
	v, _ := s.Service("petstore")
	dry := func(edit func(*access.Request)) access.Code {
		q := access.Request{Service: v, Credential: "cred_1", At: noon, Dry: true}
		edit(&q)
		d := s.Decide(q)
		return d.Code
	}
	for what, c := range map[string]struct {
		want access.Code
		edit func(*access.Request)
	}{
		"takes what is left empty for right":     {access.Allowed, func(*access.Request) {}},
		"judges the version that is given":       {access.CredentialInvalid, func(q *access.Request) { q.SecretVersion = 2 }},
		"judges the place that is given":         {access.CredentialInvalid, func(q *access.Request) { q.In = access.Placement{In: "query", Name: "key"} }},
		"judges the address that is given":       {access.IPNotAllowed, func(q *access.Request) { q.Address = request(s).Address }},
		"asks for any credential of a consumer":  {access.Allowed, func(q *access.Request) { q.Credential, q.Consumer = "", "acme" }},
		"does not know every consumer":           {access.CredentialInvalid, func(q *access.Request) { q.Credential, q.Consumer = "", "nobody" }},
		"that is not dry admits no such thing":   {access.CredentialInvalid, func(q *access.Request) { q.Credential, q.Consumer, q.Dry = "", "acme", false }},
		"still needs a service":                  {access.RouteNotFound, func(q *access.Request) { q.Service = nil }},
		"does not make a live credential of any": {access.CredentialInvalid, func(q *access.Request) { q.Credential = "cred_9" }},
	} {
		t.Run(what, func(t *testing.T) {
			if got := dry(c.edit); got != c.want {
				t.Fatalf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestCodesHaveTheContractsStatus(t *testing.T) {
	for status, codes := range map[int][]access.Code{
		200: {access.Allowed},
		400: {access.BadRequestTarget},
		401: {access.CredentialMissing, access.CredentialInvalid, access.CredentialExpired, access.CredentialSuspended, access.ReplayDetected, access.TokenExpired, access.TokenNotYetValid},
		403: {access.ConsumerSuspended, access.NotSubscribed, access.SubscriptionPending, access.SubscriptionSuspended, access.SubscriptionExpired, access.CredentialNotAssigned, access.IPNotAllowed},
		404: {access.RouteNotFound},
		405: {access.MethodNotAllowed},
		429: {access.RateLimited, access.QuotaExceeded},
		502: {access.UpstreamUnreachable},
		503: {access.ProjectionStale},
		504: {access.UpstreamTimeout},
	} {
		for _, code := range codes {
			if got := code.Status(); got != status {
				t.Errorf("%s: %d, want %d", code, got, status)
			}
		}
	}
}
