package authn

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/access"
)

// OAuth2 is an access token that Tidegate itself has issued (RFC 9068): a JWT
// with ES256 under one of the rule's signing keys. It names its credential and
// the version of the client secret that it was issued for, with which it dies.
//
// A token that was revoked, by itself or with its grant, holds nothing.
type OAuth2 struct{ verified *verifiedCache }

var _ Type = OAuth2{}

// Name is the contract's word.
func (OAuth2) Name() string { return credential.TypeOAuth2 }

// Challenge names the scheme of RFC 6750.
func (OAuth2) Challenge() string { return `Bearer realm="tidegate"` }

// Verify looks for the token among those that were verified before, and checks it
// otherwise.
func (o OAuth2) Verify(a *Attempt, hit *Hit) {
	text, ok := bearer(hit)
	if !ok {
		return
	}
	sum := a.digested.of(text)
	known := o.verified.get(sum)
	if known != nil && known.signer == nil {
		return // a consumer's own
	}
	if known == nil || !known.stillSigned(a) {
		if known = verifyAccessToken(a, text); known == nil {
			return
		}
		known.sum = *sum
		defer o.verified.put(known, a.Request.At)
	}
	rule, c := a.State.Rule, known.credential
	if c.Placement != hit.At || !c.SecretLive(known.version, a.Request.At) || rule.TokenRevoked(known.id) || known.grant != "" && rule.TokenRevoked(known.grant) {
		return
	}
	a.Scoped(known.scopes)
	known.hold(a, hit)
}

// stillSigned says that the credential is what it was when the token was
// verified, and that the key that signed it still counts.
func (v *verified) stillSigned(a *Attempt) bool {
	c, ok := a.State.Rule.Credential(v.credential.ID)
	if !ok || c != v.credential {
		return false
	}
	key, ok := a.State.Rule.SigningKey(v.signer.KID)
	return ok && key == v.signer && key.Verifies(a.Request.At)
}

// clockSkew is how far the clock of whoever issued a token may be ahead of this
// one: the tokens are valid from their first second.
const clockSkew = 10

// verifyAccessToken answers what an access token says; nil: it is none.
func verifyAccessToken(a *Attempt, text string) *verified {
	t := readToken(text, (*token).isAccessToken)
	if t == nil {
		return nil
	}
	defer t.release()
	if !t.isFor(credential.TokenAudience) {
		return nil
	}
	key, ok := a.State.Rule.SigningKey(t.kid)
	if !ok || !key.Verifies(a.Request.At) {
		return nil
	}
	v := t.accessToken(a.State.Rule)
	if v == nil || jwt.SigningMethodES256.Verify(t.signed, t.signature, key.Public) != nil {
		return nil
	}
	v.signer = key
	return v
}

// isAccessToken says whether a header is an access token's.
func (t *token) isAccessToken() bool {
	return t.typ == credential.TokenType && t.alg == jwt.SigningMethodES256.Alg() && t.kid != ""
}

// accessToken reads the claims of an access token; nil: they are not such.
func (t *token) accessToken(rule *access.Snapshot) *verified {
	id, isText := t.text("credential_id")
	c, known := rule.Credential(id)
	if !isText || !known || c.Type != credential.TypeOAuth2 || !t.isOfClient(clientOf(c)) {
		return nil
	}
	version, err := strconv.Atoi(t.claim("secret_version"))
	notBefore, notAfter, dated := t.dates()
	if err != nil || !dated || notAfter == never {
		return nil
	}
	jti, named := t.text("jti")
	grant, granted := t.optional("grant_id")
	scopes, scoped := t.optional("scope")
	if !named || jti == "" || !granted || !scoped || !isScope(scopes) {
		return nil
	}
	v := &verified{
		credential: c, version: version, notBefore: notBefore, notAfter: notAfter,
		id: strings.Clone(jti), grant: strings.Clone(grant), scopes: strings.Clone(scopes),
	}
	if notBefore != always {
		v.notBefore -= clockSkew
	}
	return v
}

// isOfClient says whether a token was issued to a client, both as its subject and
// by its name.
func (t *token) isOfClient(client string) bool {
	subject, _ := t.text("sub")
	id, _ := t.text("client_id")
	return client != "" && subject == client && id == client
}

// clientOf answers the client id of an oauth2 credential.
func clientOf(c *access.Credential) string {
	client, _ := c.Derived(parseClient).(string)
	return client
}

func parseClient(config json.RawMessage) any {
	var c struct {
		ID string `json:"client_id"`
	}
	if json.Unmarshal(config, &c) != nil {
		return ""
	}
	return c.ID
}

// isScope says whether a text is scopes separated by spaces (RFC 6749, 3.3), or
// nothing: it goes into a header.
func isScope(text string) bool {
	return !slices.ContainsFunc([]byte(text), func(c byte) bool { return c < ' ' || c > '~' || c == '"' || c == '\\' })
}
