package gatewaytest

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/events/subscription"
	"github.com/tidegate-io/tidegate/libs/secret"
)

// Scene is a running gateway before an upstream, with a caller for each answer
// that a call can get: what every face of the decision is held to.
type Scene struct {
	Gateway  *Gateway
	Upstream *Recorder
	Key      string // of a consumer who may call
	Limited  string // likewise, twice an hour

	calls []Call
}

// Call is a call with the answer to it.
type Call struct {
	Name    string
	Message Message
	Status  int
	Code    string

	sign func(Message) Message
}

// Again answers the call once more: signed anew, when it is signed.
func (c Call) Again() Message {
	if c.sign == nil {
		return c.Message
	}
	m := c.Message
	m.Headers, m.Target = nil, m.Target+"&again"
	return c.sign(m)
}

// SceneHost is the host at which the scene's service answers.
const SceneHost = "api.example.com"

// Get is a call of the scene's service without a body.
func (s *Scene) Get(headers ...string) Message {
	return Message{Method: http.MethodGet, Target: "/pets/1?a=b", Host: SceneHost, Headers: headers}
}

// Calls answers every call of the scene. None of them has a body.
func (s *Scene) Calls() []Call { return slices.Clone(s.calls) }

// Play sets the scene.
func Play(t testing.TB) *Scene {
	t.Helper()
	w, up := NewWorld(), Record(t)
	s := &Scene{Upstream: up}
	w.Service(t, "pets", up.URL, func(d *catalog.Drafted) {
		d.Routes[0].Host, d.Routes[0].Methods, d.Routes[0].StripPrefix = SceneHost, []string{"GET", "POST"}, false
	})
	w.Consumer(t, "acme", func(d *consumer.Registered) { d.Labels = map[string]string{"custom_id": "17"} })
	w.Consumer(t, "few", func(d *consumer.Registered) {
		d.Limits = &consumer.Limits{Rate: &consumer.Rate{Requests: 2, PerSeconds: 3600}}
	})
	for _, id := range []string{"suspended", "stranger", "pending", "halted", "ended", "unassigned", "fenced"} {
		w.Consumer(t, id)
	}
	for _, id := range []string{"acme", "few", "suspended", "halted", "ended", "unassigned", "fenced"} {
		w.Subscribe(t, "sub_"+id, id, "pets")
	}
	concerns := func(id string) events.Concerns { return events.Concerns{SubscriptionID: id} }
	past := time.Now().Add(-time.Minute)
	w.Publish(t, "consumer-suspended", consumer.Suspended{Concerns: events.Concerns{ConsumerID: "suspended"}})
	w.Publish(t, "consumer-fenced", consumer.Updated{Limits: &events.Change[*consumer.Limits]{After: &consumer.Limits{AllowedIPs: []string{"10.0.0.0/8"}}}})
	w.Publish(t, "subscription-sub_pending", subscription.Requested{Concerns: events.Concerns{SubscriptionID: "sub_pending", ConsumerID: "pending", ServiceID: "pets"}, PlanID: "default"})
	w.Publish(t, "subscription-sub_halted", subscription.Suspended{Concerns: concerns("sub_halted")})
	w.Publish(t, "subscription-sub_ended", subscription.Renewed{Concerns: concerns("sub_ended"), ExpiresAt: &past})
	w.Publish(t, "subscription-sub_unassigned", subscription.CredentialsAssigned{Concerns: concerns("sub_unassigned"), CredentialIDs: &[]string{}})

	s.Key, s.Limited = w.APIKey(t, "cred_acme", "acme"), w.APIKey(t, "cred_few", "few")
	s.refused(t, w, past)
	s.admitted(t, w)
	s.Gateway = Start(t, w)
	return s
}

func (s *Scene) add(name string, m Message, status int, code string) {
	s.calls = append(s.calls, Call{Name: name, Message: m, Status: status, Code: code})
}

