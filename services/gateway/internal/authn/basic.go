package authn

import (
	"encoding/base64"
	"strings"
	"sync"
	"unsafe"

	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/gateway/internal/projection"
)

// longestBasic bounds what is decoded: user names and passwords of 512 bytes
// each fit.
const longestBasic = 1536

// strictBase64 has one form for each text.
var strictBase64 = base64.StdEncoding.Strict()

// Basic is a user name and a password (RFC 7617).
type Basic struct {
	ring      *secret.Ring
	passwords *passwords
	decoded   *sync.Pool // of *[longestBasic + 2]byte
}

var _ Type = Basic{}

// NewBasic makes the type.
func NewBasic(ring *secret.Ring) Basic {
	return Basic{ring, newPasswords(), &sync.Pool{New: func() any { return new([longestBasic + 2]byte) }}}
}

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
	memory := b.decoded.Get().(*[longestBasic + 2]byte)
	defer b.decoded.Put(memory)
	n, err := strictBase64.Decode(memory[:], bytesOf(token))
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
	if _, ours := secret.KindOf(password); ours && secret.Check(password) == nil { // a generated one, which finds its credential by itself
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
		proofs := state.Proofs.Of(c.ID)
		for i := range proofs {
			if proofs[i].Hash == "" {
				continue
			}
			if hashes++; b.passwords.verify(&proofs[i], password) {
				return proofs[i].Version
			}
		}
	}
	if somebodys, ok := state.Proofs.AnyHash(); ok && hashes == 0 {
		b.passwords.slowly(somebodys, password)
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
