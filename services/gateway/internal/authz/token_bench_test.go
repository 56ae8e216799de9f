package authz_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/events/subscription"
	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/services/gateway/internal/authn"
	"github.com/tidegate-io/tidegate/services/gateway/internal/authz"
	"github.com/tidegate-io/tidegate/services/gateway/internal/gatewaytest"
	"github.com/tidegate-io/tidegate/services/gateway/internal/limit"
	"github.com/tidegate-io/tidegate/services/gateway/internal/material"
	"github.com/tidegate-io/tidegate/services/gateway/internal/projection"
)

// bearers is a state with many jwt credentials, half of them HS256, half ES256,
// and one oauth2 credential, one a consumer, each subscribed.
type bearers struct {
	state  *projection.State
	ids    []string
	es256  *ecdsa.PrivateKey
	signer *gatewaytest.Signer
	client string
}

var benchSecret = []byte("a secret of thirty-two bytes, ok")

func gatherBearers(tb testing.TB, n int) *bearers {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	b := &bearers{
		es256: key, signer: gatewaytest.NewSigner(tb, "bench"), client: es.NewTypeID("cred", time.Now()),
		state: &projection.State{Rule: access.New(), Digests: material.NewIndex(), Proofs: material.NewProofs()},
	}
	apply := func(stream string, version int64, data events.Data) {
		b.state.Rule.Apply(events.Envelope{ID: events.NewID(time.Now()), Type: data.EventType(), Stream: stream, Version: version, Position: version, Time: time.Now()}, data)
	}
	apply("service-pets", 1, catalog.Drafted{Routes: []catalog.Route{{PathPrefix: "/pets"}}, Accepts: []string{"jwt", "oauth2"}, Plans: []catalog.Plan{{ID: "default"}}})
	apply("service-pets", 2, catalog.Published{})
	apply("credential-"+credential.SigningKeysID, 1, credential.SigningKeysRotated{Keys: []credential.SigningKey{b.signer.Public(credential.KeyCurrent, time.Time{})}})
	admit := func(i int, id, kind string, config map[string]any) {
		who, sub := "con_"+strconv.Itoa(i), es.NewTypeID("sub", time.Now())
		written, _ := json.Marshal(config)
		apply("consumer-"+who, 1, consumer.Registered{})
		apply("credential-"+id, 1, credential.Issued{
			Concerns: events.Concerns{CredentialID: id, ConsumerID: who}, Type: kind,
			Placement: credential.Placement{In: "header", Name: "Authorization"}, SecretVersion: 1, Config: written,
		})
		apply("subscription-"+sub, 1, subscription.Requested{Concerns: events.Concerns{ConsumerID: who, ServiceID: "pets"}, PlanID: "default"})
		apply("subscription-"+sub, 2, subscription.Approved{PlanID: "default"})
	}
	admit(0, b.client, credential.TypeOAuth2, map[string]any{"client_id": b.client})
	algorithms := []string{"HS256", "ES256"}
	proofs := []material.Proof{{Version: 1, Key: benchSecret}, {Version: 1, Public: &key.PublicKey}}
	for i := 1; i < n; i++ {
		id := es.NewTypeID("cred", time.Now())
		b.ids = append(b.ids, id)
		admit(i, id, credential.TypeJWT, map[string]any{"algorithm": algorithms[i%2], "key": id, "key_claim": "iss", "leeway_seconds": 0})
		b.state.Proofs.Put(id, proofs[i%2])
	}
	return b
}

