package authn_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/services/gateway/internal/authn"
	"github.com/tidegate-io/tidegate/services/gateway/internal/gatewaytest"
)

// BenchmarkHMAC verifies signed requests, replay protection included, and sets
// them against a bare HMAC-SHA256 of the bytes that they cover, which is made with
// a key that is read anew for each, as whoever keeps nothing does. Both are timed
// in turn in one run, some calls at once, and the medians are compared: what else
// the machine does counts for neither.
//
// The bytes are the scheme's own: what is laid out and signed or, of aksk, hashed
// and signed; and the body, when there is one.
func BenchmarkHMAC(b *testing.B) {
	for _, size := range []int{0, 1 << 10, 64 << 10} {
		for _, scheme := range []string{"aksk", "signature", "rfc9421"} {
			b.Run(fmt.Sprintf("%s/%d_bytes", scheme, size), func(b *testing.B) { newSigned(scheme, size).compare(b) })
		}
	}
}

// round is how many calls are timed at once: the time is read seldom.
const round = 256

// calls are ever new requests of one kind that are signed.
type calls struct {
	*desk
	signer   gatewaytest.MACSigner
	scheme   string
	message  gatewaytest.Message
	at       time.Time
	found    authn.Identity
	requests [round]authn.Request
	covered  [round][]byte // by each
}

func newSigned(scheme string, size int) *calls {
	c := &calls{desk: newDesk(), scheme: scheme, at: signedAt, message: gatewaytest.Message{
		Method: "GET", Target: "/orders/17?limit=20&sort=-created&fields=id,name", Host: "api.example.com", Body: strings.Repeat("b", size),
		Headers: []string{"User-Agent", "client/1.0 (bench)", "Accept", "application/json"},
	}}
	c.signer = c.sign(scheme, fmt.Sprintf(`{"scheme":%q,"access_key":"the-access-key-of-a-client"}`, scheme), strings.Repeat("secret", 8))
	if size > 0 {
		c.message.Method = "POST"
		c.message = c.message.With("Content-Type", "application/json")
	}
	return c
}

// renew signs another round of requests, a second apart: no signature is used
// twice.
func (c *calls) renew() {
	_, query, _ := strings.Cut(c.message.Target, "?")
	for i := range c.requests {
		c.at = c.at.Add(time.Second)
		var m gatewaytest.Message
		m, c.covered[i] = c.next()
		c.requests[i] = authn.Request{Method: m.Method, Raw: m.Target, Host: m.Host, Query: query, Fields: m.Fields(), At: c.at, Body: present(m.Body)}
	}
}

// present is a body whose bytes are made once.
type present []byte

func (b present) Whole(int) ([]byte, error) { return b, nil }

// next signs a request, and answers the bytes that it covers.
func (c *calls) next() (gatewaytest.Message, []byte) {
	m, covered, body := c.message, "", c.message.Body != ""
	with := func(names ...string) []string {
		if !body {
			return names
		}
		return append(names, "content-type", map[string]string{"signature": "digest", "rfc9421": "content-digest"}[c.scheme])
	}
	switch c.scheme {
	case "aksk":
		names := []string{"content-type", "host", "x-gateway-date"}
		if !body {
			names = names[1:]
		}
		m = c.signer.AKSK(m, c.at, names...)
		covered = m.Canonical(names...)
	case "signature":
		if body {
			m = m.Digest()
		}
		names := with("@request-target", "host", "date")
		m = c.signer.Draft("hmac-sha256", m, c.at, names...)
		covered = c.signer.Lines(m, names...)
	default:
		if body {
			m = m.ContentDigest()
		}
		names := with("@method", "@target-uri")
		m = c.signer.RFC9421("sig", m, c.at, "", names...)
		covered = m.Base(strings.TrimPrefix(m.Headers[len(m.Headers)-3], "sig="), names...)
	}
	return m, []byte(covered + m.Body)
}

// verified verifies the ith request of the round.
func (c *calls) verified(i int) bool {
	c.verifier.Identify(c.state, access.TypesOf("hmac"), c.requests[i], &c.found)
	return c.found.Code == access.Allowed && c.found.Fault == access.Allowed
}

func (c *calls) compare(b *testing.B) {
	secret := []byte(c.signer.Secret)
	var bare, verified []time.Duration
	var sum []byte
	for n := 0; n < b.N; n += round {
		c.renew()
		runtime.GC() // what the signers leave behind is neither's
		began := time.Now()
		for i := range round {
			mac := hmac.New(sha256.New, secret)
			_, _ = mac.Write(c.covered[i])
			sum = mac.Sum(sum[:0])
		}
		bare = append(bare, time.Since(began))
		began = time.Now()
		for i := range round {
			if !c.verified(i) {
				b.Fatal(c.found.Code, c.found.Fault)
			}
		}
		verified = append(verified, time.Since(began))
	}
	slices.Sort(bare)
	slices.Sort(verified)
	each := func(all []time.Duration) float64 { return float64(all[len(all)/2].Nanoseconds()) / round }
	b.ReportMetric(each(verified), "ns/op")
	b.ReportMetric(each(bare), "bare_ns")
	b.ReportMetric(each(verified)/each(bare), "x_bare_hmac")
	b.ReportMetric(float64(len(c.covered[0])), "covered_bytes")
}
