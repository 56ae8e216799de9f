package access_test

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/events/subscription"
	"github.com/tidegate-io/tidegate/libs/access"
)

// noon is the time at which tests decide.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func in(d time.Duration) *time.Time { t := noon.Add(d); return &t }

// apiKey is where API keys of the tests are.
var apiKey = access.Placement{In: "header", Name: "X-Api-Key"}

// fact is an event before it has an envelope.
type fact struct {
	id   string // the aggregate's
	data events.Data
}

// event is a fact as it arrives. data is nil when it cannot be decoded.
type event struct {
	events.Envelope
	data events.Data
}

// log gives facts their envelopes, one stream a context.
func log(facts ...fact) []event {
	versions, positions := map[string]int64{}, map[string]int64{}
	all := make([]event, len(facts))
	for i, f := range facts {
		word := events.Word(f.data.EventType())
		stream := word + "-" + f.id
		versions[stream]++
		positions[word]++
		all[i] = event{data: f.data, Envelope: events.Envelope{
			ID: events.NewID(noon), Type: f.data.EventType(), Schema: 1, Stream: stream,
			Version: versions[stream], Position: positions[word], Time: noon,
		}}
	}
	return all
}

// unreadable answers the event as it is when its data cannot be decoded.
func (e event) unreadable() event {
	e.data = nil
	return e
}

func fold(all []event) *access.Snapshot {
	s := access.New()
	for _, e := range all {
		s.Apply(e.Envelope, e.data)
	}
	return s
}

// interleavings calls f with every order in which the streams of a log can
// arrive, each stream's own order kept.
func interleavings(all []event, f func([]event)) {
	streams := map[string][]event{}
	var words []string
	for _, e := range all {
		word := events.Word(e.Type)
		if _, ok := streams[word]; !ok {
			words = append(words, word)
		}
		streams[word] = append(streams[word], e)
	}
	var next func(order []event)
	next = func(order []event) {
		if len(order) == len(all) {
			f(order)
			return
		}
		for _, word := range words {
			rest := streams[word]
			if len(rest) == 0 {
				continue
			}
			streams[word] = rest[1:]
			next(append(slices.Clip(order), rest[0]))
			streams[word] = rest
		}
	}
	next(nil)
}

// The objects of the tests: acme calls petstore with the API key cred_1 under
// the subscription sub_1.

func registered(edit ...func(*consumer.Registered)) fact {
	d := consumer.Registered{Concerns: events.Concerns{ConsumerID: "acme", Team: "payments"}, Name: "Acme"}
	for _, f := range edit {
		f(&d)
	}
	return fact{"acme", d}
}

func issued(edit ...func(*credential.Issued)) fact {
	d := credential.Issued{
		Concerns: events.Concerns{ConsumerID: "acme", CredentialID: "cred_1"}, Name: "main", Type: credential.TypeAPIKey,
		Placement: credential.Placement{In: "header", Name: "X-API-Key"}, SecretVersion: 1,
	}
	for _, f := range edit {
		f(&d)
	}
	return fact{d.CredentialID, d}
}

func drafted(edit ...func(*catalog.Drafted)) fact {
	d := catalog.Drafted{
		Concerns: events.Concerns{ServiceID: "petstore", ProviderTeam: "pets"}, Name: "Pets", Kind: "rest", Visibility: "public",
		Routes:    []catalog.Route{{PathPrefix: "/petstore", StripPrefix: true}},
		Upstreams: []catalog.Upstream{{URL: "http://127.0.0.1:9000", Weight: 1}},
		Accepts:   []string{"api_key", "basic"},
		Plans:     []catalog.Plan{{ID: "default", Rate: &consumer.Rate{Requests: 5, PerSeconds: 1}}},
		Staleness: catalog.Staleness{Mode: "serve-stale", Seconds: 60}, TimeoutSeconds: 30,
	}
	for _, f := range edit {
		f(&d)
	}
	return fact{d.ServiceID, d}
}

func published() fact { return fact{"petstore", catalog.Published{}} }

func requested(id string, edit ...func(*subscription.Requested)) fact {
	d := subscription.Requested{
		Concerns: events.Concerns{SubscriptionID: id, ConsumerID: "acme", ServiceID: "petstore"}, PlanID: "default",
	}
	for _, f := range edit {
		f(&d)
	}
	return fact{id, d}
}

func approved(id string, until *time.Time) fact {
	return fact{id, subscription.Approved{PlanID: "default", Mode: subscription.ApprovedManually, ExpiresAt: until}}
}

// admitted are the facts by which the call of the tests is allowed.
func admitted(more ...fact) []fact {
	return append([]fact{registered(), issued(), drafted(), published(), requested("sub_1"), approved("sub_1", nil)}, more...)
}

// call decides about the call of the tests, with what edit changes in it.
func call(s *access.Snapshot, edit ...func(*access.Request)) access.Decision {
	return s.Decide(request(s, edit...))
}

func request(s *access.Snapshot, edit ...func(*access.Request)) access.Request {
	q := access.Request{
		Credential: "cred_1", SecretVersion: 1, In: apiKey,
		Address: netip.MustParseAddr("10.1.2.3"), At: noon,
	}
	q.Service, _ = s.Service("petstore")
	for _, f := range edit {
		f(&q)
	}
	return q
}

func at(d time.Duration) func(*access.Request) {
	return func(q *access.Request) { q.At = noon.Add(d) }
}

// refused asserts the code of the call in every order of arrival.
func refused(t *testing.T, want access.Code, facts []fact, edit ...func(*access.Request)) {
	t.Helper()
	hash := ""
	interleavings(log(facts...), func(order []event) {
		t.Helper()
		s := fold(order)
		got := call(s, edit...)
		if got.Code != want || got.Status != want.Status() || got.Allowed() != (want == access.Allowed) {
			t.Fatalf("got %q (%d), want %q, after\n%s", got.Code, got.Status, want, arrivals(order))
		}
		if hash == "" {
			hash = s.Hash()
		}
		// The event ids are those of one log, so the hash must be the same.
		if s.Hash() != hash {
			t.Fatalf("another hash after\n%s", arrivals(order))
		}
	})
}

func arrivals(order []event) string {
	var b strings.Builder
	for _, e := range order {
		raw, _ := json.Marshal(e.data)
		b.WriteString(e.Type + " " + e.Aggregate() + " " + string(raw) + "\n")
	}
	return b.String()
}
