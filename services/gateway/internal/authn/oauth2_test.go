package authn_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/json"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/services/gateway/internal/authn"
	"github.com/tidegate-io/tidegate/services/gateway/internal/gatewaytest"
	"github.com/tidegate-io/tidegate/services/gateway/internal/material"
)

func (d *desk) client(id string) {
	config, _ := json.Marshal(map[string]any{"client_id": id + "-client"})
	d.placed(id, credential.TypeOAuth2, authorization, config)
}

// signers puts a set of signing keys in force.
func (d *desk) signers(all ...credential.SigningKey) {
	d.publish(credential.SigningKeysID, credential.SigningKeysRotated{Keys: all})
}

// claims are an access token's at noon, changed; nil leaves one out.
func claims(change map[string]any) map[string]any {
	made := map[string]any{
		"iss": "https://tidegate.example", "sub": "app-client", "client_id": "app-client", "aud": credential.TokenAudience, "iat": noon.Unix(),
		"nbf": noon.Unix(), "exp": noon.Unix() + 3600, "jti": "tok_1", "scope": "read write", "credential_id": "app", "secret_version": 1,
	}
	for name, value := range change {
		if made[name] = value; value == nil {
			delete(made, name)
		}
	}
	return made
}

func accessToken(t testing.TB, by *gatewaytest.Signer, head, change map[string]any) string {
	t.Helper()
	fields := map[string]any{"typ": credential.TokenType, "alg": "ES256", "kid": by.KID}
	for name, value := range head {
		if fields[name] = value; value == nil {
			delete(fields, name)
		}
	}
	header, _ := json.Marshal(fields)
	payload, _ := json.Marshal(claims(change))
	return compact(t, "ES256", by.Key, string(header), string(payload))
}

func TestAccessTokens(t *testing.T) {
	d := newDesk()
	current, previous, gone := gatewaytest.NewSigner(t, "current"), gatewaytest.NewSigner(t, "previous"), gatewaytest.NewSigner(t, "gone")
	d.signers(current.Public(credential.KeyCurrent, time.Time{}), previous.Public(credential.KeyPrevious, noon.Add(time.Minute)), gone.Public(credential.KeyPrevious, noon))
	d.client("app")
	d.client("other")
	_, proof := signingKey("ES256")
	d.jwt("jwt", map[string]any{"algorithm": "ES256", "key": "https://tidegate.example"}, proof)

	type change = map[string]any
	for name, c := range map[string]struct {
		token string
		want  string
	}{
		"as it is issued":                       {accessToken(t, current, nil, nil), "app"},
		"by the key before":                     {accessToken(t, previous, nil, nil), "app"},
		"by a key whose time is over":           {accessToken(t, gone, nil, nil), refused},
		"by a key that nobody knows":            {accessToken(t, gatewaytest.NewSigner(t, "stranger"), nil, nil), refused},
		"by a stranger under a kid of ours":     {accessToken(t, gatewaytest.NewSigner(t, "current"), nil, nil), refused},
		"by another key than its kid's":         {accessToken(t, previous, change{"kid": "current"}, nil), refused},
		"without a kid":                         {accessToken(t, current, change{"kid": nil}, nil), refused},
		"of type JWT":                           {accessToken(t, current, change{"typ": "JWT"}, nil), refused},
		"without a type":                        {accessToken(t, current, change{"typ": nil}, nil), refused},
		"for another audience":                  {accessToken(t, current, nil, change{"aud": "tidegate-management"}), refused},
		"for nobody":                            {accessToken(t, current, nil, change{"aud": nil}), refused},
		"for several":                           {accessToken(t, current, nil, change{"aud": []string{"x", credential.TokenAudience}}), "app"},
		"without credential_id":                 {accessToken(t, current, nil, change{"credential_id": nil}), refused},
		"of a credential that nobody knows":     {accessToken(t, current, nil, change{"credential_id": "nobody"}), refused},
		"of a credential of another type":       {accessToken(t, current, nil, change{"credential_id": "jwt"}), refused},
		"of another client's credential":        {accessToken(t, current, nil, change{"credential_id": "other"}), refused},
		"with another subject":                  {accessToken(t, current, nil, change{"sub": "other-client"}), refused},
		"with another client":                   {accessToken(t, current, nil, change{"client_id": "other-client"}), refused},
		"without a client":                      {accessToken(t, current, nil, change{"client_id": nil}), refused},
		"without a version":                     {accessToken(t, current, nil, change{"secret_version": nil}), refused},
		"with a version that is a text":         {accessToken(t, current, nil, change{"secret_version": "1"}), refused},
		"with half a version":                   {accessToken(t, current, nil, change{"secret_version": 1.5}), refused},
		"without exp":                           {accessToken(t, current, nil, change{"exp": nil}), refused},
		"with an exp that is a text":            {accessToken(t, current, nil, change{"exp": "9999999999"}), refused},
		"expired":                               {accessToken(t, current, nil, change{"exp": noon.Unix()}), "app token_expired"},
		"in its last second":                    {accessToken(t, current, nil, change{"exp": noon.Unix() + 1}), "app"},
		"issued by a clock that is ahead":       {accessToken(t, current, nil, change{"nbf": noon.Unix() + 10}), "app"},
		"of the future":                         {accessToken(t, current, nil, change{"nbf": noon.Unix() + 11}), "app token_not_yet_valid"},
		"expired, and by a stranger":            {accessToken(t, gatewaytest.NewSigner(t, "current"), nil, change{"exp": noon.Unix()}), refused},
		"without jti":                           {accessToken(t, current, nil, change{"jti": nil}), refused},
		"with an empty jti":                     {accessToken(t, current, nil, change{"jti": ""}), refused},
		"with a grant":                          {accessToken(t, current, nil, change{"grant_id": "grant_1"}), "app"},
		"with a grant that is no text":          {accessToken(t, current, nil, change{"grant_id": 1}), refused},
		"without scopes":                        {accessToken(t, current, nil, change{"scope": nil}), "app"},
		"with scopes that would split a header": {accessToken(t, current, nil, change{"scope": "read\r\nX-Consumer-Id: root"}), refused},
		"with scopes beyond ASCII":              {accessToken(t, current, nil, change{"scope": "réad"}), refused},
		"with scopes in a list":                 {accessToken(t, current, nil, change{"scope": []string{"read"}}), refused},
		"with crit":                             {accessToken(t, current, change{"crit": []string{"exp"}}, nil), refused},
		"as none":                               {accessToken(t, current, change{"alg": "none"}, nil), refused},
	} {
		for _, time := range []string{"the first time", "from memory"} {
			if got := d.bears(c.token); got != c.want {
				t.Errorf("%s, %s: %s, want %s", name, time, got, c.want)
			}
		}
	}
	if got := d.shows(accessToken(t, current, nil, nil), noon); got != refused {
		t.Errorf("without the word Bearer: %s", got)
	}
}