// token answers a token of a credential, in the usual form.
func (b *bearers) token(tb testing.TB, i, number int) string {
	id := b.ids[i]
	claims := jwt.MapClaims{
		"iss": id, "sub": "service-account", "aud": "api.example.com", "jti": strconv.Itoa(number),
		"iat": time.Now().Unix(), "nbf": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}
	var signed string
	var err error
	if i%2 == 1 { // the first is number 1
		signed, err = jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(benchSecret)
	} else {
		signed, err = jwt.NewWithClaims(jwt.SigningMethodES256, claims).SignedString(b.es256)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return signed
}

func (b *bearers) decider() *authz.Decider {
	return &authz.Decider{State: func() *projection.State { return b.state }, Verifier: authn.New(authn.Types(authn.Config{})), Limiter: limit.New()}
}

func (b *bearers) call(token string) *authz.Call {
	call := (&crowd{}).call("")
	call.Fields[4].Name, call.Fields[4].Value, call.At = "Authorization", "Bearer "+token, time.Now()
	return call
}

var millionBearers = sync.OnceValue(func() *bearers { return gatherBearers(noTest{}, 1_000_000) })

// noTest is what is gathered for all benchmarks at once.
type noTest struct{ testing.TB }

func (noTest) Helper()           {}
func (noTest) Fatal(args ...any) { panic(args) }

// What a token costs that was seen before, among a million credentials.
func BenchmarkDecisionAboutAKnownToken(b *testing.B) {
	all := millionBearers()
	tokens := map[string][]string{"one_jwt": {all.token(b, 0, 0)}, "one_access_token": {all.signer.AccessToken(b, all.client, nil)}}
	for i := range 1000 {
		tokens["1000_jwts"] = append(tokens["1000_jwts"], all.token(b, i*(len(all.ids)/1000), i))
	}
	for _, name := range []string{"one_jwt", "1000_jwts", "one_access_token"} {
		b.Run(name+"_among_1000000", func(b *testing.B) {
			d := all.decider()
			var fields []string
			for _, token := range tokens[name] {
				fields = append(fields, "Bearer "+token)
				if call := all.call(token); true {
					if d.Decide(call); call.Code != access.Allowed {
						b.Fatal(call.Code)
					}
				}
			}
			call, now, i := all.call(""), time.Now(), 0
			b.ReportAllocs()
			began := cpu()
			for b.Loop() {
				call.At, call.Fields[4].Value = now, fields[i%len(fields)]
				i++
				if d.Decide(call); call.Code != access.Allowed {
					b.Fatal(call.Code)
				}
			}
			b.ReportMetric(float64(cpu()-began)/float64(b.N), "cpu-ns/op")
		})
	}
}

// What a token costs that was never seen, as a multiple of what golang-jwt takes
// for the same, without a credential to be found or a rule to be asked.
func BenchmarkDecisionAboutANewToken(b *testing.B) {
	all := millionBearers()
	for name, first := range map[string]int{"HS256": 1, "ES256": 0} {
		b.Run(name, func(b *testing.B) {
			tokens := make([]string, 2000)
			for i := range tokens {
				tokens[i] = all.token(b, first+2*(i%100), i)
			}
			parser := jwt.NewParser(jwt.WithValidMethods([]string{name}))
			key := func(*jwt.Token) (any, error) {
				if name == "HS256" {
					return benchSecret, nil
				}
				return &all.es256.PublicKey, nil
			}
			d, call, now := all.decider(), all.call(""), time.Now()
			var ours, bare time.Duration
			i := 0
			for b.Loop() {
				if i%len(tokens) == 0 {
					d = all.decider() // which knows none of them
				}
				token := tokens[i%len(tokens)]
				i++
				began := cpu()
				call.At, call.Fields[4].Value = now, "Bearer "+token
				if d.Decide(call); call.Code != access.Allowed {
					b.Fatal(call.Code)
				}
				decided := cpu()
				if _, err := parser.Parse(token, key); err != nil {
					b.Fatal(err)
				}
				ours, bare = ours+decided-began, bare+cpu()-decided
			}
			b.ReportMetric(float64(ours)/float64(b.N), "first-ns/op")
			b.ReportMetric(float64(bare)/float64(b.N), "golang-jwt-ns/op")
			b.ReportMetric(float64(ours)/float64(bare), "first/golang-jwt")
		})
	}
	runtime.KeepAlive(all)
}
