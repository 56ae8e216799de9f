package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/events/subscription"
	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/libs/bus/bustest"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/es/sqlitestore"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/gateway"
)

// The tests start the gateway as a process of its own, which is this binary.
func TestMain(m *testing.M) {
	if os.Getenv("TIDEGATE_TEST_GATEWAY") != "" {
		app.Main(gateway.Service())
	}
	os.Exit(m.Run())
}

// system is the services that publish, on real stores and a real NATS server.
type system struct {
	t       *testing.T
	nats    *bustest.Server
	stores  map[string]es.Store
	fleet   *bus.Fleet
	ring    *secret.Ring
	keyring string
}

var registry = app.Registry()

func newSystem(t *testing.T) *system {
	t.Helper()
	s := &system{t: t, nats: bustest.Start(t), stores: map[string]es.Store{}, keyring: filepath.Join(t.TempDir(), "keyring")}
	var err error
	if s.ring, err = secret.LoadOrCreate(s.keyring); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var parts sync.WaitGroup
	for _, name := range bus.Contexts {
		store, err := sqlitestore.Open(ctx, filepath.Join(t.TempDir(), name), es.Schema{Service: name, Registry: registry})
		if err != nil {
			t.Fatal(err)
		}
		conn := s.connect(name)
		relay := bus.NewRelay(conn, name, store)
		parts.Go(func() { _ = relay.Run(ctx) })
		parts.Go(func() { _ = conn.ServeHead(ctx, name, store) })
		s.stores[name] = store
	}
	s.fleet = bus.NewFleet(s.connect("fleet"))
	parts.Go(func() { _ = s.fleet.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		parts.Wait()
		for _, store := range s.stores {
			_ = store.Close()
		}
	})
	return s
}

func (s *system) connect(name string) *bus.Conn {
	s.t.Helper()
	conn, err := bus.Connect(s.t.Context(), bus.Config{URL: s.nats.URL(), Name: name})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(conn.Close)
	return conn
}

// append commits an event of an aggregate, with material if any.
func (s *system) append(stream string, data events.Data, material ...es.Material) {
	s.t.Helper()
	raw, schema, err := registry.Encode(data)
	if err != nil {
		s.t.Fatal(err)
	}
	_, err = s.stores[bus.ContextOf(data.EventType())].Append(s.t.Context(), es.Batch{
		Stream: stream, Expect: es.Any, Material: material,
		Events: []events.Envelope{{ID: events.NewID(time.Now()), Type: data.EventType(), Schema: schema, Data: raw}},
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// populate makes a service before an upstream and a subscriber.
func (s *system) populate(upstream string) {
	s.append("service-pets", catalog.Drafted{
		Concerns: events.Concerns{ServiceID: "pets"}, Routes: []catalog.Route{{PathPrefix: "/pets", StripPrefix: true}},
		Upstreams: []catalog.Upstream{{URL: upstream, Weight: 1}}, Accepts: []string{"api_key"}, TimeoutSeconds: 5,
	})
	s.append("service-pets", catalog.Published{Concerns: events.Concerns{ServiceID: "pets"}})
	s.append("consumer-acme", consumer.Registered{Concerns: events.Concerns{ConsumerID: "acme"}, Name: "Acme"})
	concerns := events.Concerns{SubscriptionID: "sub_1", ConsumerID: "acme", ServiceID: "pets"}
	s.append("subscription-sub_1", subscription.Requested{Concerns: concerns, PlanID: "default"})
	s.append("subscription-sub_1", subscription.Approved{Concerns: concerns, PlanID: "default", Mode: subscription.ApprovedManually})
}

func (s *system) issue(id string) (key string) {
	s.t.Helper()
	key = secret.Generate(secret.APIKey)
	sealed, err := s.ring.SealProof(id+".1", secret.DigestProof(s.ring.Digest([]byte(key))))
	if err != nil {
		s.t.Fatal(err)
	}
	s.append("credential-"+id, credential.Issued{
		Concerns: events.Concerns{CredentialID: id, ConsumerID: "acme"}, Name: id, Type: credential.TypeAPIKey,
		Placement: credential.Placement{In: "header", Name: "X-API-Key"}, SecretVersion: 1,
	}, es.Material{Key: id + ".1", Sealed: sealed})
	return key
}

func (s *system) revoke(id string) {
	s.t.Helper()
	s.append("credential-"+id, credential.Revoked{Concerns: events.Concerns{CredentialID: id}}, es.Material{Key: id + ".1", Erase: true})
}

// confirmed waits as Prefer: wait does, and answers whether every live gateway,
// of which there is one, has it in force and on disk.
func (s *system) confirmed() {
	s.t.Helper()
	eventually(s.t, "it is confirmed", func() bool { // right after NATS is back the gateway is not heard yet
		got := s.fleet.Wait(s.t.Context(), 10*time.Second)
		return got.Live == 1 && got.Applied == 1
	})
}

// process is a gateway in a process of its own.
type process struct {
	t              *testing.T
	env            []string
	address, admin string
	running        *exec.Cmd
}

func (s *system) gateway() *process {
	s.t.Helper()
	p := &process{t: s.t, address: free(s.t), admin: free(s.t)}
	p.env = append(os.Environ(), "TIDEGATE_TEST_GATEWAY=1", "TIDEGATE_NATS_URL="+s.nats.URL(), "TIDEGATE_KEYRING="+s.keyring,
		"TIDEGATE_DATA_DIR="+s.t.TempDir(), "TIDEGATE_GATEWAY_LISTEN="+p.address, "TIDEGATE_GATEWAY_ADMIN_LISTEN="+p.admin)
	s.t.Cleanup(p.kill)
	p.start()
	return p
}

func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (p *process) start() {
	p.t.Helper()
	p.running = exec.Command(os.Args[0])
	p.running.Env = p.env
	p.running.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.running.Stderr = p.t.Output()
	if err := p.running.Start(); err != nil {
		p.t.Fatal(err)
	}
}

func (p *process) kill() {
	if p.running != nil {
		_ = p.running.Process.Kill()
		_, _ = p.running.Process.Wait()
		p.running = nil
	}
}

// eventually waits until holds answers true.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came to this: %s", what)
		}
	}
}

