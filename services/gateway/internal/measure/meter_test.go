package measure_test

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/services/gateway/internal/authz"
	"github.com/tidegate-io/tidegate/services/gateway/internal/measure"
	"github.com/tidegate-io/tidegate/services/gateway/internal/proxy"
)

func TestEveryCallIsCountedOnceByServiceCodeAndClass(t *testing.T) {
	m := measure.New()
	for range 3 {
		m.Answered(proxy.Observation{Service: "pets", Status: 200})
	}
	m.Answered(proxy.Observation{Service: "pets", Status: 404})
	m.Answered(proxy.Observation{Service: "pets", Status: 101})
	m.Answered(proxy.Observation{Service: "pets", Code: access.RateLimited, Status: 429})
	m.Answered(proxy.Observation{Code: access.RouteNotFound, Status: 404})
	m.Answered(proxy.Observation{Service: "pets", Code: "never_heard_of", Status: 403})
	m.Answered(proxy.Observation{Service: "pets", Status: 999})
	expect(t, m, "tidegate_gateway_calls_total", `
# HELP tidegate_gateway_calls_total Calls that were answered, by service, refusal code (empty: let through) and class of status.
# TYPE tidegate_gateway_calls_total counter
tidegate_gateway_calls_total{code="",service="pets",status="2xx"} 3
tidegate_gateway_calls_total{code="",service="pets",status="4xx"} 1
tidegate_gateway_calls_total{code="",service="pets",status="1xx"} 1
tidegate_gateway_calls_total{code="",service="pets",status="other"} 1
tidegate_gateway_calls_total{code="rate_limited",service="pets",status="4xx"} 1
tidegate_gateway_calls_total{code="other",service="pets",status="4xx"} 1
tidegate_gateway_calls_total{code="route_not_found",service="",status="4xx"} 1
`)
}

func TestEveryCodeIsCountedByItsName(t *testing.T) {
	m := measure.New()
	for _, code := range authz.Codes() {
		m.Answered(proxy.Observation{Service: "pets", Code: code, Status: authz.Status(code)})
	}
	if n := testutil.CollectAndCount(m, "tidegate_gateway_calls_total"); n != len(authz.Codes()) || n < 25 {
		t.Errorf("%d codes are told, of %d", n, len(authz.Codes()))
	}
}

func TestUpstreamsTimeIsToldApart(t *testing.T) {
	m := measure.New()
	m.Answered(proxy.Observation{Service: "pets", Status: 200, Took: 300 * time.Millisecond, Upstream: 200 * time.Millisecond, Deciding: 300 * time.Nanosecond})
	m.Answered(proxy.Observation{Service: "pets", Status: 200, Took: 40 * time.Second, Upstream: 10 * time.Second}) // it waited for a body
	m.Ended(proxy.Ending{Service: "pets", Took: time.Second, Received: 10, Sent: 20, Broken: proxy.ByUpstream})
	m.Ended(proxy.Ending{Service: "pets", Took: time.Hour, Received: 1, Sent: 2, Tunnel: true})
	families, err := registered(m).Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][2]float64{}
	for _, f := range families {
		if h := f.GetMetric()[0].GetHistogram(); h != nil && len(f.GetMetric()) == 1 {
			got[f.GetName()] = [2]float64{float64(h.GetSampleCount()), h.GetSampleSum()}
		}
	}
	for name, want := range map[string][2]float64{
		"upstream_seconds": {2, 10.2}, "overhead_seconds": {1, 0.1}, "decision_seconds": {1, 3e-7}, "exchange_seconds": {1, 1},
	} {
		if got["tidegate_gateway_"+name] != want {
			t.Errorf("%s: count and sum are %v, want %v", name, got["tidegate_gateway_"+name], want)
		}
	}
	expect(t, m, "tidegate_gateway_broken_answers_total", `
# HELP tidegate_gateway_broken_answers_total Answers that ended before they were whole, by whose fault it was: upstream or client.
# TYPE tidegate_gateway_broken_answers_total counter
tidegate_gateway_broken_answers_total{by="client",service="pets"} 0
tidegate_gateway_broken_answers_total{by="upstream",service="pets"} 1
`)
	expect(t, m, "tidegate_gateway_sent_bytes_total", `
# HELP tidegate_gateway_sent_bytes_total Bytes of answers' bodies, and of what clients got through tunnels.
# TYPE tidegate_gateway_sent_bytes_total counter
tidegate_gateway_sent_bytes_total{service="pets"} 22
`)
}

func TestAServiceThatIsNotKnownAnyMoreIsForgotten(t *testing.T) {
	m := measure.New()
	known := true
	m.Known = func(service string) bool { return service != "pets" || known }
	m.Answered(proxy.Observation{Service: "pets", Status: 200})
	m.Answered(proxy.Observation{Service: "toys", Status: 200})
	if n := testutil.CollectAndCount(m, "tidegate_gateway_calls_total"); n != 2 {
		t.Fatalf("%d are told", n)
	}
	known = false
	if n := testutil.CollectAndCount(m, "tidegate_gateway_calls_total"); n != 1 {
		t.Errorf("%d are told of one service", n)
	}
	known = true
	m.Answered(proxy.Observation{Service: "pets", Status: 200})
	if n := testutil.CollectAndCount(m, "tidegate_gateway_calls_total"); n != 2 {
		t.Errorf("%d are told when it is back", n)
	}
}

func TestCountingTakesNoMemory(t *testing.T) {
	m := measure.New()
	passed, refused := proxy.Observation{Service: "pets", Status: 200, Took: 1, Upstream: 1, Deciding: 1}, proxy.Observation{Service: "pets", Code: access.RateLimited, Status: 429}
	m.Answered(passed)
	if n := testing.AllocsPerRun(1000, func() {
		m.Answered(passed)
		m.Answered(refused)
		m.Ended(proxy.Ending{Service: "pets", Took: 1, Received: 1, Sent: 1})
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkMeter is what one call costs: when its answer begins and when it is
// over, among many services and on every core.
func BenchmarkMeter(b *testing.B) {
	m := measure.New()
	services := make([]string, 1000)
	for i := range services {
		services[i] = "service-" + strings.Repeat("x", i%20) + string(rune('a'+i%26)) + time.Duration(i).String()
		m.Answered(proxy.Observation{Service: services[i], Status: 200})
	}
	for name, o := range map[string]proxy.Observation{
		"passed":  {Status: 200, Took: 2 * time.Millisecond, Upstream: time.Millisecond, Deciding: 300},
		"refused": {Code: access.CredentialInvalid, Status: 401, Took: 20 * time.Microsecond, Deciding: 300},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				o := o
				for i := 0; pb.Next(); i++ {
					o.Service = services[i%len(services)]
					m.Answered(o)
					m.Ended(proxy.Ending{Service: o.Service, Took: o.Took, Received: 100, Sent: 100})
				}
			})
		})
	}
}

func registered(m *measure.Meter) *prometheus.Registry {
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(m)
	return r
}

func expect(t *testing.T, m *measure.Meter, name, want string) {
	t.Helper()
	if err := testutil.GatherAndCompare(registered(m), strings.NewReader(want), name); err != nil {
		t.Error(err)
	}
}
