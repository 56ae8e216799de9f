package access_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/events/subscription"
	"github.com/tidegate-io/tidegate/libs/access"
)

// The big house: a million API keys of 100,000 consumers, each subscribed to
// three of 1,000 services.
const (
	manyCredentials = 1_000_000
	manyConsumers   = manyCredentials / 10
	manyServices    = 1_000
	each            = 3
)

func consumerID(i int) string   { return fmt.Sprintf("con_%026d", i) }
func credentialID(i int) string { return fmt.Sprintf("cred_%026d", i) }
func serviceID(i int) string    { return fmt.Sprintf("service-%d", i) }

// serviceOf answers the n-th service to which a consumer is subscribed.
func serviceOf(consumer, n int) int { return (consumer*each + n) % manyServices }

// applied is one event, made when it is applied: a million at once would be
// counted as memory.
func apply(s *access.Snapshot, id string, version int64, data events.Data) {
	s.Apply(events.Envelope{
		ID: "0192f5a0-0000-7000-8000-000000000001", Type: data.EventType(),
		Stream: events.Word(data.EventType()) + "-" + id, Version: version, Position: 1, Time: noon,
	}, data)
}

var house = sync.OnceValue(func() *access.Snapshot {
	before := heap()
	s := access.New()
	report := func(what string, n int, since time.Time) {
		now := heap()
		fmt.Printf("%9d %-14s %6.0f bytes each, %5.0f ns to apply an event\n", n, what,
			float64(now-before)/float64(n), float64(time.Since(since).Nanoseconds())/float64(n))
		before = now
	}
	start := time.Now()
	for i := range manyServices {
		apply(s, serviceID(i), 1, catalog.Drafted{
			Routes: []catalog.Route{{PathPrefix: "/" + serviceID(i)}}, Accepts: []string{"api_key"},
			Upstreams: []catalog.Upstream{{URL: "http://127.0.0.1:9000", Weight: 1}}, Plans: []catalog.Plan{{ID: "default"}},
		})
		apply(s, serviceID(i), 2, catalog.Published{})
	}
	report("services", manyServices, start)
	start = time.Now()
	for i := range manyConsumers {
		apply(s, consumerID(i), 1, consumer.Registered{Concerns: events.Concerns{Team: fmt.Sprintf("team-%d", i%50)}})
	}
	report("consumers", manyConsumers, start)
	start = time.Now()
	for i := range manyCredentials {
		apply(s, credentialID(i), 1, credential.Issued{
			Concerns: events.Concerns{ConsumerID: consumerID(i % manyConsumers)}, Type: credential.TypeAPIKey,
			Placement: credential.Placement{In: "header", Name: "X-API-Key"}, SecretVersion: 1,
		})
	}
	report("credentials", manyCredentials, start)
	start = time.Now()
	for i := range manyConsumers {
		for n := range each {
			id := fmt.Sprintf("sub_%026d", i*each+n)
			apply(s, id, 1, subscription.Requested{
				Concerns: events.Concerns{ConsumerID: consumerID(i), ServiceID: serviceID(serviceOf(i, n))}, PlanID: "default",
			})
			apply(s, id, 2, subscription.Approved{PlanID: "default"})
		}
	}
	report("subscriptions", manyConsumers*each, start)
	start = time.Now()
	runtime.GC()
	fmt.Printf("          one collection takes %v\n", time.Since(start).Round(time.Millisecond))
	return s
})

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// caller is what a gateway knows of a call when it decides.
type caller struct {
	service    *access.Service
	credential string
}

func (c *caller) request() access.Request {
	return access.Request{
		Service: c.service, Credential: c.credential, SecretVersion: 1, In: apiKey, Address: callersAddress, At: noon,
	}
}

var callersAddress = netip.MustParseAddr("10.1.2.3")

// callers are random and allowed; the number of them says how much of what they
// need can be in a cache.
func callers(b *testing.B, s *access.Snapshot, n int) []caller {
	all := make([]caller, n)
	for i := range all {
		n := rand.IntN(manyCredentials)
		service, _ := s.Service(serviceID(serviceOf(n%manyConsumers, rand.IntN(each))))
		all[i] = caller{service, credentialID(n)}
		if d := s.Decide(all[i].request()); !d.Allowed() {
			b.Fatal(d.Code)
		}
	}
	return all
}

func BenchmarkDecide(b *testing.B) {
	s := house()
	for name, n := range map[string]int{"of a million at random": 1 << 18, "the same 256": 256} {
		b.Run(name, func(b *testing.B) {
			all := callers(b, s, n)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if d := s.Decide(all[i&(n-1)].request()); d.Code != access.Allowed {
					b.Fatal(d.Code)
				}
			}
		})
	}
}

func BenchmarkDecideWhileApplying(b *testing.B) {
	s := house()
	all := callers(b, s, 1<<18)
	stop, done := make(chan struct{}), make(chan int)
	apply(s, "cred_busy", 1, credential.Issued{Type: credential.TypeAPIKey, SecretVersion: 1})
	go func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				done <- n
				return
			default:
				apply(s, "cred_busy", int64(n+2), credential.Rotated{SecretVersion: n + 2})
			}
		}
	}()
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		s.Decide(all[i&(len(all)-1)].request())
	}
	close(stop)
	b.ReportMetric(float64(<-done)/b.Elapsed().Seconds(), "applies/s")
}

func BenchmarkRoute(b *testing.B) {
	for _, n := range []int{10, 10_000} {
		b.Run(fmt.Sprintf("%d services", n), func(b *testing.B) {
			s := access.New()
			for i := range n {
				apply(s, serviceID(i), 1, catalog.Drafted{Routes: []catalog.Route{{PathPrefix: "/apis/" + serviceID(i)}}})
				apply(s, serviceID(i), 2, catalog.Published{})
			}
			paths := make([]string, 1<<12)
			for i := range paths {
				paths[i] = "/apis/" + serviceID(rand.IntN(n)) + "/pets/1"
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, ok := s.Route("api.example.org:8000", paths[i&(len(paths)-1)]); !ok {
					b.Fatal("no route")
				}
			}
		})
	}
}

func BenchmarkRevoke(b *testing.B) {
	s := house()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		apply(s, credentialID(i%manyCredentials), int64(2+i/manyCredentials), credential.Revoked{})
	}
}
