package bustest_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/libs/bus/bustest"
	"github.com/tidegate-io/tidegate/libs/es"
)

func TestSeveralRelaysOfOneServiceFenceOneAnother(t *testing.T) {
	for _, replicas := range []int{1, 2, 3} {
		t.Run(fmt.Sprintf("%d replicas write and relay at once", replicas), func(t *testing.T) {
			server := bustest.Start(t)
			s := newService(t, "consumer")
			stores := make([]es.Store, replicas)
			for replica := range stores {
				stores[replica] = s.open()
				s.relayOf(server.URL(), stores[replica])
			}
			forget(t, server.URL())
			var writing sync.WaitGroup
			for replica, store := range stores {
				writing.Go(func() {
					for i := range 300 {
						time.Sleep(time.Millisecond)
						id := fmt.Sprintf("r%d-%d", replica, i)
						if _, err := tryAppend(store, id, consumer.Registered{Concerns: events.Concerns{ConsumerID: id}, Name: id}); err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
			writing.Wait()
			s.sameAsSQL(server.URL())
		})
	}
}

// forget has the server forget message ids after a moment, so that it is the
// fence that keeps a relay that is late from publishing twice.
func forget(t *testing.T, url string) {
	t.Helper()
	bare := js(t, url)
	eventually(t, "the stream is there", func() bool {
		found, err := bare.Stream(t.Context(), bus.Stream("consumer"))
		if err != nil {
			return false
		}
		config := found.CachedInfo().Config
		config.Duplicates = 100 * time.Millisecond
		_, err = bare.UpdateStream(t.Context(), config)
		return err == nil
	})
}

func TestARelayThatIsKilledLeavesNothingHalfDone(t *testing.T) {
	server := bustest.Start(t)
	s := newService(t, "consumer")
	s.commit(800)
	for range 5 {
		conn := connect(t, server.URL())
		ctx, kill := context.WithCancel(t.Context())
		done := make(chan struct{})
		relay := bus.NewRelay(conn, "consumer", s.open())
		go func() { defer close(done); _ = relay.Run(ctx) }()
		before := relay.Status().Published
		eventually(t, "it publishes", func() bool { return relay.Status().Published > before })
		conn.Close() // in the middle, with publishes in flight
		kill()
		<-done
		s.commit(100)
	}
	s.relay(server.URL())
	s.sameAsSQL(server.URL())
}

func TestARelayFillsAStreamThatIsShorterThanSQL(t *testing.T) {
	server := bustest.Start(t)
	s := newService(t, "consumer")
	s.commit(50)
	s.relay(server.URL())
	s.sameAsSQL(server.URL())
	server.Kill()
	old := copyDir(t, server.Dir())
	server.Restart()
	s.commit(70)
	s.sameAsSQL(server.URL())

	server.Kill()
	replaceDir(t, server.Dir(), old) // NATS is restored to an earlier point
	server.Restart()
	s.sameAsSQL(server.URL())
	s.commit(5)
	s.sameAsSQL(server.URL())
}

func TestADeletedStreamIsMadeAnewFromTheFirstEvent(t *testing.T) {
	server := bustest.Start(t)
	s := newService(t, "consumer")
	s.commit(120)
	s.relay(server.URL())
	s.relayOf(server.URL(), s.open())
	s.sameAsSQL(server.URL())
	for range 3 {
		if err := js(t, server.URL()).DeleteStream(t.Context(), bus.Stream("consumer")); err != nil {
			t.Fatal(err)
		}
		s.commit(10)
		s.sameAsSQL(server.URL())
	}
	t.Run("and so is one that is lost while nothing is written", func(t *testing.T) {
		time.Sleep(300 * time.Millisecond)
		if err := js(t, server.URL()).DeleteStream(t.Context(), bus.Stream("consumer")); err != nil {
			t.Fatal(err)
		}
		s.sameAsSQL(server.URL())
	})
}

func TestAHoledStreamIsMadeAnewOnceByAllRelaysTogether(t *testing.T) {
	for name, hole := range map[string]func(ctx context.Context, stream jetstream.Stream) error{
		"in the middle": func(ctx context.Context, stream jetstream.Stream) error { return stream.DeleteMsg(ctx, 40) },
		"at the start":  func(ctx context.Context, stream jetstream.Stream) error { return stream.DeleteMsg(ctx, 1) },
		"at the end":    func(ctx context.Context, stream jetstream.Stream) error { return stream.DeleteMsg(ctx, 100) },
		"everything":    func(ctx context.Context, stream jetstream.Stream) error { return stream.Purge(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			server := bustest.Start(t)
			s := newService(t, "consumer")
			s.commit(100)
			_, stop := s.relay(server.URL())
			s.sameAsSQL(server.URL())
			stop()
			bare := js(t, server.URL())
			stream, made := unprotect(t, bare, bus.Stream("consumer"))
			if err := hole(t.Context(), stream); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				s.relayOf(server.URL(), s.open())
			}
			s.commit(20)
			eventually(t, "the stream was made anew", func() bool {
				found, err := bare.Stream(t.Context(), bus.Stream("consumer"))
				return err == nil && !found.CachedInfo().Created.Equal(made)
			})
			s.sameAsSQL(server.URL())
		})
	}
}

func TestAMessageThatNoRelayWroteIsNotTakenForAnEvent(t *testing.T) {
	server := bustest.Start(t)
	s := newService(t, "consumer")
	s.commit(20)
	s.relay(server.URL())
	s.sameAsSQL(server.URL())
	if _, err := js(t, server.URL()).Publish(t.Context(), "tidegate.events.consumer.registered", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	s.commit(5)
	s.sameAsSQL(server.URL())
}

func TestARelayOutlivesItsServer(t *testing.T) {
	t.Run("NATS is down when it starts", func(t *testing.T) {
		server := bustest.Prepare(t)
		s := newService(t, "consumer")
		conn := connect(t, server.URL())
		if conn.Connected() {
			t.Fatal("connected to nothing")
		}
		relay := bus.NewRelay(conn, "consumer", s.store)
		run(t, relay.Run)
		s.commit(30)
		server.Restart()
		s.sameAsSQL(server.URL())
	})
	t.Run("NATS is killed again and again under load", func(t *testing.T) {
		server := bustest.Start(t)
		s := newService(t, "consumer")
		s.relay(server.URL())
		s.relayOf(server.URL(), s.open())
		var writing sync.WaitGroup
		writing.Go(func() {
			store := s.open()
			for i := range 1500 {
				id := fmt.Sprintf("c%d", i)
				if _, err := tryAppend(store, id, consumer.Registered{Concerns: events.Concerns{ConsumerID: id}, Name: id}); err != nil {
					t.Error(err)
					return
				}
				time.Sleep(time.Millisecond)
			}
		})
		for range 4 {
			time.Sleep(200 * time.Millisecond)
			server.Restart() // kill -9
		}
		writing.Wait()
		s.sameAsSQL(server.URL())
	})
}

func TestMaterialFollowsSQL(t *testing.T) {
	server := bustest.Start(t)
	s := newService(t, "credential")
	relay, _ := s.relay(server.URL())
	s.relayOf(server.URL(), s.open())
	want := map[string]string{}
	expect := func(what string) {
		t.Helper()
		eventually(t, what, func() bool { return relay.Status().Material == s.head().Material })
		eventually(t, what, func() bool { return fmt.Sprint(materialOf(t, server.URL())) == fmt.Sprint(want) })
	}
	for i := range 100 {
		id := fmt.Sprintf("cred_%d", i)
		put(s, id, "sealed "+id)
		want[id+".1"] = "sealed " + id
	}
	expect("every key is there")

	put(s, "cred_7", "sealed again")
	want["cred_7.1"] = "sealed again"
	erase(s, "cred_8")
	want["cred_8.1"] = ""
	expect("the newest alone is there, and an erased one is empty")

	if err := js(t, server.URL()).DeleteStream(t.Context(), bus.MaterialStream); err != nil {
		t.Fatal(err)
	}
	expect("a lost stream is made anew")

	server.Kill()
	old := copyDir(t, server.Dir())
	server.Restart()
	put(s, "cred_9", "newer")
	want["cred_9.1"] = "newer"
	erase(s, "cred_10")
	want["cred_10.1"] = ""
	expect("changes arrive")
	server.Kill()
	replaceDir(t, server.Dir(), old)
	server.Restart()
	expect("a stream that was restored to an earlier point catches up")
	s.sameAsSQL(server.URL())
}

func put(s *service, id, sealed string) {
	s.t.Helper()
	_, err := s.store.Append(context.Background(), es.Batch{
		Stream: "credential-" + id, Expect: es.Any, Material: []es.Material{{Key: id + ".1", Sealed: []byte(sealed)}},
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func erase(s *service, id string) {
	s.t.Helper()
	_, err := s.store.Append(context.Background(), es.Batch{
		Stream: "credential-" + id, Expect: es.Any, Material: []es.Material{{Key: id + ".1", Erase: true}},
	})
	if err != nil {
		s.t.Fatal(err)
	}
}
