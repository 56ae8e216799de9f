package usage_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/es/sqlitestore"
	"github.com/tidegate-io/tidegate/services/credential/internal/usage"
	"github.com/tidegate-io/tidegate/services/credential/internal/views"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func open(t testing.TB, path string) es.Store {
	t.Helper()
	store, err := sqlitestore.Open(t.Context(), path, es.Schema{
		Service: "credential", Registry: events.MustRegistry(credential.Events, consumer.Events),
		Views: []es.View{views.Credentials}, References: []es.Reference{views.Consumers, views.Usages},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

func taker(store es.Store) usage.Taker {
	return usage.Taker{Store: store, Clock: func() time.Time { return noon.Add(time.Hour) }}
}

func batch(boot string, sequence int64, uses ...bus.Use) bus.UsageBatch {
	return bus.UsageBatch{Gateway: "gw_1", Boot: boot, Sequence: sequence, Uses: uses}
}

func known(t testing.TB, r es.Reader, id string) views.Usage {
	t.Helper()
	u, _, err := es.Known[views.Usage](context.Background(), r, views.UsageKind, id)
	if err != nil && !errors.Is(err, es.ErrNotFound) {
		t.Fatal(err)
	}
	return u
}

func TestEachReportTakesEffectOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credential.db")
	store := open(t, path)
	a := bus.Use{Credential: "a", Count: 3, Last: noon}
	later := bus.Use{Credential: "a", Count: 2, Last: noon.Add(time.Minute)}
	earlier := bus.Use{Credential: "a", Count: 1, Last: noon.Add(-time.Minute)}
	for _, b := range []bus.UsageBatch{
		batch("one", 1, a), batch("one", 1, a), // the acknowledgement was lost
		batch("one", 2, later), batch("one", 1, a), // redelivered late
		batch("two", 1, earlier), // the gateway was started again
		batch("one", 2, later),   // what the one before had sent comes now
		batch("two", 1, earlier),
	} {
		if err := taker(store).Take(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	if got := known(t, store, "a"); got != (views.Usage{Count: 6, Last: noon.Add(time.Minute)}) {
		t.Fatalf("%+v", got)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, path) // the service was started again
	for _, b := range []bus.UsageBatch{batch("two", 1, earlier), batch("two", 2, a)} {
		if err := taker(again).Take(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	if got := known(t, again, "a"); got.Count != 9 {
		t.Fatalf("after a restart %+v", got)
	}
	if head, err := again.Head(t.Context()); err != nil || head.Position != 0 {
		t.Errorf("uses made events: %+v, %v", head, err)
	}
}

func TestAGatewaysClockThatIsAheadIsNotBelieved(t *testing.T) {
	store := open(t, filepath.Join(t.TempDir(), "credential.db"))
	if err := taker(store).Take(t.Context(), batch("one", 1, bus.Use{Credential: "a", Count: 1, Last: noon.AddDate(10, 0, 0)})); err != nil {
		t.Fatal(err)
	}
	if got := known(t, store, "a"); !got.Last.Equal(noon.Add(time.Hour)) {
		t.Errorf("last used at %s", got.Last)
	}
}

// TestTwoReplicasTakeEachReportOnce gives every report of several gateways to
// both replicas, at once and twice.
func TestTwoReplicasTakeEachReportOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credential.db")
	replicas := []es.Store{open(t, path), open(t, path)}
	const gateways, reports = 3, 20
	var sending sync.WaitGroup
	for g := range gateways {
		sending.Go(func() {
			for sequence := int64(1); sequence <= reports; sequence++ {
				b := bus.UsageBatch{Gateway: fmt.Sprint("gw_", g), Boot: "b", Sequence: sequence, Uses: []bus.Use{
					{Credential: "shared", Count: sequence, Last: noon.Add(time.Duration(sequence) * time.Second)},
					{Credential: fmt.Sprint("own_", g), Count: 1, Last: noon},
				}}
				var taking sync.WaitGroup
				for i := range 4 {
					taking.Go(func() {
						if err := taker(replicas[i%2]).Take(t.Context(), b); err != nil {
							t.Error(err)
						}
					})
				}
				taking.Wait()
			}
		})
	}
	sending.Wait()
	want := views.Usage{Count: gateways * reports * (reports + 1) / 2, Last: noon.Add(reports * time.Second)}
	for _, store := range replicas {
		if got := known(t, store, "shared"); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		if got := known(t, store, "own_1"); got.Count != reports {
			t.Errorf("own: %+v", got)
		}
	}
}

// BenchmarkTake shows that a report costs what it brings, however many
// credentials were ever used.
func BenchmarkTake(b *testing.B) {
	for _, used := range []int{1_000, 200_000} {
		b.Run(fmt.Sprint("used=", used), func(b *testing.B) {
			store := open(b, filepath.Join(b.TempDir(), "credential.db"))
			sequence := int64(0)
			take := func(first, n int) {
				sequence++
				uses := make([]bus.Use, n)
				for i := range uses {
					uses[i] = bus.Use{Credential: fmt.Sprintf("cred_%026d", (first+i)%used), Count: 1, Last: noon}
				}
				if err := taker(store).Take(b.Context(), batch("b", sequence, uses...)); err != nil {
					b.Fatal(err)
				}
			}
			for at := 0; at < used; at += bus.MaxUses {
				take(at, bus.MaxUses)
			}
			at := 0
			for b.Loop() {
				take(at, bus.MaxUses)
				at += 7_919
			}
		})
	}
}
