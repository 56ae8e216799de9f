package authn

import (
	"strings"
	"unsafe"

	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/gateway/internal/projection"
)

// APIKey is a secret that finds its credential by itself. A value is tried as it
// is and, in Authorization, after the words "Bearer" and "ApiKey".
type APIKey struct{ ring *secret.Ring }

var _ Type = APIKey{}

// NewAPIKey makes the type.
func NewAPIKey(ring *secret.Ring) APIKey { return APIKey{ring} }

// Name is the contract's word.
func (APIKey) Name() string { return credential.TypeAPIKey }

// Challenge names the scheme that Authorization takes.
func (APIKey) Challenge() string { return `ApiKey realm="tidegate"` }

// Verify looks the key up by its digest.
func (k APIKey) Verify(a *Attempt, hit *Hit) {
	k.try(a, hit, hit.Value)
	if hit.raw != hit.Value {
		k.try(a, hit, hit.raw)
	}
	if hit.At == authHeader {
		if token, is := scheme(hit.Value, "Bearer"); is {
			k.try(a, hit, token)
		} else if token, is := scheme(hit.Value, "ApiKey"); is {
			k.try(a, hit, token)
		}
	}
}

// The length of keys, generated or brought along.
const (
	shortestKey = 16
	longestKey  = 512
)

func (k APIKey) try(a *Attempt, hit *Hit, key string) {
	if len(key) < shortestKey || len(key) > longestKey {
		return
	}
	if kind, generated := secret.KindOf(key); generated && (kind != secret.APIKey || secret.Check(key) != nil) {
		return // mistyped: nobody needs to be asked
	}
	c, version := lookup(k.ring, a.State, key)
	if c != nil && c.Type == credential.TypeAPIKey && c.Placement == hit.At {
		a.Holds(c, version, hit)
	}
}

// lookup answers whose generated secret or key this is. While one pepper replaces
// another the first one is tried again at the end: between the two looks the
// secret may have gone from the older to the newer.
func lookup(ring *secret.Ring, state *projection.State, text string) (*access.Credential, int) {
	var memory [3]secret.Digest
	digests := ring.AppendDigests(memory[:0], unsafe.Slice(unsafe.StringData(text), len(text)))
	if len(digests) > 1 {
		digests = append(digests, digests[0])
	}
	for _, d := range digests {
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
