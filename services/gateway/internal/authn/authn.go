// Package authn finds the credentials in a request and verifies them.
//
// Every place where a credential may be is looked at, and every value there is
// tried as each type that it may be, so that none masks another. What fails is
// passed over as long as something else holds: a caller's own Authorization for
// the service behind is none of the gateway's business. When two different
// credentials hold, none counts: a caller is one.
//
// It says whose secret was shown; whether that may do anything is the rule's to
// say.
package authn

import (
	"strings"
	"unsafe"

	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/gateway/internal/projection"
)

// Verifier verifies secrets.
type Verifier struct {
	ring      *secret.Ring
	passwords *passwordCache
}

// New makes a verifier.
func New(ring *secret.Ring) *Verifier {
	return &Verifier{ring: ring, passwords: newPasswordCache()}
}

// Identity is whose secret was shown, or why nobody's. It is used again for
// another request.
type Identity struct {
	Code       access.Code // Allowed, CredentialMissing or CredentialInvalid
	Credential *access.Credential
	Version    int // of its secret
	scanner
}

// Identify looks for credentials of the accepted types and verifies them. It
// allocates nothing for an API key in a header.
func (v *Verifier) Identify(state *projection.State, accepted access.Types, q *Request, found *Identity) {
	found.Credential, found.Version, found.n, found.over = nil, 0, 0, false
	found.scan(state.Rule, q)
	if found.n == 0 {
		found.Code = access.CredentialMissing
		return
	}
	found.Code = access.CredentialInvalid
	if found.over {
		return
	}
	hits := found.Hits()
	for i := range hits {
		hit := &hits[i]
		if hit.Types&accepted&keyTypes != 0 && !v.apiKey(state, hit, found) ||
			hit.Types&accepted&basicType != 0 && !v.basic(state, hit, found) {
			found.Credential = nil // a second caller
			return
		}
	}
	if found.Credential != nil {
		found.Code = access.Allowed
	}
}

var basicType = access.TypesOf(credential.TypeBasic)

// holds notes that a credential's secret was shown; false: another one's was
// too.
func (i *Identity) holds(c *access.Credential, version int, hit *Hit) bool {
	if i.Credential != nil && i.Credential.ID != c.ID {
		return false
	}
	i.Credential, i.Version, hit.Holds = c, max(i.Version, version), true
	return true
}

// apiKey tries a value as an API key: as it is and, in Authorization, after the
// words "Bearer" and "ApiKey".
func (v *Verifier) apiKey(state *projection.State, hit *Hit, found *Identity) bool {
	ok := v.key(state, hit, hit.Value, found)
	if ok && hit.raw != hit.Value {
		ok = v.key(state, hit, hit.raw, found)
	}
	if ok && hit.At == authHeader {
		if token, is := scheme(hit.Value, "Bearer"); is {
			ok = v.key(state, hit, token, found)
		} else if token, is := scheme(hit.Value, "ApiKey"); is {
			ok = v.key(state, hit, token, found)
		}
	}
	return ok
}

// The length of keys, generated or brought along.
const (
	shortestKey = 16
	longestKey  = 512
)

func (v *Verifier) key(state *projection.State, hit *Hit, key string, found *Identity) bool {
	if len(key) < shortestKey || len(key) > longestKey {
		return true
	}
	if kind, generated := secret.KindOf(key); generated && (kind != secret.APIKey || secret.Check(key) != nil) {
		return true // mistyped: nobody needs to be asked
	}
	c, version := v.lookup(state, key)
	if c == nil || c.Type != credential.TypeAPIKey || c.Placement != hit.At {
		return true
	}
	return found.holds(c, version, hit)
}

// lookup answers whose generated secret or key this is.
func (v *Verifier) lookup(state *projection.State, text string) (*access.Credential, int) {
	var memory [2]secret.Digest
	for _, d := range v.ring.AppendDigests(memory[:0], unsafe.Slice(unsafe.StringData(text), len(text))) {
		if id, version, ok := state.Digests.Lookup(&d.Sum); ok {
			if c, known := state.Rule.Credential(id); known {
				return c, version
			}
		}
	}
	return nil, 0
}

// scheme answers what follows an authentication scheme (RFC 9110, 11.4).
func scheme(value, name string) (rest string, ok bool) {
	if len(value) <= len(name) || value[len(name)] != ' ' || !strings.EqualFold(value[:len(name)], name) {
		return "", false
	}
	return strings.TrimLeft(value[len(name):], " "), true
}
