package authn

import (
	"encoding/base64"
	"strings"
	"unsafe"

	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/gateway/internal/material"
	"github.com/tidegate-io/tidegate/services/gateway/internal/projection"
)

// longestBasic bounds what is decoded: user names and passwords of 512 bytes
// each fit.
const longestBasic = 1536

// basic tries a value as RFC 7617 has it.
//
// What an unknown user costs is what a wrong password costs: one argon2id hash,
// of somebody else's parameters when there is no better, as long as anybody at
// all has a chosen password, and a look-up otherwise.
func (v *Verifier) basic(state *projection.State, hit *Hit, found *Identity) bool {
	token, ok := scheme(hit.Value, "Basic")
	if hit.At.In != "header" || !ok || len(token) > base64.StdEncoding.EncodedLen(longestBasic) {
		return true
	}
	var memory [longestBasic + 2]byte
	n, err := base64.StdEncoding.Strict().Decode(memory[:], unsafe.Slice(unsafe.StringData(token), len(token)))
	if err != nil || !printable(memory[:n]) {
		return true
	}
	user, password, ok := strings.Cut(unsafe.String(&memory[0], n), ":")
	if !ok {
		return true
	}
	c, known := state.Rule.BasicUser(user)
	if known && c.Placement != hit.At {
		c, known = nil, false
	}
	if secret.Check(password) == nil { // a generated one, which finds its credential by itself
		if holder, version := v.lookup(state, password); known && holder != nil && holder.ID == c.ID {
			return found.holds(c, version, hit)
		}
	}
	if version := v.chosen(state, c, password); version > 0 {
		return found.holds(c, version, hit)
	}
	return true
}

// chosen answers which version of a credential's chosen password this is; 0:
// none, or no credential.
func (v *Verifier) chosen(state *projection.State, c *access.Credential, password string) int {
	var hashes []material.Password
	if c != nil {
		hashes = state.Passwords.Of(c.ID)
	}
	for _, p := range hashes {
		if v.passwords.verify(p.PHC, password) {
			return p.Version
		}
	}
	if somebodys, ok := state.Passwords.Any(); ok && len(hashes) == 0 {
		v.passwords.verify(somebodys.PHC, password)
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
