package authn_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/services/gateway/internal/authn"
	"github.com/tidegate-io/tidegate/services/gateway/internal/gatewaytest"
	"github.com/tidegate-io/tidegate/services/gateway/internal/header"
	"github.com/tidegate-io/tidegate/services/gateway/internal/material"
)

// story is a desk to which things happen, in any order.
type story struct {
	*desk
	now     time.Time
	newest  map[string]int
	signers [2]*gatewaytest.Signer
	tokens  []string
}

// What a verifier finds that has seen tokens before is what one finds that has
// seen none, whatever has happened in between.
func TestMemoryChangesNothing(t *testing.T) {
	signers := [2]*gatewaytest.Signer{gatewaytest.NewSigner(t, "one"), gatewaytest.NewSigner(t, "two")}
	var tokens []string
	for _, secret := range []string{"secret a", "secret b"} {
		for _, payload := range []string{
			`{"iss":"cred_0"}`, `{"iss":"cred_1","sub":"cred_2"}`, `{"iss":"cred_2","exp":1772366700}`, `{"sub":"cred_1","aud":"api","nbf":1772366700}`, `{"iss":"cred_0","sub":"cred_1"}`,
		} {
			tokens = append(tokens, compact(t, "HS256", []byte(secret), `{"alg":"HS256","kid":"cred_2"}`, payload))
		}
	}
	for i, signer := range signers {
		tokens = append(tokens,
			accessToken(t, signer, nil, map[string]any{"jti": fmt.Sprint("tok_", i)}),
			accessToken(t, signer, nil, map[string]any{"jti": "tok_2", "grant_id": "grant_1", "secret_version": 2, "exp": noon.Unix() + 300}))
	}
	rapid.Check(t, func(t *rapid.T) {
		s := &story{desk: newDesk(), now: noon, newest: map[string]int{}, signers: signers, tokens: tokens}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			s.happen(t)
			for range 3 {
				s.ask(t)
			}
		}
	})
}

// ask shows a token, or two, to both verifiers.
func (s *story) ask(t *rapid.T) {
	name := rapid.SampledFrom([]string{"Authorization", "X-Token"})
	q := authn.Request{At: s.now}
	for range rapid.IntRange(1, 2).Draw(t, "tokens") {
		q.Fields = append(q.Fields, header.Field{Name: name.Draw(t, "header"), Value: "Bearer " + rapid.SampledFrom(s.tokens).Draw(t, "token")})
	}
	remembering, forgetful := s.judge(s.verifier, q), s.judge(authn.New(authn.Types(authn.Config{Ring: s.ring})), q)
	if remembering != forgetful {
		t.Fatalf("with memory %s, without %s", remembering, forgetful)
	}
}

// judge answers what is found, and whether the rule lets its version act.
func (s *story) judge(v *authn.Verifier, q authn.Request) string {
	var found authn.Identity
	v.Identify(s.state, bothTokens, q, &found)
	if found.Code != access.Allowed {
		return string(found.Code)
	}
	return fmt.Sprintf("%s.%d %s %q %v", found.Credential.ID, found.Version, found.Fault, found.Scopes, s.state.Rule.SecretLive(found.Credential.ID, found.Version, q.At))
}

func (s *story) happen(t *rapid.T) {
	id := fmt.Sprint("cred_", rapid.IntRange(0, 2).Draw(t, "credential"))
	if rapid.IntRange(0, 2).Draw(t, "kind") == 0 {
		id = "app"
	}
	at := rapid.SampledFrom([]credential.Placement{authorization, authorization, {In: "header", Name: "X-Token"}})
	secret := func() []byte { return []byte(rapid.SampledFrom([]string{"secret a", "secret b"}).Draw(t, "secret")) }
	if s.newest[id] == 0 {
		s.newest[id] = 1
		if id == "app" {
			s.placed(id, credential.TypeOAuth2, authorization, json.RawMessage(`{"client_id":"app-client"}`))
			s.desk.signers(s.signers[0].Public(credential.KeyCurrent, time.Time{}))
		} else {
			s.placed(id, credential.TypeJWT, at.Draw(t, "placement"), s.config(t, id))
			s.state.Proofs.Put(id, material.Proof{Version: 1, Key: secret()})
		}
		return
	}
	version := rapid.IntRange(1, s.newest[id]+1).Draw(t, "version")
	switch rapid.SampledFrom([]string{"put", "remove", "rotate", "retire", "suspend", "resume", "place", "config", "revoke", "wait", "keys", "token"}).Draw(t, "event") {
	case "put":
		s.state.Proofs.Put(id, material.Proof{Version: version, Key: secret()})
	case "remove":
		s.state.Proofs.Remove(id, version)
	case "rotate":
		s.newest[id]++
		e := credential.Rotated{SecretVersion: s.newest[id], RetiredVersions: []int{s.newest[id] - 1}}
		if rapid.Bool().Draw(t, "overlap") {
			until := s.now.Add(2 * time.Minute)
			e.RetiringVersion, e.RetiringNotAfter, e.RetiredVersions = s.newest[id]-1, &until, nil
		}
		s.publish(id, e)
	case "retire":
		s.publish(id, credential.SecretRetired{SecretVersion: version})
	case "suspend":
		s.publish(id, credential.Suspended{})
	case "resume":
		s.publish(id, credential.Resumed{})
	case "place":
		s.publish(id, credential.Updated{Placement: &events.Change[credential.Placement]{After: at.Draw(t, "placement")}})
	case "config":
		if id != "app" {
			s.publish(id, credential.Updated{Config: &events.Change[json.RawMessage]{After: s.config(t, id)}})
		}
	case "revoke":
		s.publish(id, credential.Revoked{})
	case "wait":
		s.now = s.now.Add(time.Minute)
	case "keys":
		one, two := s.signers[0], s.signers[1]
		s.desk.signers(rapid.SampledFrom([][]credential.SigningKey{
			{}, {one.Public(credential.KeyCurrent, time.Time{})},
			{two.Public(credential.KeyCurrent, time.Time{}), one.Public(credential.KeyPrevious, s.now.Add(2*time.Minute))},
		}).Draw(t, "signing keys")...)
	case "token":
		token := rapid.SampledFrom([]string{"tok_0", "tok_1", "tok_2", "grant_1"}).Draw(t, "token")
		s.publish(token, credential.TokenRevoked{TokenID: token, ExpiresAt: noon.Add(time.Hour)})
	}
}

func (s *story) config(t *rapid.T, id string) json.RawMessage {
	return jwtConfig(id, map[string]any{
		"key_claim":      rapid.SampledFrom([]string{"iss", "sub", "kid"}).Draw(t, "claim"),
		"algorithm":      rapid.SampledFrom([]string{"HS256", "HS256", "HS512"}).Draw(t, "algorithm"),
		"audience":       rapid.SampledFrom([]string{"", "", "api"}).Draw(t, "audience"),
		"leeway_seconds": rapid.SampledFrom([]int{0, 60}).Draw(t, "leeway"),
	})
}