// refused are calls for each code that a decision can have.
func (s *Scene) refused(t testing.TB, w *World, past time.Time) {
	t.Helper()
	key := func(id, owner string, change ...func(*credential.Issued)) Message {
		return s.Get("X-API-Key", w.APIKey(t, id, owner, change...))
	}
	elsewhere := func(method, target, host string) Message {
		return Message{Method: method, Target: target, Host: host, Headers: []string{"X-API-Key", s.Key}}
	}
	s.add("a path that has no canonical form", elsewhere("GET", "/pets/%2f", SceneHost), 400, "bad_request_target")
	s.add("a path that climbs", elsewhere("GET", "/pets/%2e%2e/%2e%2e/x", SceneHost), 400, "bad_request_target")
	s.add("no route", elsewhere("GET", "/petsandmore", SceneHost), 404, "route_not_found")
	s.add("another host", elsewhere("GET", "/pets/1", "other.example.com"), 404, "route_not_found")
	s.add("a method that is not taken", elsewhere("DELETE", "/pets/1", SceneHost), 405, "method_not_allowed")
	s.add("no credential", s.Get(), 401, "credential_missing")
	s.add("an unknown key", s.Get("X-API-Key", secret.Generate(secret.APIKey)), 401, "credential_invalid")
	s.add("an expired key", key("cred_expired", "acme", func(d *credential.Issued) { d.ExpiresAt = &past }), 401, "credential_expired")
	s.add("a suspended key", key("cred_resting", "acme"), 401, "credential_suspended")
	w.Publish(t, "credential-cred_resting", credential.Suspended{Concerns: events.Concerns{CredentialID: "cred_resting"}})
	s.add("a revoked key", key("cred_revoked", "acme"), 401, "credential_invalid")
	w.Revoke(t, "cred_revoked")
	for owner, code := range map[string]string{
		"suspended": "consumer_suspended", "stranger": "not_subscribed", "pending": "subscription_pending", "halted": "subscription_suspended",
		"ended": "subscription_expired", "unassigned": "credential_not_assigned", "fenced": "ip_not_allowed",
	} {
		s.add("a consumer who is "+owner, key("cred_"+owner, owner), 403, code)
	}
}

// admitted are calls with a credential of each type, and tokens out of their time.
func (s *Scene) admitted(t testing.TB, w *World) {
	t.Helper()
	s.add("an API key", s.Get("X-API-Key", s.Key), 200, "")
	s.add("an API key in a path to be made canonical", Message{Method: "GET", Target: "/pets/./1?a=b", Host: SceneHost, Headers: []string{"X-API-Key", s.Key}}, 200, "")
	w.Basic(t, "cred_basic", "acme", "user", "correct horse: battery")
	basic := func(password string) Message {
		return s.Get("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("user:"+password)))
	}
	s.add("a password", basic("correct horse: battery"), 200, "")
	s.add("a wrong password", basic("wrong horse: battery"), 401, "credential_invalid")
	inQuery := w.APIKey(t, "cred_query", "acme", func(d *credential.Issued) { d.Placement = credential.Placement{In: "query", Name: "key"} })
	s.add("a key in the query", Message{Method: "GET", Target: "/pets/1?key=" + inQuery, Host: SceneHost}, 200, "")
	inCookie := w.APIKey(t, "cred_cookie", "acme", func(d *credential.Issued) { d.Placement = credential.Placement{In: "cookie", Name: "key"} })
	s.add("a key in a cookie", s.Get("Cookie", "a=b; key="+inCookie), 200, "")

	shared := []byte(strings.Repeat("k", 32))
	w.JWT(t, "cred_jwt", "acme", map[string]any{"algorithm": "HS256", "key": "issuer", "key_claim": "iss", "claims_to_verify": []string{"exp", "nbf"}}, secret.SharedProof(shared))
	token := func(claims jwt.MapClaims) Message {
		claims["iss"] = "issuer"
		if claims["nbf"] == nil {
			claims["nbf"] = time.Now().Add(-2 * time.Hour).Unix()
		}
		signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(shared)
		if err != nil {
			t.Fatal(err)
		}
		return s.Get("Authorization", "Bearer "+signed)
	}
	hour := time.Hour
	s.add("a token", token(jwt.MapClaims{"exp": time.Now().Add(hour).Unix()}), 200, "")
	s.add("an expired token", token(jwt.MapClaims{"exp": time.Now().Add(-hour).Unix()}), 401, "token_expired")
	s.add("a token too early", token(jwt.MapClaims{"exp": time.Now().Add(2 * hour).Unix(), "nbf": time.Now().Add(hour).Unix()}), 401, "token_not_yet_valid")

	signer := NewSigner(t, "k1")
	w.SigningKeys(t, signer.Public(credential.KeyCurrent, time.Time{}))
	w.OAuth2(t, "cred_oauth", "acme")
	s.add("an access token", s.Get("Authorization", "Bearer "+signer.AccessToken(t, "cred_oauth", nil)), 200, "")

	signed := func(name string, sign func(Message) Message) {
		s.calls = append(s.calls, Call{Name: name, Message: sign(s.Get()), Status: 200, sign: sign})
	}
	aksk, draft, message := w.HMAC(t, "cred_aksk", "acme", "aksk", nil), w.HMAC(t, "cred_draft", "acme", "signature", nil), w.HMAC(t, "cred_9421", "acme", "rfc9421", nil)
	signed("a signature by AK/SK", func(m Message) Message { return aksk.AKSK(m, time.Now(), "host") })
	signed("a signature by the draft", func(m Message) Message {
		return draft.Draft("hmac-sha256", m, time.Now(), "@request-target", "host", "date")
	})
	signed("a signature by RFC 9421", func(m Message) Message {
		return message.RFC9421("sig", m, time.Now(), "", "@method", "@request-target", "@authority", "@path", "@query")
	})
}
