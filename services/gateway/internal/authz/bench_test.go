package authz_test

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/events/subscription"
	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/gateway/internal/authn"
	"github.com/tidegate-io/tidegate/services/gateway/internal/authz"
	"github.com/tidegate-io/tidegate/services/gateway/internal/header"
	"github.com/tidegate-io/tidegate/services/gateway/internal/limit"
	"github.com/tidegate-io/tidegate/services/gateway/internal/material"
	"github.com/tidegate-io/tidegate/services/gateway/internal/projection"
)

// crowd is a state with many credentials, one a consumer, each subscribed, of
// which some have keys that the test knows.
type crowd struct {
	state *projection.State
	ring  *secret.Ring
	keys  []string
	bytes uint64 // of memory for each credential, with its consumer and subscription
}

// cpu answers the processor time that this process has used.
func cpu() time.Duration {
	var used syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func gather(n int) *crowd {
	before := heap()
	c := &crowd{ring: secret.New(), state: &projection.State{Rule: access.New(), Digests: material.NewIndex(), Proofs: material.NewProofs()}}
	apply := func(stream string, version int64, data events.Data) {
		c.state.Rule.Apply(events.Envelope{ID: events.NewID(time.Now()), Type: data.EventType(), Stream: stream, Version: version, Position: version, Time: time.Now()}, data)
	}
	apply("service-pets", 1, catalog.Drafted{Routes: []catalog.Route{{PathPrefix: "/pets"}}, Accepts: []string{"api_key", "basic"}, Plans: []catalog.Plan{{ID: "default"}}})
	apply("service-pets", 2, catalog.Published{})
	for i := range n {
		who, id := "con_"+strconv.Itoa(i), es.NewTypeID("cred", time.Now())
		sub := es.NewTypeID("sub", time.Now())
		apply("consumer-"+who, 1, consumer.Registered{})
		apply("credential-"+id, 1, credential.Issued{
			Concerns: events.Concerns{CredentialID: id, ConsumerID: who}, Type: "api_key",
			Placement: credential.Placement{In: "header", Name: "X-API-Key"}, SecretVersion: 1,
		})
		apply("subscription-"+sub, 1, subscription.Requested{Concerns: events.Concerns{ConsumerID: who, ServiceID: "pets"}, PlanID: "default"})
		apply("subscription-"+sub, 2, subscription.Approved{PlanID: "default"})
		var digest [32]byte
		if i%(n/1000+1) == 0 {
			key := secret.Generate(secret.APIKey)
			c.keys = append(c.keys, key)
			digest = c.ring.Digest([]byte(key)).Sum
		} else {
			binary.BigEndian.PutUint64(digest[:], uint64(i)*0x9e3779b97f4a7c15)
		}
		c.state.Digests.Put(material.KeyOf(id+".1"), id, 1, digest)
	}
	c.bytes = (heap() - before) / uint64(n)
	return c
}

var million = sync.OnceValue(func() *crowd { return gather(1_000_000) })

// decider and call are what a browser-like call with one key is decided with.
func (c *crowd) decider() *authz.Decider {
	return &authz.Decider{State: func() *projection.State { return c.state }, Verifier: authn.New(authn.Types(authn.Config{Ring: c.ring})), Limiter: limit.New()}
}

func (c *crowd) call(key string) *authz.Call {
	return &authz.Call{
		Method: "GET", Raw: "/pets/17?verbose=true", Host: "api.example.com", Address: netip.MustParseAddr("192.0.2.1"),
		Fields: []header.Field{
			{Name: "Host", Value: "api.example.com"}, {Name: "User-Agent", Value: "curl/8.5.0"}, {Name: "Accept", Value: "*/*"},
			{Name: "Accept-Encoding", Value: "gzip"}, {Name: "X-API-Key", Value: key}, {Name: "Traceparent", Value: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
		},
	}
}

func BenchmarkDecisionAboutAnAPIKey(b *testing.B) {
	c := million()
	for name, keys := range map[string][]string{
		"one_caller":     c.keys[:1],
		"1000_callers":   c.keys, // each of which is far from the others in memory
		"an_unknown_key": {secret.Generate(secret.APIKey)},
	} {
		b.Run(name+"_among_1000000", func(b *testing.B) {
			d, call, now := c.decider(), c.call(""), time.Now()
			want := access.Allowed
			if name == "an_unknown_key" {
				want = access.CredentialInvalid
			}
			i := 0
			b.ReportAllocs()
			began := cpu()
			for b.Loop() {
				call.At, call.Fields[4].Value = now, keys[i%len(keys)]
				i++
				if d.Decide(call); call.Code != want {
					b.Fatal(call.Code)
				}
			}
			b.ReportMetric(float64(cpu()-began)/float64(b.N), "cpu-ns/op") // what it costs on a machine that is shared
			b.ReportMetric(float64(c.bytes), "B/credential")
		})
	}
}
