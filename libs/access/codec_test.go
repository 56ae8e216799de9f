package access

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/events/subscription"
)

// Hash and Save name the fields of an object in one place, so a field that is
// forgotten there is forgotten in both: this test finds it.
func TestEveryFieldIsSaved(t *testing.T) {
	later := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	s := New()
	versions := map[string]int64{}
	apply := func(id string, data events.Data) {
		stream := events.Word(data.EventType()) + "-" + id
		versions[stream]++
		s.Apply(events.Envelope{ID: events.NewID(later), Stream: stream, Version: versions[stream], Position: 7}, data)
	}
	apply("acme", consumer.Registered{Concerns: events.Concerns{Team: "payments"}, Labels: map[string]string{"custom_id": "C"},
		Limits: &consumer.Limits{Rate: &consumer.Rate{Requests: 1, PerSeconds: 2}, Quota: &consumer.Quota{Requests: 3, Per: "day"}, AllowedIPs: []string{"10.0.0.0/8"}}})
	apply("acme", consumer.Suspended{})
	apply("cred_1", credential.Issued{Concerns: events.Concerns{ConsumerID: "acme"}, Type: "basic", ExpiresAt: &later, SecretVersion: 1,
		Placement: credential.Placement{In: "header", Name: "Authorization"}, Config: []byte(`{"username":"ada"}`), HideCredentials: true})
	apply("cred_1", credential.Rotated{SecretVersion: 2, RetiringVersion: 1, RetiringNotAfter: &later})
	apply("cred_1", credential.Suspended{})
	apply("petstore", catalog.Drafted{Concerns: events.Concerns{ProviderTeam: "pets"}, Kind: "rest",
		Routes: []catalog.Route{{Host: "h", PathPrefix: "/a", Methods: []string{"GET"}, StripPrefix: true}}, Upstreams: []catalog.Upstream{{URL: "u", Weight: 1}},
		Accepts: []string{"basic"}, Plans: []catalog.Plan{{ID: "default", Rate: &consumer.Rate{Requests: 1, PerSeconds: 1}}},
		Staleness: catalog.Staleness{Mode: "fail-closed", Seconds: 5}, TimeoutSeconds: 9})
	apply("petstore", catalog.Deprecated{SunsetAt: &later})
	apply("sub_1", subscription.Requested{Concerns: events.Concerns{ConsumerID: "acme", ServiceID: "petstore"}, PlanID: "default", CredentialIDs: &[]string{"cred_1"}})
	apply("sub_1", subscription.Approved{PlanID: "default", ExpiresAt: &later})

	var b bytes.Buffer
	if err := s.Save(&b); err != nil {
		t.Fatal(err)
	}
	loaded, err := Load(&b)
	if err != nil {
		t.Fatal(err)
	}
	for i, was := range states(t, s) {
		is := states(t, loaded)[i]
		if !reflect.DeepEqual(was, is) {
			t.Errorf("got  %+v\nwant %+v", is, was)
		}
		v := reflect.ValueOf(was)
		for f := range v.NumField() {
			if name := v.Type().Field(f).Name; v.Field(f).IsZero() && !references[name] {
				t.Errorf("%s.%s is not set here: whether it is saved is not known", v.Type(), name)
			}
		}
	}
}

// references are fields that lead to other objects of the same snapshot, or tell
// of a state that is in force no more.
var references = map[string]bool{"replaced": true, "consumer": true, "consumerNumber": true, "service": true, "older": true, "at": true, "routes": true}

// states answers the objects of the test, without what leads to others.
func states(t *testing.T, s *Snapshot) []any {
	t.Helper()
	who, ok1 := s.Consumer("acme")
	key, ok2 := s.Credential("cred_1")
	what, ok3 := s.Service("petstore")
	sub, ok4 := s.Subscription("sub_1")
	if !ok1 || !ok2 || !ok3 || !ok4 || key.ConsumerID() != "acme" || sub.ConsumerID() != "acme" || sub.ServiceID() != "petstore" || len(what.routes) != 1 {
		t.Fatal("something is missing")
	}
	c, k, v, u := *who, *key, *what, *sub
	k.consumer, k.consumerNumber, v.at, v.routes, u.consumer, u.service, u.older = nil, 0, nil, nil, nil, nil, nil
	return []any{c, k, v, u}
}