// status answers what the projection says of itself; empty: nothing answers.
func (p *process) status() string {
	answer, err := http.Get("http://" + p.admin + "/debug/projection")
	if err != nil {
		return ""
	}
	defer answer.Body.Close()
	var report struct{ Status string }
	_ = json.NewDecoder(answer.Body).Decode(&report)
	return report.Status
}

func (p *process) ready() bool {
	answer, err := http.Get("http://" + p.admin + "/readyz")
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

func (p *process) call(key string) int {
	p.t.Helper()
	request, _ := http.NewRequest(http.MethodGet, "http://"+p.address+"/pets/1", nil)
	request.Header.Set("X-API-Key", key)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode
}

func TestAConfirmedRevocationSurvivesAKillWithEverythingElseDown(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer up.Close()
	s := newSystem(t)
	s.populate(up.URL)
	kept := s.issue("cred_kept")
	g := s.gateway()
	eventually(t, "the gateway is live", func() bool { return g.ready() && g.status() == "live" })
	s.confirmed()
	for round := range 5 {
		id := fmt.Sprintf("cred_%d", round)
		key := s.issue(id)
		s.confirmed()
		if status := g.call(key); status != 200 {
			t.Fatalf("round %d: issued and confirmed: %d", round, status)
		}
		s.revoke(id)
		s.confirmed()
		g.kill()
		s.nats.Kill()
		g.start()
		eventually(t, "the gateway serves what it had", g.ready)
		if status := g.status(); status != "stale" {
			t.Errorf("round %d: it says that it is %q", round, status)
		}
		if revoked, live := g.call(key), g.call(kept); revoked != 401 || live != 200 {
			t.Fatalf("round %d: revoked %d, kept %d", round, revoked, live)
		}
		s.nats.Restart()
		eventually(t, "the gateway is live again", func() bool { return g.status() == "live" })
	}
	if err := g.running.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := g.running.Wait(); err != nil {
		t.Errorf("SIGTERM: %v", err)
	}
	g.running = nil
}

func TestARevokedKeyIsRefusedWithinMilliseconds(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer up.Close()
	s := newSystem(t)
	s.populate(up.URL)
	g := s.gateway()
	const many = 100
	keys := make([]string, many)
	for i := range keys {
		keys[i] = s.issue(fmt.Sprintf("cred_%d", i))
	}
	eventually(t, "the gateway is live", func() bool { return g.ready() && g.status() == "live" })
	s.confirmed()
	took := make([]time.Duration, many)
	for i, key := range keys {
		s.revoke(fmt.Sprintf("cred_%d", i))
		began := time.Now()
		for g.call(key) != 401 {
			if time.Since(began) > 5*time.Second {
				t.Fatal("it is still let through")
			}
			time.Sleep(500 * time.Microsecond) // this process carries the relays, too
		}
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	t.Logf("from the commit of a revoke to the first refusal: median %s, p99 %s, most %s", took[many/2], took[many*99/100-1], took[many-1])
	if took[many/2] > 200*time.Millisecond {
		t.Errorf("median %s", took[many/2])
	}
}

func TestTheGatewaysMetricsAreThereForPrometheus(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer up.Close()
	s := newSystem(t)
	s.populate(up.URL)
	g := s.gateway()
	eventually(t, "the gateway is live", func() bool { return g.ready() && g.status() == "live" })
	g.call("wrong")
	answer, err := http.Get("http://" + g.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	page, _ := io.ReadAll(answer.Body)
	for _, want := range []string{
		`tidegate_gateway_calls_total{code="credential_invalid",service="pets",status="4xx"} 1`,
		`tidegate_gateway_projection_position{source="catalog"} 2`,
		`tidegate_gateway_projection_lag{source="material"} 0`,
		`tidegate_gateway_projection_status{status="live"} 1`,
	} {
		if !strings.Contains(string(page), want) {
			t.Errorf("%s is not in the page", want)
		}
	}
}
