package authn

import (
	"encoding/base64"
	"strings"
	"unsafe"

	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/gateway/internal/projection"
)

// longestBasic bounds what is decoded: user names and passwords of 512 bytes
// each fit.
const longestBasic = 1536

// Basic is a user name and a password (RFC 7617).
type Basic struct {
	ring      *secret.Ring
	passwords *passwordCache
}

var _ Type = Basic{}

// NewBasic makes the type.
func NewBasic(ring *secret.Ring) Basic { return Basic{ring, newPasswordCache()} }

// Name is the contract's word.
func (Basic) Name() string { return credential.TypeBasic }

// Challenge asks for UTF-8.
func (Basic) Challenge() string { return `Basic realm="tidegate", charset="UTF-8"` }

// Verify finds the credential by the user name, and then asks for the password.
//
// What an unknown user costs is what a wrong password costs: one slow hash, of
// somebody else's parameters when there is no better, as long as anybody at all
// has a chosen password, and a look-up otherwise.
func (b Basic) Verify(a *Attempt, hit *Hit) {
	token, ok := scheme(hit.Value, "Basic")
	if hit.At.In != "header" || !ok || len(token) > base64.StdEncoding.EncodedLen(longestBasic) {
		return
	}
	var memory [longestBasic + 2]byte
	n, err := base64.StdEncoding.Strict().Decode(memory[:], unsafe.Slice(unsafe.StringData(token), len(token)))
	if err != nil || !printable(memory[:n]) {
		return
	}
	user, password, ok := strings.Cut(unsafe.String(&memory[0], n), ":")
	if !ok {
		return
	}
	c, known := a.State.Rule.BasicUser(user)
	if known && c.Placement != hit.At {
		c, known = nil, false
	}
	if secret.Check(password) == nil { // a generated one, which finds its credential by itself
		if holder, version := lookup(b.ring, a.State, password); known && holder != nil && holder.ID == c.ID {
			a.Holds(c, version, hit)
			return
		}
	}
	if version := b.chosen(a.State, c, password); version > 0 {
		a.Holds(c, version, hit)
	}
}

// chosen answers which version of a credential's chosen password this is; 0:
// none, or no credential.
func (b Basic) chosen(state *projection.State, c *access.Credential, password string) int {
	hashes := 0
	if c != nil {
		for _, p := range state.Proofs.Of(c.ID) {
			if p.Hash == "" {
				continue
			}
			if hashes++; b.passwords.verify(p.Hash, password) {
				return p.Version
			}
		}
	}
	if somebodys, ok := state.Proofs.AnyHash(); ok && hashes == 0 {
		b.passwords.verify(somebodys, password)
	}
	return 0
}

// printable refuses control characters, as RFC 7617 does.
func printable(text []byte) bool {
	for _, c := range text {
		if c < ' ' || c == 0x7f {
			return false
		}
	}
	return len(text) > 0
}
