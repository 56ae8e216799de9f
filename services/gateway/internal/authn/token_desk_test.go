package authn_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/services/gateway/internal/authn"
	"github.com/tidegate-io/tidegate/services/gateway/internal/header"
	"github.com/tidegate-io/tidegate/services/gateway/internal/material"
)

// noon is when tests of tokens take place.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

var authorization = credential.Placement{In: "header", Name: "Authorization"}

// keys has one of each kind, made once.
var keys = sync.OnceValue(func() map[string]crypto.Signer {
	made := map[string]crypto.Signer{}
	made["RSA"], _ = rsa.GenerateKey(rand.Reader, 2048)
	made["P-256"], _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	made["P-384"], _ = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	made["P-521"], _ = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	_, made["Ed25519"], _ = ed25519.GenerateKey(rand.Reader)
	return made
})

// algorithms says which key each takes; "" is a shared secret.
var algorithms = map[string]string{
	"HS256": "", "HS384": "", "HS512": "", "RS256": "RSA", "RS384": "RSA", "RS512": "RSA", "PS256": "RSA", "PS384": "RSA", "PS512": "RSA",
	"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "EdDSA": "Ed25519",
}

const sharedSecret = "a secret of thirty-two bytes, ok"

// signingKey answers what signs with an algorithm, and what verifies.
func signingKey(algorithm string) (sign any, proof material.Proof) {
	kind := algorithms[algorithm]
	if kind == "" {
		return []byte(sharedSecret), material.Proof{Version: 1, Key: []byte(sharedSecret)}
	}
	return keys()[kind], material.Proof{Version: 1, Public: keys()[kind].Public()}
}

func encoded(part string) string { return base64.RawURLEncoding.EncodeToString([]byte(part)) }

// compact signs a header and a payload as they are written.
func compact(t testing.TB, algorithm string, key any, head, payload string) string {
	t.Helper()
	signed := encoded(head) + "." + encoded(payload)
	signature, err := jwt.GetSigningMethod(algorithm).Sign(signed, key)
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// hs256 signs a payload with the shared secret.
func hs256(t testing.TB, payload string) string {
	return compact(t, "HS256", []byte(sharedSecret), `{"alg":"HS256"}`, payload)
}

// published applies the events of an aggregate, one after the other.
func (d *desk) publish(id string, all ...events.Data) {
	for _, data := range all {
		d.versions[id]++
		d.state.Rule.Apply(events.Envelope{
			ID: events.NewID(noon), Type: data.EventType(), Stream: "credential-" + id, Version: d.versions[id], Position: 1, Time: noon,
		}, data)
	}
}

// jwt issues a jwt credential with proofs. Its config is that of an HS256 one with
// its id as iss, but for what is said.
func (d *desk) jwt(id string, config map[string]any, proofs ...material.Proof) {
	d.placed(id, credential.TypeJWT, authorization, jwtConfig(id, config))
	for _, p := range proofs {
		d.state.Proofs.Put(id, p)
	}
}

func (d *desk) placed(id, kind string, at credential.Placement, config json.RawMessage) {
	d.publish(id, credential.Issued{
		Concerns: events.Concerns{CredentialID: id, ConsumerID: "acme"}, Type: kind, Placement: at, Config: config, SecretVersion: 1,
	})
}

func jwtConfig(id string, change map[string]any) json.RawMessage {
	config := map[string]any{"algorithm": "HS256", "key": id, "key_claim": "iss", "leeway_seconds": 0}
	maps.Copy(config, change)
	written, _ := json.Marshal(config)
	return written
}

var bothTokens = access.TypesOf("jwt", "oauth2")

// shows answers what an Authorization is found to be: the credential and the
// fault, or the code.
func (d *desk) shows(value string, at time.Time) string {
	return show(d.verifier, d, authn.Request{Fields: []header.Field{{Name: "Authorization", Value: value}}, At: at})
}

// bears is shows of a token at noon.
func (d *desk) bears(token string) string { return d.shows("Bearer "+token, noon) }

func show(v *authn.Verifier, d *desk, q authn.Request) string {
	var found authn.Identity
	v.Identify(d.state, bothTokens, q, &found)
	if found.Code != access.Allowed {
		return string(found.Code)
	}
	return strings.TrimSuffix(found.Credential.ID+" "+string(found.Fault), " ")
}
