package authn_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/services/gateway/internal/authn"
	"github.com/tidegate-io/tidegate/services/gateway/internal/gatewaytest"
	"github.com/tidegate-io/tidegate/services/gateway/internal/header"
)

// BenchmarkHMAC verifies signed requests, replay protection included, and sets
// them against a bare HMAC-SHA256 of the bytes that they cover (canonical request
// or base, and body), of which both are timed in turn in the same run.
func BenchmarkHMAC(b *testing.B) {
	d := newDesk()
	at := signedAt
	signers := map[string]gatewaytest.MACSigner{}
	for _, scheme := range []string{"aksk", "signature", "rfc9421"} {
		signers[scheme] = d.sign(scheme, fmt.Sprintf(`{"scheme":%q,"access_key":"key-%s","replay_protection":true}`, scheme, scheme), strings.Repeat("secret", 8))
	}
	for _, size := range []int{0, 1 << 10, 64 << 10} {
		for _, scheme := range []string{"aksk", "signature", "rfc9421"} {
			b.Run(fmt.Sprintf("%s/%d_bytes", scheme, size), func(b *testing.B) { compare(b, d, signers[scheme], scheme, size, &at) })
		}
	}
}

// round is how many calls are timed at once: the time is read seldom.
const round = 64

func compare(b *testing.B, d *desk, s gatewaytest.MACSigner, scheme string, size int, at *time.Time) {
	m := gatewaytest.Message{
		Method: "POST", Target: "/orders/17?limit=20&sort=-created&fields=id,name", Host: "api.example.com", Body: strings.Repeat("b", size),
		Headers: []string{"User-Agent", "client/1.0 (bench)", "Accept", "application/json", "Content-Type", "application/json"},
	}
	covered := m.Canonical("content-type", "host", "x-gateway-date") + m.Body
	requests := make([]authn.Request, round)
	secret := []byte(s.Secret)
	_, query, _ := strings.Cut(m.Target, "?")
	var bare, verified time.Duration
	var found authn.Identity
	var sum []byte
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += round {
		b.StopTimer()
		for i := range requests {
			*at = at.Add(time.Second) // each signature is another
			requests[i] = authn.Request{Method: m.Method, Raw: m.Target, Host: m.Host, Query: query, Fields: signed(s, scheme, m, *at), At: *at, Body: here2(m.Body)}
		}
		began := time.Now()
		for range requests {
			mac := hmac.New(sha256.New, secret)
			_, _ = mac.Write([]byte(covered))
			sum = mac.Sum(sum[:0])
		}
		bare += time.Since(began)
		b.StartTimer()
		began = time.Now()
		for i := range requests {
			if d.verifier.Identify(d.state, access.TypesOf("hmac"), requests[i], &found); found.Code != access.Allowed || found.Fault != access.Allowed {
				b.Fatal(found.Code, found.Fault)
			}
		}
		verified += time.Since(began)
	}
	b.ReportMetric(float64(verified)/float64(bare), "x_bare_hmac")
	b.ReportMetric(float64(bare.Nanoseconds())/float64((b.N+round-1)/round*round), "bare_ns")
}

// here2 is a body whose bytes are made once.
type here2 []byte

func (b here2) Whole(int) ([]byte, error) { return b, nil }

func signed(s gatewaytest.MACSigner, scheme string, m gatewaytest.Message, at time.Time) []header.Field {
	switch scheme {
	case "aksk":
		m = s.AKSK(m, at, "content-type", "host", "x-gateway-date")
	case "signature":
		m = s.Draft("hmac-sha256", m.Digest(), at, "@request-target", "host", "date", "content-type", "digest")
	default:
		m = s.RFC9421("sig", m.ContentDigest(), at, "", "@method", "@target-uri", "content-type", "content-digest")
	}
	return m.Fields()
}
