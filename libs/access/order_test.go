package access_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/events/subscription"
	"github.com/tidegate-io/tidegate/libs/access"
)

// history draws a log over a few objects, sensible or not: whatever events a
// service could publish, the rule must not depend on the order in which the
// streams arrive.
func history(t *rapid.T) []event {
	pick := func(name string, from ...string) string { return rapid.SampledFrom(from).Draw(t, name) }
	consumerID := func() string { return pick("consumer", "acme", "other") }
	credentialID := func() string { return pick("credential", "cred_1", "cred_2") }
	serviceID := func() string { return pick("service", "petstore", "toys") }
	when := func() *time.Time {
		hours := rapid.IntRange(-2, 2).Draw(t, "hours")
		if hours == -2 {
			return nil
		}
		return in(time.Duration(hours) * time.Hour)
	}
	hours := func() time.Duration { return time.Duration(rapid.IntRange(1, 48).Draw(t, "lifetime")) * time.Hour }
	list := func() *[]string {
		switch pick("list", "nil", "none", "one", "both") {
		case "none":
			return &[]string{}
		case "one":
			return &[]string{credentialID()}
		case "both":
			return &[]string{"cred_2", "cred_1"}
		}
		return nil
	}
	config := func() *events.Change[json.RawMessage] {
		return &events.Change[json.RawMessage]{After: []byte(`{"username":"` + pick("other username", "ada", "bob") + `"}`)}
	}
	draw := map[string]func() fact{
		"consumer": func() fact {
			return fact{consumerID(), rapid.SampledFrom([]events.Data{
				consumer.Registered{Limits: &consumer.Limits{AllowedIPs: []string{"10.0.0.0/8"}}},
				consumer.Updated{Limits: &events.Change[*consumer.Limits]{After: &consumer.Limits{AllowedIPs: []string{"192.0.2.1"}}}},
				consumer.Suspended{}, consumer.Resumed{}, consumer.Deleted{},
			}).Draw(t, "consumer event")}
		},
		"credential": func() fact {
			return fact{credentialID(), rapid.SampledFrom([]events.Data{
				credential.Issued{Concerns: events.Concerns{ConsumerID: consumerID()}, Type: pick("type", "api_key", "basic"),
					Placement: credential.Placement{In: "header", Name: "x-api-key"}, ExpiresAt: when(), SecretVersion: 1,
					Config: []byte(`{"username":"` + pick("username", "ada", "bob") + `"}`)},
				credential.Updated{ExpiresAt: &events.Change[*time.Time]{After: when()}},
				credential.Updated{Config: config()},
				credential.Rotated{SecretVersion: rapid.IntRange(1, 3).Draw(t, "version"), RetiringVersion: 1, RetiringNotAfter: when()},
				credential.Rotated{SecretVersion: rapid.IntRange(1, 3).Draw(t, "version"), Config: config()},
				credential.Expiring{Days: 7},
				credential.SecretRetired{SecretVersion: rapid.IntRange(1, 2).Draw(t, "retired")},
				credential.Suspended{}, credential.Resumed{}, credential.Expired{}, credential.Revoked{},
			}).Draw(t, "credential event")}
		},
		"token": func() fact {
			return fact{pick("token", "tok_1", "tok_2", "grant_1"), credential.TokenRevoked{ExpiresAt: noon.Add(hours())}}
		},
		"keys": func() fact {
			return fact{credential.SigningKeysID, credential.SigningKeysRotated{Keys: []credential.SigningKey{
				{KID: pick("kid", "one", "two"), Status: credential.KeyCurrent, JWK: exampleKey, NotAfter: when()},
			}}}
		},
		"service": func() fact {
			return fact{serviceID(), rapid.SampledFrom([]events.Data{
				catalog.Drafted{Routes: []catalog.Route{{PathPrefix: pick("prefix", "/a", "/a/b")}}, Accepts: []string{"api_key", "basic"}, Plans: []catalog.Plan{{ID: "default"}}},
				catalog.Updated{Routes: &events.Change[[]catalog.Route]{After: []catalog.Route{{PathPrefix: pick("moved", "/a", "/a/b"), Host: pick("host", "", "h")}}}},
				catalog.Published{}, catalog.Published{}, catalog.Unpublished{}, catalog.Deprecated{SunsetAt: when()}, catalog.Retired{},
			}).Draw(t, "service event")}
		},
		"subscription": func() fact {
			return fact{pick("subscription", "sub_1", "sub_2", "sub_3"), rapid.SampledFrom([]events.Data{
				subscription.Requested{Concerns: events.Concerns{ConsumerID: consumerID(), ServiceID: serviceID()}, PlanID: "default", CredentialIDs: list()},
				subscription.Approved{PlanID: "default", ExpiresAt: when()}, subscription.Rejected{}, subscription.Withdrawn{},
				subscription.Suspended{}, subscription.Resumed{}, subscription.Cancelled{}, subscription.Revoked{},
				subscription.Renewed{ExpiresAt: when()}, subscription.Expired{}, subscription.CredentialsAssigned{CredentialIDs: list()},
			}).Draw(t, "subscription event")}
		},
	}
	pace := hours() // between two events of a context
	// What makes a call possible is there more often than chance would have it.
	facts := []fact{
		{"acme", consumer.Registered{}},
		{"cred_1", credential.Issued{Concerns: events.Concerns{ConsumerID: "acme"}, Type: "api_key", Placement: credential.Placement{In: "header", Name: "X-Api-Key"}, SecretVersion: 1}},
		{"petstore", catalog.Drafted{Routes: []catalog.Route{{PathPrefix: "/a"}}, Accepts: []string{"api_key"}}},
		{"petstore", catalog.Published{}},
		{"sub_1", subscription.Requested{Concerns: events.Concerns{ConsumerID: "acme", ServiceID: "petstore"}}},
		{"sub_1", subscription.Approved{}},
	}
	if rapid.IntRange(0, 3).Draw(t, "without") == 0 {
		facts = nil
	}
	for range rapid.IntRange(0, 24).Draw(t, "events") {
		facts = append(facts, draw[pick("stream", "consumer", "credential", "token", "keys", "service", "subscription")]())
	}
	all := log(facts...)
	for i := range all {
		all[i].Time = noon.Add(time.Duration(all[i].Position) * pace)
		if rapid.IntRange(0, 24).Draw(t, "unreadable") == 0 {
			all[i] = all[i].unreadable()
		}
	}
	return all
}

