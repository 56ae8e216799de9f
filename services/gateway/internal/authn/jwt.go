package authn

import (
	"slices"
	"unsafe"

	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/access"
)

// JWT is a token that its consumer signs (RFC 7519, 8725), with a secret or with
// a private key of which the credential has the public half.
//
//  1. The token is read, strictly: one way to understand it, or none.
//  2. Its claims name its credential: one that is placed here, has one of them as
//     its key, and pins the algorithm that the token says.
//  3. The signature is checked with each live version of that credential's
//     secret, newest first. A token that verifies as two credentials' is two
//     callers', and neither counts.
//  4. Its audience and dates are judged.
type JWT struct{ verified *verifiedCache }

var _ Type = JWT{}

// NewTokens makes the two types of tokens. They share what they remember: no
// token is ever both.
func NewTokens() (JWT, OAuth2) {
	verified := newVerifiedCache()
	return JWT{verified}, OAuth2{verified}
}

// Name is the contract's word.
func (JWT) Name() string { return credential.TypeJWT }

// Challenge names the scheme that Authorization takes.
func (JWT) Challenge() string { return `Bearer realm="tidegate"` }

// maxCandidates bounds the credentials that one token makes the gateway check a
// signature for. They are those that its claims name, iss first, then the kid of
// the header, then the others as they come.
const maxCandidates = 8

// Verify looks for the token among those that were verified before, and checks it
// otherwise.
func (j JWT) Verify(a *Attempt, hit *Hit) {
	text, ok := bearer(hit)
	if !ok {
		return
	}
	sum := a.digested.of(text)
	known := j.verified.get(sum)
	switch {
	case known == nil:
	case known.signer != nil:
		return // an access token
	case known.unmoved(a, hit):
		known.hold(a, hit)
		return
	}
	t := readToken(text, (*token).hasMethod)
	if t == nil {
		return
	}
	defer t.release()
	if t.isOurs() {
		return
	}
	// Counted before anything is looked up: what changes meanwhile has changed since.
	changes, moves := a.State.Proofs.Changes(), a.State.Rule.Moves(credential.TypeJWT)
	var memory [maxCandidates]*access.Credential
	candidates := named(memory[:0], a.State.Rule, t, hit.At)
	if known == nil || len(candidates) != 1 || !known.restsOn(a, candidates[0]) {
		if known = onlyOne(a, hit, candidates, t); known == nil {
			return
		}
		known.sum = *sum
		defer j.verified.put(known, a.Request.At)
	}
	known.changes.Store(changes)
	known.moves.Store(moves)
	known.hold(a, hit)
}

// hasMethod says whether a token is signed in a way that a credential can have.
func (t *token) hasMethod() bool { return methods[t.alg] != nil }

// onlyOne checks the token as each candidate's and answers what it was verified
// as; nil: as nothing, or as several, of which it tells.
func onlyOne(a *Attempt, hit *Hit, candidates []*access.Credential, t *token) (one *verified) {
	several := false
	for _, c := range candidates {
		v := check(a, c, t)
		switch {
		case v == nil:
		case one == nil:
			one = v
		default:
			several = true
			v.hold(a, hit)
		}
	}
	if several {
		one.hold(a, hit)
		return nil
	}
	return one
}

// named answers the credentials that a token names: placed here, with the key
// that one of its claims has, and for its algorithm.
func named(found []*access.Credential, rule *access.Snapshot, t *token, at access.Placement) []*access.Credential {
	try := func(claim, value string) {
		c, ok := rule.Named(credential.TypeJWT, value)
		if !ok || c.Placement != at || len(found) == cap(found) || slices.Contains(found, c) {
			return
		}
		if s := jwtSettingsOf(c); s != nil && s.claim == claim && s.method.Alg() == t.alg {
			found = append(found, c)
		}
	}
	if issuer, ok := t.text("iss"); ok {
		try("iss", issuer)
	}
	if t.kid != "" {
		try("kid", t.kid)
	}
	for _, claim := range t.claims {
		if value, ok := unquote(claim.value); ok {
			try(claim.name, value)
		}
	}
	return found
}

// check verifies a token as a credential's; nil: it is not.
func check(a *Attempt, c *access.Credential, t *token) *verified {
	s := jwtSettingsOf(c)
	notBefore, notAfter, ok := t.dates()
	switch {
	case !ok, s.needExp && notAfter == never, s.needNbf && notBefore == always:
		return nil
	case s.audience != "" && !t.isFor(s.audience):
		return nil
	}
	proofs := a.State.Proofs.Of(c.ID)
	for i := range slices.Backward(proofs) {
		p := &proofs[i]
		if key := s.key(p); key == nil || !c.SecretLive(p.Version, a.Request.At) || s.method.Verify(t.signed, t.signature, key) != nil {
			continue
		}
		v := &verified{credential: c, version: p.Version, proofs: proofs, notBefore: notBefore, notAfter: notAfter}
		if notBefore != always {
			v.notBefore -= s.leeway
		}
		if notAfter != never {
			v.notAfter += s.leeway
		}
		return v
	}
	return nil
}

// unmoved says that nothing has changed on which the check rested, and that the
// version that it found is live by now, too.
func (v *verified) unmoved(a *Attempt, hit *Hit) bool {
	c, ok := a.State.Rule.Credential(v.credential.ID)
	return ok && c == v.credential && c.Placement == hit.At && c.SecretLive(v.version, a.Request.At) &&
		v.changes.Load() == a.State.Proofs.Changes() && v.moves.Load() == a.State.Rule.Moves(credential.TypeJWT)
}

// restsOn says that the check was of this very credential, and of the proofs that
// it has, and that the version that it found is live.
func (v *verified) restsOn(a *Attempt, c *access.Credential) bool {
	proofs := a.State.Proofs.Of(c.ID)
	return c == v.credential && c.SecretLive(v.version, a.Request.At) && len(proofs) == len(v.proofs) && unsafe.SliceData(proofs) == unsafe.SliceData(v.proofs)
}
