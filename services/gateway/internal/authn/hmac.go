package authn

import (
	"crypto/sha1" //nolint:gosec // for those who allow it by name
	"crypto/sha256"
	"crypto/sha512"
	"encoding/json"
	"hash"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/access"
)

// HMAC is a signature over the request, keyed with a shared secret. The access
// key in it finds the credential; the credential says which of the three schemes
// it is for.
//
//  1. The scheme's file reads the header and lays out the bytes that are signed.
//  2. The date is judged, then the signature, with each live version of the
//     secret; a date outside the skew and a wrong signature have one answer.
//  3. The body is read, when the signature covers it, and held against its
//     digest. Only a caller who names a credential that exists makes the gateway
//     read one.
//  4. The signature is used up (Replays).
type HMAC struct {
	limit   int // of a body that is covered
	replays *Replays
}

var _ Type = (*HMAC)(nil)

// NewHMAC makes the type.
func NewHMAC(bodyLimit int, replays *Replays) *HMAC {
	if bodyLimit <= 0 {
		bodyLimit = DefaultSignedBodyLimit
	}
	return &HMAC{limit: bodyLimit, replays: replays}
}

// Name is the contract's word.
func (*HMAC) Name() string { return credential.TypeHMAC }

// Challenge names the scheme that is the default.
func (*HMAC) Challenge() string { return wordAKSK + ` realm="tidegate"` }

// Names of the schemes.
const (
	schemeAKSK      = "aksk"
	schemeSignature = "signature"
	schemeRFC9421   = "rfc9421"
)

// signatureHeader is where a signature by RFC 9421 is.
var signatureHeader = access.Placement{In: "header", Name: "Signature"}

// Verify reads the header as the scheme that it is written in.
func (h *HMAC) Verify(a *Attempt, hit *Hit) {
	switch hit.At {
	case authHeader:
		if text, is := scheme(hit.Value, "Signature"); is {
			h.draft(a, hit, text)
		} else {
			h.aksk(a, hit)
		}
	case signatureHeader:
		h.message(a, hit)
	}
}

// signing is what a credential's config says.
type signing struct {
	scheme     string
	algorithms []string      // empty: the scheme's own
	skew       time.Duration // 0: dates are not looked at
	digest     bool          // required
	replay     bool          // protected against

	plain atomic.Bool // its last signature by RFC 9421 was made for http
}

// defaultSkew is for a config that says nothing, and half of the window in which
// signatures are remembered that have no date to go by.
const defaultSkew = 300 * time.Second

// parseSigning reads a config; nil: it cannot be read, and verifies nothing.
func parseSigning(config json.RawMessage) any {
	var c struct {
		Scheme     string   `json:"scheme"`
		Skew       *int64   `json:"clock_skew_seconds"`
		Algorithms []string `json:"allowed_algorithms"`
		Digest     bool     `json:"require_digest"`
		Replay     *bool    `json:"replay_protection"`
	}
	if json.Unmarshal(config, &c) != nil {
		return (*signing)(nil)
	}
	s := &signing{scheme: c.Scheme, algorithms: c.Algorithms, skew: defaultSkew, digest: c.Digest, replay: c.Replay == nil || *c.Replay}
	if s.scheme == "" {
		s.scheme = schemeAKSK
	}
	if c.Skew != nil {
		s.skew = time.Duration(*c.Skew) * time.Second
	}
	if s.skew < 0 || s.skew > 24*time.Hour {
		return (*signing)(nil)
	}
	return s
}

// window is for how long a signature is remembered.
func (s *signing) window() time.Duration {
	if s.skew == 0 {
		return 2 * defaultSkew
	}
	return 2 * s.skew
}

// near says whether a date is within the skew of now.
func (s *signing) near(date, now time.Time) bool {
	return s.skew == 0 || date.Sub(now).Abs() <= s.skew
}

// allows says whether a signature may be made with an algorithm; one that is weak
// only when the config names it.
func (s *signing) allows(with *algorithm) bool {
	if len(s.algorithms) == 0 {
		return !with.weak
	}
	return slices.Contains(s.algorithms, with.name)
}

// find answers the credential with an access key, when it is for this scheme and
// this place.
func (h *HMAC) find(a *Attempt, hit *Hit, accessKey, scheme string) (*access.Credential, *signing) {
	c, known := a.State.Rule.Named(credential.TypeHMAC, accessKey)
	if !known || c.Placement != hit.At {
		return nil, nil
	}
	s, _ := c.Derived(parseSigning).(*signing)
	if s == nil || s.scheme != scheme {
		return nil, nil
	}
	return c, s
}

// algorithm is what signatures can be made with.
type algorithm struct {
	name string
	size int
	hash func() hash.Hash
	weak bool
}

var (
	hmacSHA256 = &algorithm{name: "hmac-sha256", size: sha256.Size, hash: sha256.New}
	hmacSHA512 = &algorithm{name: "hmac-sha512", size: sha512.Size, hash: sha512.New}
	hmacSHA1   = &algorithm{name: "hmac-sha1", size: sha1.Size, hash: sha1.New, weak: true}
)

// accept notes a signature that is right, and uses it up under a key. What stands
// in one request twice is used once.
func (h *HMAC) accept(a *Attempt, hit *Hit, c *access.Credential, s *signing, version int, key ReplayKey) {
	if !s.replay {
		a.Holds(c, version, hit)
		return
	}
	if key == a.used || h.replays.Use(key, a.Request.At, s.window()) {
		a.used = key
		a.Holds(c, version, hit)
		return
	}
	a.HoldsBut(c, version, hit, access.ReplayDetected)
}

// signedField answers the value of a header that a signature covers. One that is
// absent, or there more than once, cannot be.
func signedField(q *Request, name string) (value string, ok bool) {
	if strings.EqualFold(name, "host") {
		return q.Host, q.Host != ""
	}
	value, n := q.Field(name)
	return value, n == 1
}

// bodyHidden says that there is a body which only somebody else can see: another
// proxy asks about its headers.
func bodyHidden(q *Request) bool {
	if q.Body != nil {
		return false
	}
	length, n := q.Field("Content-Length")
	_, chunked := q.Field("Transfer-Encoding")
	return n > 0 && length != "0" || chunked > 0
}

// sameHost says that a target in absolute form ("GET http://a/ HTTP/1.1") names no
// other host than the Host header, which is what a signature can cover.
func sameHost(q *Request) bool {
	if strings.HasPrefix(q.Raw, "/") {
		return true
	}
	_, rest, ok := strings.Cut(q.Raw, "://")
	return ok && rest[:hostEnd(rest)] == q.Host
}

// hostEnd is where a target in absolute form goes on after its host.
func hostEnd(rest string) int {
	if end := strings.IndexAny(rest, "/?"); end >= 0 {
		return end
	}
	return len(rest)
}

// asSent cuts a request target into its path and its query, byte for byte. A path
// that is empty is "/".
func asSent(raw string) (path, query string, asked bool) {
	if !strings.HasPrefix(raw, "/") {
		if _, rest, absolute := strings.Cut(raw, "://"); absolute {
			raw = rest[hostEnd(rest):]
		}
	}
	path, query, asked = strings.Cut(raw, "?")
	if path == "" {
		path = "/"
	}
	return path, query, asked
}
