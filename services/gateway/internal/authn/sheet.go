package authn

import (
	"crypto/hmac"
	"encoding/base64"
	"sync"
	"unsafe"

	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/services/gateway/internal/material"
	"github.com/tidegate-io/tidegate/services/gateway/internal/sfv"
)

// sheet is memory in which a signature is verified: what is signed is laid out in
// it. What was there before aliases a request that is over.
type sheet struct {
	b       []byte
	sha     material.SHA256
	mac     []byte // to make an HMAC in
	decoded []byte // what was in base64
	pairs   []pair
	text    []byte // of the pairs

	signatures, inputs, digests sfv.Dictionary
}

// pair is a name and a value of a query, encoded: places in the sheet's text.
type pair struct{ from, equals, to int }

var sheets = sync.Pool{New: func() any { return &sheet{sha: material.NewSHA256()} }}

// signedBy answers which version of a credential's secret a signature was made
// with; 0: none. Each is compared in constant time.
func (t *sheet) signedBy(a *Attempt, c *access.Credential, with *algorithm, base, signature []byte) (version int) {
	proofs := a.State.Proofs.Of(c.ID)
	for i := range proofs {
		p := &proofs[i]
		if len(p.Key) == 0 {
			continue
		}
		if with == hmacSHA256 {
			t.mac = p.Keyed().Append(t.mac[:0], t.sha, base)
		} else {
			mac := hmac.New(with.hash, p.Key)
			_, _ = mac.Write(base)
			t.mac = mac.Sum(t.mac[:0])
		}
		if hmac.Equal(t.mac, signature) {
			version = max(version, p.Version)
		}
	}
	return version
}

// strict is base64 that is written in its one way.
var strict = base64.StdEncoding.Strict()

// decode reads base64 of so many bytes. They are good until it is called again.
func (t *sheet) decode(text string, size int) (decoded []byte, ok bool) {
	var err error
	t.decoded, err = strict.AppendDecode(t.decoded[:0], unsafe.Slice(unsafe.StringData(text), len(text)))
	return t.decoded, err == nil && len(t.decoded) == size
}
