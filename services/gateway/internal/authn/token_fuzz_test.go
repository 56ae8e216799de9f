package authn

import (
	"encoding/base64"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/services/gateway/internal/header"
	"github.com/tidegate-io/tidegate/services/gateway/internal/material"
	"github.com/tidegate-io/tidegate/services/gateway/internal/projection"
)

var fuzzSecret = []byte("the secret of the fuzzer")

const fuzzNow = 1_800_000_000

// FuzzJWT signs any header and payload with the right secret. What is accepted
// here golang-jwt accepts too, with the same key and the same demands, and reads
// the same claims from it.
func FuzzJWT(f *testing.F) {
	state := &projection.State{Rule: access.New(), Digests: material.NewIndex(), Proofs: material.NewProofs()}
	config := json.RawMessage(`{"algorithm":"HS256","key":"fuzz","key_claim":"iss","audience":"api","leeway_seconds":5}`)
	state.Rule.Apply(events.Envelope{Type: "credential.issued", Stream: "credential-fuzz", Version: 1, Position: 1}, credential.Issued{
		Concerns: events.Concerns{CredentialID: "fuzz", ConsumerID: "acme"}, Type: credential.TypeJWT,
		Placement: credential.Placement{In: "header", Name: "Authorization"}, Config: config, SecretVersion: 1,
	})
	state.Proofs.Put("fuzz", material.Proof{Version: 1, Key: fuzzSecret})
	own, issued := NewTokens()
	verifier := New([]Type{own, issued})
	strict := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithStrictDecoding(), jwt.WithAudience("api"), jwt.WithLeeway(5*time.Second),
		jwt.WithTimeFunc(func() time.Time { return time.Unix(fuzzNow, 0) }))
	key := func(*jwt.Token) (any, error) { return fuzzSecret, nil }

	for _, seed := range [][2]string{
		{`{"alg":"HS256"}`, `{"iss":"fuzz","aud":"api","exp":1800000001,"nbf":1800000000}`},
		{`{"alg":"HS256","typ":"JWT","kid":"k","b64":true}`, `{"iss":"fu\u007az","aud":["x","api"],"a":{"b":[1,-2.5e3,true,null,"\ud83d\ude00\n"]}}`},
		{`{"alg":"none"}`, `{"iss":"fuzz","iss":"fuzz"}`}, {`{"alg":"HS256","crit":["x"]}`, `{"exp":1e99}`}, {``, `[]`}, {"{\"alg\":\"HS256\"}", " { \"iss\" : \"fuzz\" } "},
	} {
		f.Add([]byte(seed[0]), []byte(seed[1]))
	}
	f.Fuzz(func(t *testing.T, head, payload []byte) {
		signed := base64.RawURLEncoding.EncodeToString(head) + "." + base64.RawURLEncoding.EncodeToString(payload)
		signature, _ := jwt.SigningMethodHS256.Sign(signed, fuzzSecret)
		text := signed + "." + base64.RawURLEncoding.EncodeToString(signature)
		for range 2 { // the second time from memory
			var found Identity
			verifier.Identify(state, access.TypesOf(credential.TypeJWT), Request{
				Fields: []header.Field{{Name: "Authorization", Value: "Bearer " + text}}, At: time.Unix(fuzzNow, 0),
			}, &found)
			if found.Code != access.Allowed || found.Fault != access.Allowed {
				continue
			}
			theirs, err := strict.Parse(text, key)
			if err != nil {
				t.Fatalf("golang-jwt refuses %q %q: %v", head, payload, err)
			}
			if issuer, _ := theirs.Claims.GetIssuer(); issuer != "fuzz" {
				t.Fatalf("its issuer is %q", issuer)
			}
		}
		agree(t, text)
	})
}

func anyHead(*token) bool { return true }

// agree compares the claims that are read, of a token that is read at all.
func agree(t *testing.T, text string) {
	ours := readToken(text, anyHead)
	if ours == nil || ours.alg != "HS256" {
		return
	}
	defer ours.release()
	theirs := jwt.MapClaims{}
	token, _, err := jwt.NewParser(jwt.WithStrictDecoding()).ParseUnverified(text, theirs)
	if err != nil {
		t.Fatalf("golang-jwt cannot read %q: %v", text, err)
	}
	if len(ours.claims) != len(theirs) || token.Header["alg"] != ours.alg {
		t.Fatalf("%v against %v", ours.claims, theirs)
	}
	for _, claim := range ours.claims {
		var value any
		if err := json.Unmarshal([]byte(claim.value), &value); err != nil || !reflect.DeepEqual(value, theirs[claim.name]) {
			t.Fatalf("claim %q: %v against %v (%v)", claim.name, value, theirs[claim.name], err)
		}
		if read, isText := unquote(claim.value); isText && read != value {
			t.Fatalf("claim %q: %q against %q", claim.name, read, value)
		}
	}
	if kid, is := token.Header["kid"].(string); is && kid != ours.kid {
		t.Fatalf("kid %q against %q", ours.kid, kid)
	}
	audience, err := theirs.GetAudience()
	for _, each := range audience {
		if err == nil && each != "" && !ours.isFor(each) {
			t.Fatalf("audience %q is missed", each)
		}
	}
	if _, ends, ok := ours.dates(); ok && ends != never && ends != 0 {
		if theirEnd, err := theirs.GetExpirationTime(); err != nil || theirEnd.Unix() != ends {
			t.Fatalf("exp %d against %v (%v)", ends, theirEnd, err)
		}
	}
}

// FuzzTokenText reads any text as a token: it is never read where golang-jwt
// cannot, and only in one spelling.
func FuzzTokenText(f *testing.F) {
	f.Add("eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJmdXp6In0.AAAA")
	f.Add("eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJmdXp6In0.AA==")
	f.Add("eyJhbGciOiJIUzI1NiJ9..")
	f.Add("...")
	f.Fuzz(func(t *testing.T, text string) {
		agree(t, text)
		if read := readToken(text, anyHead); read != nil {
			defer read.release()
			if again := read.signed + "." + base64.RawURLEncoding.EncodeToString(read.signature); again != text {
				t.Fatalf("%q is another spelling of %q", text, again)
			}
		}
	})
}
