package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/journey"
	"github.com/tidegate-io/tidegate/libs/bus/bustest"
)

// BenchmarkRevoke is how long a key still works once its revocation was
// answered: from that answer to the first refused call, with calls made one
// after the other. With Prefer: wait the first call is refused, so what is left
// is the time of one call. Both are told as multiples of what bare JetStream
// takes from a publish to a consumer's callback in the same run.
func BenchmarkRevoke(b *testing.B) {
	bare := median(b)
	p := newPremises(b)
	for name, headers := range map[string][]string{"answered": nil, "answered with Prefer: wait": {"Prefer: wait=10"}} {
		b.Run(name, func(b *testing.B) {
			taken, calls := make([]time.Duration, max(b.N, samples)), 0
			for i := range taken {
				id, key := p.issue(b, p.consumer)
				if status := p.call(b, automatic, key); status != http.StatusOK {
					b.Fatalf("a key is answered %d", status)
				}
				p.do(b, "/v1/credentials/"+id+"/revoke", `{}`, http.StatusOK, headers...)
				began := time.Now()
				for calls++; p.call(b, automatic, key) != http.StatusUnauthorized; calls++ {
					if headers != nil {
						b.Fatal("a revocation was confirmed, and the key still works")
					}
				}
				taken[i] = time.Since(began)
			}
			report(b, taken, bare)
			b.ReportMetric(float64(calls)/float64(len(taken)), "calls")
		})
	}
}

// BenchmarkApprove is how long an approved subscriber waits: from the answer to
// the approval to the first call that is let through.
func BenchmarkApprove(b *testing.B) {
	bare := median(b)
	p := newPremises(b)
	b.Run("answered", func(b *testing.B) {
		taken := make([]time.Duration, max(b.N, samples))
		for i := range taken {
			p.number++
			consumer := fmt.Sprintf("approved-%d", p.number)
			p.do(b, "/v1/consumers", fmt.Sprintf(`{"id":%q,"name":"Bench"}`, consumer), http.StatusCreated)
			_, key := p.issue(b, consumer)
			asked := p.do(b, "/v1/subscriptions", fmt.Sprintf(`{"consumer_id":%q,"service_id":%q}`, consumer, manual), http.StatusCreated, "Prefer: wait=10")
			if status := p.call(b, manual, key); status != http.StatusForbidden {
				b.Fatalf("one who waits is answered %d", status)
			}
			p.do(b, "/v1/subscriptions/"+asked.ID+"/approve", `{}`, http.StatusOK)
			began := time.Now()
			for p.call(b, manual, key) != http.StatusOK {
				continue
			}
			taken[i] = time.Since(began)
		}
		report(b, taken, bare)
	})
}

// samples are at least taken, so that a p99 means something.
const samples = 200

// report tells the times as people read them.
func report(b *testing.B, taken []time.Duration, bare time.Duration) {
	slices.Sort(taken)
	p50, p99 := taken[len(taken)/2], taken[len(taken)*99/100]
	b.ReportMetric(0, "ns/op") // preparing takes most of it
	b.ReportMetric(float64(p50.Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(p99.Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(bare.Microseconds())/1000, "bare-JetStream-p50-ms")
	b.ReportMetric(float64(p50)/float64(bare), "p50/bare")
}

// median is what bare JetStream takes.
func median(b *testing.B) time.Duration {
	b.Helper()
	once := bustest.Bare(b, bytes.Repeat([]byte("x"), 600))
	taken := make([]time.Duration, 500)
	for i := range taken {
		began := time.Now()
		once()
		taken[i] = time.Since(began)
	}
	slices.Sort(taken)
	return taken[len(taken)/2]
}

// The services of the premises.
const automatic, manual = "automatic", "manual"

// premises is a system in a process of its own with two services, and a consumer
// that is subscribed to one.
type premises struct {
	child    *journey.Child
	consumer string
	number   int
}

func newPremises(b *testing.B) *premises {
	b.Helper()
	upstream := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	b.Cleanup(upstream.Close)
	p := &premises{child: journey.Up(b, binary(b), b.TempDir()), consumer: "bench"}
	for id, mode := range map[string]string{automatic: "auto", manual: "manual"} {
		p.do(b, "/v1/services", fmt.Sprintf(`{"id":%q,"name":"Bench","routes":[{"path_prefix":"/%[1]s"}],"upstreams":[{"url":%q,"weight":1}],"approval":{"mode":%q}}`,
			id, upstream.URL, mode), http.StatusCreated)
		p.do(b, "/v1/services/"+id+"/publish", `{}`, http.StatusOK)
	}
	p.do(b, "/v1/consumers", fmt.Sprintf(`{"id":%q,"name":"Bench"}`, p.consumer), http.StatusCreated)
	p.do(b, "/v1/subscriptions", fmt.Sprintf(`{"consumer_id":%q,"service_id":%q}`, p.consumer, automatic), http.StatusCreated, "Prefer: wait=10")
	return p
}

// made is what an answer says of an object.
type made struct {
	ID     string
	Secret struct {
		APIKey string `json:"api_key"`
	}
}

// issue answers a credential's id and key, once the gateway has it.
func (p *premises) issue(b *testing.B, consumer string) (id, key string) {
	b.Helper()
	p.number++
	issued := p.do(b, "/v1/consumers/"+consumer+"/credentials", fmt.Sprintf(`{"name":"key-%d","type":"api_key"}`, p.number), http.StatusCreated, "Prefer: wait=10")
	return issued.ID, issued.Secret.APIKey
}

func (p *premises) do(b *testing.B, path, body string, want int, headers ...string) (answered made) {
	b.Helper()
	request, err := http.NewRequestWithContext(b.Context(), http.MethodPost, p.child.Ready.ManagementURL+path, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	for _, header := range append(headers, "Content-Type: application/json", "Authorization: Bearer "+p.child.Ready.AdminToken) {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, value)
	}
	answer, err := caller.Do(request)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	raw, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != want {
		b.Fatalf("%s is answered %d: %s %v", path, answer.StatusCode, raw, err)
	}
	if applied := answer.Header.Get("Tidegate-Applied"); request.Header.Get("Prefer") != "" && applied != "1/1" {
		b.Fatalf("%s is applied by %q", path, applied)
	}
	if err := json.Unmarshal(raw, &answered); err != nil {
		b.Fatal(err)
	}
	return answered
}

// call calls a service through the gateway.
func (p *premises) call(b *testing.B, service, key string) int {
	b.Helper()
	request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, p.child.Ready.GatewayURL+"/"+service+"/", http.NoBody)
	if err != nil {
		b.Fatal(err)
	}
	request.Header.Set("X-API-Key", key)
	answer, err := caller.Do(request)
	if err != nil {
		b.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, answer.Body) // so that the connection is used again
	_ = answer.Body.Close()
	return answer.StatusCode
}