// An access token is never taken for a consumer's own, nor the other way round,
// whatever keys credentials have; and a management token is neither.
func TestTokensAreNotTakenForOneAnother(t *testing.T) {
	d := newDesk()
	signer := gatewaytest.NewSigner(t, "current")
	d.signers(signer.Public(credential.KeyCurrent, time.Time{}))
	d.client("app")
	// Somebody registers Tidegate's own public key as theirs.
	d.jwt("thief", map[string]any{"algorithm": "ES256", "key": "https://tidegate.example"}, material.Proof{Version: 1, Public: &signer.Key.PublicKey})
	if got := d.bears(accessToken(t, signer, nil, nil)); got != "app" {
		t.Errorf("an access token: %s", got)
	}
	for _, typ := range []string{"AT+JWT", "application/at+jwt", "application/AT+jwt"} {
		if got := d.bears(accessToken(t, signer, map[string]any{"typ": typ}, nil)); got != refused {
			t.Errorf("an access token of type %s: %s", typ, got)
		}
	}
	if got := d.bears(accessToken(t, signer, map[string]any{"typ": "JWT"}, map[string]any{"aud": "thief"})); got != "thief" {
		t.Errorf("a token that the thief could sign, and that is for nobody else: %s", got)
	}
	// A consumer says that its own token is an access token.
	key, proof := signingKey("ES256")
	d.jwt("liar", map[string]any{"algorithm": "ES256", "key": "liar"}, proof)
	for _, kid := range []string{"current", "liar"} {
		liar := &gatewaytest.Signer{KID: kid, Key: key.(*ecdsa.PrivateKey)}
		if got := d.bears(accessToken(t, liar, nil, map[string]any{"iss": "liar"})); got != refused {
			t.Errorf("a consumer's access token with the kid %s: %s", kid, got)
		}
	}
	issuer, err := httpapi.BuiltIn(t.TempDir() + "/issuer.key")
	if err != nil {
		t.Fatal(err)
	}
	var set struct{ Keys []struct{ X, Y string } }
	if err := json.Unmarshal(issuer.JWKS(), &set); err != nil {
		t.Fatal(err)
	}
	d.jwt("manager", map[string]any{"algorithm": "ES256", "key": httpapi.BuiltInIssuer}, material.Proof{Version: 1, Public: publicOf(t, set.Keys[0].X, set.Keys[0].Y)})
	token, err := issuer.Token("alice", []httpapi.Role{httpapi.Admin}, nil, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if got := d.shows("Bearer "+token, time.Now()); got != refused {
		t.Errorf("a management token: %s", got)
	}
}

func TestScopesAreTold(t *testing.T) {
	d := newDesk()
	signer := gatewaytest.NewSigner(t, "current")
	d.signers(signer.Public(credential.KeyCurrent, time.Time{}))
	d.client("app")
	scopes := func(tokens ...string) string {
		q := authn.Request{At: noon}
		for _, token := range tokens {
			q.Fields = append(q.Fields, header1("Authorization", "Bearer "+token).Fields...)
		}
		var found authn.Identity
		d.verifier.Identify(d.state, bothTokens, q, &found)
		if found.Code != access.Allowed {
			return string(found.Code)
		}
		return found.Scopes
	}
	one, none := accessToken(t, signer, nil, nil), accessToken(t, signer, nil, map[string]any{"scope": nil, "jti": "tok_2"})
	for _, time := range []string{"the first time", "from memory"} {
		if a, b, c, d := scopes(one), scopes(none), scopes(one, one), scopes(one, none); a != "read write" || b != "" || c != "read write" || d != refused {
			t.Errorf("%s: %q, %q, twice %q, two tokens with different scopes %q", time, a, b, c, d)
		}
	}
}

// What ends an access token ends it at once, though it was verified before.
func TestWhatEndsAnAccessToken(t *testing.T) {
	for name, end := range map[string]func(*desk, *gatewaytest.Signer){
		"its revocation": func(d *desk, _ *gatewaytest.Signer) {
			d.publish("tok_1", credential.TokenRevoked{TokenID: "tok_1", ExpiresAt: noon.Add(time.Hour)})
		},
		"its grant's": func(d *desk, _ *gatewaytest.Signer) {
			d.publish("grant_1", credential.TokenRevoked{TokenID: "grant_1", ExpiresAt: noon.Add(time.Hour)})
		},
		"another key set": func(d *desk, _ *gatewaytest.Signer) { d.signers() },
		"its key's end":   func(d *desk, s *gatewaytest.Signer) { d.signers(s.Public(credential.KeyPrevious, noon)) },
		"another key": func(d *desk, _ *gatewaytest.Signer) {
			d.signers(gatewaytest.NewSigner(t, "current").Public(credential.KeyCurrent, time.Time{}))
		},
		"another place": func(d *desk, _ *gatewaytest.Signer) {
			d.publish("app", credential.Updated{Placement: &events.Change[credential.Placement]{After: credential.Placement{In: "header", Name: "X-Token"}}})
		},
		"another client": func(d *desk, _ *gatewaytest.Signer) {
			d.publish("app", credential.Updated{Config: &events.Change[json.RawMessage]{After: json.RawMessage(`{"client_id":"x"}`)}})
		},
		"a revoked secret": func(d *desk, _ *gatewaytest.Signer) {
			d.publish("app", credential.Rotated{SecretVersion: 2, RetiredVersions: []int{1}})
		},
	} {
		d := newDesk()
		signer := gatewaytest.NewSigner(t, "current")
		d.signers(signer.Public(credential.KeyCurrent, time.Time{}))
		d.client("app")
		token := accessToken(t, signer, nil, map[string]any{"grant_id": "grant_1"})
		if got := d.bears(token); got != "app" {
			t.Fatal(got)
		}
		end(d, signer)
		var found authn.Identity
		d.verifier.Identify(d.state, bothTokens, authn.Request{Fields: header1("Authorization", "Bearer "+token).Fields, At: noon}, &found)
		if found.Code == access.Allowed && d.state.Rule.SecretLive("app", found.Version, noon) {
			t.Errorf("%s: it works all the same", name)
		}
	}
}

func publicOf(t *testing.T, x, y string) *ecdsa.PublicKey {
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, decoded(t, x)...), decoded(t, y)...))
	if err != nil {
		t.Fatal(err)
	}
	return key
}