// interleaved draws another order of arrival of the same streams.
func interleaved(t *rapid.T, all []event) []event {
	streams := map[string][]event{}
	for _, e := range all {
		streams[events.Word(e.Type)] = append(streams[events.Word(e.Type)], e)
	}
	words := []string{"consumer", "credential", "service", "subscription"}
	order := make([]event, 0, len(all))
	for len(order) < len(all) {
		word := rapid.SampledFrom(words).Draw(t, "next")
		if rest := streams[word]; len(rest) > 0 {
			order, streams[word] = append(order, rest[0]), rest[1:]
		}
	}
	return order
}

// chosen names the subscription that counted.
func chosen(d access.Decision) string {
	if d.Subscription == nil {
		return ""
	}
	return d.Subscription.ID
}

// verdicts is everything that can be asked of a snapshot of a drawn history.
func verdicts(s *access.Snapshot) []string {
	var all []string
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	for _, service := range []string{"petstore", "toys"} {
		v, _ := s.Service(service)
		for _, credential := range []string{"cred_1", "cred_2", "cred_3"} {
			for version := range 4 {
				for _, hours := range []time.Duration{-1, 0, 2} {
					q := request(s, at(hours*time.Hour), func(q *access.Request) {
						q.Service, q.Credential, q.SecretVersion = v, credential, version
					})
					d := s.Decide(q)
					say("%s %s.%d %d: %s %s", service, credential, version, hours, d.Code, chosen(d))
					checks := s.Explain(q)
					say("%+v", checks)
					i := slices.IndexFunc(checks, func(c access.Check) bool { return !c.Passed })
					if i < 0 != d.Allowed() || i >= 0 && checks[i].Code != d.Code {
						say("EXPLAINED OTHERWISE")
					}
				}
				say("%v", s.SecretDead(credential, version))
			}
		}
	}
	for _, path := range []string{"/a", "/a/b", "/a/b/c"} {
		for _, host := range []string{"", "h"} {
			if r, ok := s.Route(host, path); ok {
				say("%s%s -> %s %s", host, path, r.Service().ID, r.Service().Status)
			}
		}
	}
	for _, user := range []string{"ada", "bob"} {
		if c, ok := s.BasicUser(user); ok {
			say("%s: %s", user, c.ID)
		}
	}
	for _, kid := range []string{"one", "two"} {
		if k, ok := s.SigningKey(kid); ok {
			say("%s: %v", kid, k.NotAfter)
		}
	}
	for _, id := range []string{"tok_1", "tok_2", "grant_1"} {
		say("%s: %v", id, s.TokenRevoked(id))
	}
	say("%v %v", s.Placements(), s.Broken())
	return all
}

func TestTheResultDoesNotDependOnTheInterleavingOfStreams(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := history(t)
		first := fold(all)
		other := fold(interleaved(t, all))
		if a, b := verdicts(first), verdicts(other); !slices.Equal(a, b) {
			t.Fatalf("%s", difference(a, b))
		}
		if first.Hash() != other.Hash() {
			t.Fatal("another hash")
		}
		if !bytes.Equal(saved(t, first), saved(t, other)) {
			t.Fatal("other bytes")
		}
	})
}

func TestASavedSnapshotComesBackAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := history(t)
		cut := rapid.IntRange(0, len(all)).Draw(t, "saved after")
		again := rapid.IntRange(0, cut).Draw(t, "applied again from")
		whole := fold(all)
		loaded, err := access.Load(bytes.NewReader(saved(t, fold(all[:cut]))))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range all[again:] {
			loaded.Apply(e.Envelope, e.data)
		}
		if a, b := verdicts(whole), verdicts(loaded); !slices.Equal(a, b) {
			t.Fatalf("%s", difference(a, b))
		}
		if whole.Hash() != loaded.Hash() || !bytes.Equal(saved(t, whole), saved(t, loaded)) {
			t.Fatal("another hash or other bytes")
		}
	})
}

func saved(t interface{ Fatal(...any) }, s *access.Snapshot) []byte {
	var b bytes.Buffer
	if err := s.Save(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func difference(a, b []string) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return "got  " + b[i] + "\nwant " + a[i]
		}
	}
	return fmt.Sprintf("%d and %d verdicts", len(a), len(b))
}
