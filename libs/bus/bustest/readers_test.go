package bustest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/libs/bus/bustest"
	"github.com/tidegate-io/tidegate/libs/bus/embedded"
)

// inside is a server with its services, as the reader's permissions are tried on.
type inside struct {
	reader string                                     // URL
	config func(user string) bus.Config               // of a service
	bare   func(t *testing.T, user string) *nats.Conn // of a service, without the bus package
}

func onEmbedded(t *testing.T) inside {
	t.Helper()
	server, err := embedded.Start(t.Context(), embedded.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Shutdown)
	return inside{
		reader: server.ReaderURL(),
		config: func(user string) bus.Config { return bus.Config{InProcess: server.Conn(), Name: user} },
		bare: func(t *testing.T, _ string) *nats.Conn {
			t.Helper()
			user, password := server.UserInfo()
			return dial(t, "", nats.InProcessServer(server), nats.UserInfo(user, password), nats.CustomInboxPrefix("_INBOX_test"))
		},
	}
}

func onDeployment(t *testing.T) inside {
	t.Helper()
	cluster := bustest.NewCluster(t, 3)
	return inside{
		reader: cluster.URL("reader"),
		config: func(user string) bus.Config { return bus.Config{URL: cluster.URL(user), Name: user, Replicas: 3} },
		bare: func(t *testing.T, user string) *nats.Conn {
			t.Helper()
			return dialURL(t, cluster, user)
		},
	}
}

func dial(t *testing.T, url string, opts ...nats.Option) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(url, append(opts, nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// TestReadersReadEventsAndNothingElse tries the same on the embedded server and
// on deploy/nats, so that the two agree.
func TestReadersReadEventsAndNothingElse(t *testing.T) {
	for name, start := range map[string]func(*testing.T) inside{"embedded": onEmbedded, "deploy/nats": onDeployment} {
		t.Run(name, func(t *testing.T) {
			in := start(t)
			services := map[string]*service{}
			for _, context := range bus.Contexts {
				s := newService(t, context)
				services[context] = s
				conn, err := bus.Connect(t.Context(), in.config(context))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(conn.Close)
				relay := bus.NewRelay(conn, context, s.store)
				run(t, relay.Run)
				replica, err := bus.Connect(t.Context(), in.config(context))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(replica.Close)
				run(t, bus.NewRelay(replica, context, s.store).Run)
				if context == "consumer" || context == "credential" {
					s.commit(20)
				}
				if context == "credential" {
					put(s, "cred_1", "MATERIAL")
				}
				eventually(t, context+" is relayed", func() bool {
					status := relay.Status()
					_, err := bareJS(t, in.bare(t, context)).Stream(t.Context(), bus.Stream(context))
					return err == nil && status.Published == s.head().Position && status.Material == s.head().Material && status.Err == nil
				})
			}
			nc := dial(t, in.reader)
			t.Run("a reader reads", func(t *testing.T) { reads(t, nc, services) })
			t.Run("a reader reads in every way that there is", func(t *testing.T) {
				bulk(services["consumer"])
				head := services["consumer"].head().Position
				eventually(t, "all is relayed", func() bool {
					stream, err := bareJS(t, nc).Stream(t.Context(), bus.Stream("consumer"))
					return err == nil && stream.CachedInfo().State.LastSeq == uint64(head)
				})
				readsInEveryWay(t, nc, uint64(head))
			})
			t.Run("a reader reads nothing else", func(t *testing.T) { readsNothingElse(t, nc, in) })
			t.Run("a reader writes nothing", func(t *testing.T) { writesNothing(t, nc, in) })
			for _, s := range services {
				if s.head().Position > 0 {
					if err := s.compare(bareJS(t, in.bare(t, s.context))); err != nil {
						t.Errorf("after all that, %s: %v", s.context, err)
					}
				}
			}
		})
	}
}

// dialURL connects as a user of the cluster.
func dialURL(t *testing.T, cluster *bustest.Cluster, user string) *nats.Conn {
	t.Helper()
	return dial(t, cluster.URL(user), nats.CustomInboxPrefix("_INBOX_"+user))
}

func bareJS(t *testing.T, nc *nats.Conn) jetstream.JetStream {
	t.Helper()
	stream, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func reads(t *testing.T, nc *nats.Conn, services map[string]*service) {
	reader := bareJS(t, nc)
	for _, context := range bus.Contexts {
		stream, err := reader.Stream(t.Context(), bus.Stream(context))
		if err != nil {
			t.Fatalf("info of %s: %v", context, err)
		}
		head := services[context].head()
		if stream.CachedInfo().State.LastSeq != uint64(head.Position) {
			t.Fatalf("%s has %d", context, stream.CachedInfo().State.LastSeq)
		}
	}
	read := func(t *testing.T, consumer jetstream.Consumer, ack bool) {
		t.Helper()
		// In a cluster the first pull may be lost before all nodes know of the consumer.
		messages, err := consumer.Messages(jetstream.PullExpiry(2*time.Second), jetstream.PullHeartbeat(500*time.Millisecond), jetstream.WithMessagesErrOnMissingHeartbeat(false))
		if err != nil {
			t.Fatal(err)
		}
		defer messages.Stop()
		for want := uint64(1); want <= 20; want++ {
			m, err := messages.Next(jetstream.NextMaxWait(15 * time.Second))
			if err != nil {
				t.Fatal(err)
			}
			if meta, err := m.Metadata(); err != nil || meta.Sequence.Stream != want {
				t.Fatalf("got %v, want %d: %v", meta, want, err)
			}
			if ack {
				if err := m.DoubleAck(t.Context()); err != nil {
					t.Fatalf("acknowledge: %v", err)
				}
			}
		}
	}
	t.Run("with an ordered consumer", func(t *testing.T) {
		consumer, err := reader.OrderedConsumer(t.Context(), bus.Stream("credential"), jetstream.OrderedConsumerConfig{FilterSubjects: []string{"tidegate.events.credential.issued"}})
		if err != nil {
			t.Fatal(err)
		}
		read(t, consumer, false)
	})
	t.Run("with an ephemeral consumer that acknowledges", func(t *testing.T) {
		consumer, err := reader.CreateConsumer(t.Context(), bus.Stream("consumer"), jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy, InactiveThreshold: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		read(t, consumer, true)
		info, err := consumer.Info(t.Context())
		if err != nil || info.AckFloor.Stream != 20 || info.Config.InactiveThreshold > 5*time.Minute || !info.Config.MemoryStorage {
			t.Fatalf("%+v, %v", info, err)
		}
		if err := reader.DeleteConsumer(t.Context(), bus.Stream("consumer"), info.Name); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("as they happen, with a plain subscription", func(t *testing.T) {
		sub, err := nc.SubscribeSync("tidegate.events.>")
		if err != nil {
			t.Fatal(err)
		}
		if err := nc.FlushTimeout(time.Second); err != nil {
			t.Fatal(err)
		}
		time.Sleep(200 * time.Millisecond) // interest crosses the cluster
		services["consumer"].commit(1)
		m, err := sub.NextMsg(5 * time.Second)
		if err != nil || m.Subject != "tidegate.events.consumer.registered" || m.Header.Get(bus.HeaderEpoch) == "" {
			t.Fatalf("%v, %v", m, err)
		}
	})
}

// asks sends a request and answers whether anything but a refusal came back.
func asks(nc *nats.Conn, subject string, body any) (answered bool, what string) {
	raw, ok := body.([]byte)
	if !ok {
		raw, _ = json.Marshal(body)
	}
	m, err := nc.Request(subject, raw, 200*time.Millisecond)
	if err != nil {
		return false, err.Error()
	}
	return !strings.Contains(string(m.Data), `"error"`), string(m.Data)
}

type object = map[string]any

func readsNothingElse(t *testing.T, nc *nats.Conn, in inside) {
	ctx, reader := t.Context(), bareJS(t, nc)
	create := func(stream string, config object) object { return object{"stream_name": stream, "config": config} }
	plain := object{"deliver_policy": "all", "ack_policy": "none"}
	source := object{"name": "TIDEGATE_MATERIAL"}
	for name, try := range map[string]struct {
		subject string
		body    any
	}{
		"info":                        {"$JS.API.STREAM.INFO.TIDEGATE_MATERIAL", []byte(nil)},
		"message get":                 {"$JS.API.STREAM.MSG.GET.TIDEGATE_MATERIAL", object{"seq": 1}},
		"direct get":                  {"$JS.API.DIRECT.GET.TIDEGATE_MATERIAL", object{"seq": 1}},
		"direct get by subject":       {"$JS.API.DIRECT.GET.TIDEGATE_MATERIAL.tidegate.material.cred_1.1", []byte(nil)},
		"consumer":                    {"$JS.API.CONSUMER.CREATE.TIDEGATE_MATERIAL", create("TIDEGATE_MATERIAL", plain)},
		"named consumer":              {"$JS.API.CONSUMER.CREATE.TIDEGATE_MATERIAL.spy", create("TIDEGATE_MATERIAL", plain)},
		"filtered consumer":           {"$JS.API.CONSUMER.CREATE.TIDEGATE_MATERIAL.spy.tidegate.material.>", create("TIDEGATE_MATERIAL", plain)},
		"durable consumer":            {"$JS.API.CONSUMER.DURABLE.CREATE.TIDEGATE_MATERIAL.spy", create("TIDEGATE_MATERIAL", object{"durable_name": "spy", "ack_policy": "none"})},
		"consumer under a false flag": {"$JS.API.CONSUMER.CREATE.TIDEGATE_CONSUMER.spy", create("TIDEGATE_MATERIAL", object{"name": "spy", "ack_policy": "none"})},
		"door to material":            {"tidegate.door.TIDEGATE_MATERIAL.spy", create("TIDEGATE_MATERIAL", plain)},
		"consumer names":              {"$JS.API.CONSUMER.NAMES.TIDEGATE_MATERIAL", []byte(nil)},
		"consumer list":               {"$JS.API.CONSUMER.LIST.TIDEGATE_MATERIAL", []byte(nil)},
		"consumer info":               {"$JS.API.CONSUMER.INFO.TIDEGATE_MATERIAL.spy", []byte(nil)},
		"door to lists":               {"tidegate.door.TIDEGATE_MATERIAL.LIST", []byte(nil)},
		"lists, past the door":        {"tidegate.door.ACCOUNT.LIST", []byte(nil)},
		"pushed material":             {"$JS.API.CONSUMER.CREATE.TIDEGATE_MATERIAL", create("TIDEGATE_MATERIAL", object{"deliver_subject": "_INBOX.spy"})},
		"pushed under a false flag":   {"$JS.API.CONSUMER.CREATE.TIDEGATE_CONSUMER", create("TIDEGATE_MATERIAL", object{"deliver_subject": "_INBOX.spy"})},
		"heads and heartbeats":        {"$JS.API.STREAM.INFO.TIDEGATE_FLEET", []byte(nil)},
		"pull":                        {"$JS.API.CONSUMER.MSG.NEXT.TIDEGATE_MATERIAL.spy", object{"batch": 1}},
		"mirror":                      {"$JS.API.STREAM.CREATE.SPY", object{"name": "SPY", "mirror": source}},
		"source":                      {"$JS.API.STREAM.CREATE.SPY", object{"name": "SPY", "sources": []object{source}}},
		"stream on all subjects":      {"$JS.API.STREAM.CREATE.SPY", object{"name": "SPY", "subjects": []string{"tidegate.>"}}},
		"snapshot":                    {"$JS.API.STREAM.SNAPSHOT.TIDEGATE_MATERIAL", object{"deliver_subject": "_INBOX.spy"}},
		"snapshot of events":          {"$JS.API.STREAM.SNAPSHOT.TIDEGATE_CONSUMER", object{"deliver_subject": "_INBOX.spy"}},
		"server":                      {"$SYS.REQ.SERVER.PING", []byte(nil)},
		"head of a service":           {"tidegate.head.consumer", []byte(nil)},
	} {
		if answered, what := asks(nc, try.subject, try.body); answered {
			t.Errorf("%s: it was answered: %s", name, what)
		}
	}
	own, err := bareJS(t, in.bare(t, "gateway")).CreateConsumer(ctx, bus.Stream("consumer"), jetstream.ConsumerConfig{AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, Replicas: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range []string{"NAMES", "LIST"} {
		m, err := nc.Request("$JS.API.CONSUMER."+list+".TIDEGATE_CONSUMER", nil, 5*time.Second)
		if err != nil || strings.Contains(string(m.Data), own.CachedInfo().Name) || !strings.Contains(string(m.Data), `"consumers"`) {
			t.Errorf("a reader sees a consumer that is not a reader's: %v, %v", m, err)
		}
	}
	if _, err := reader.CreateOrUpdateStream(ctx, jetstream.StreamConfig{Name: "SPY", Mirror: &jetstream.StreamSource{Name: bus.MaterialStream}}); err == nil {
		t.Error("a mirror was made")
	}

	// What material looks like to those who may read it must not reach a reader,
	// wherever it listens.
	heard := make(chan *nats.Msg, 1000)
	for _, subject := range []string{">", "tidegate.>", "tidegate.material.>", "_INBOX_test.>", "_INBOX_gateway.>", "_INBOX_credential.>", "_INBOX.>", "$JS.>", "_R_.>", "tidegate.heartbeat.>"} {
		if _, err := nc.ChanSubscribe(subject, heard); err != nil {
			t.Fatal(err)
		}
	}
	_ = nc.FlushTimeout(time.Second)
	insider := bareJS(t, in.bare(t, "gateway"))
	for _, stream := range []string{bus.MaterialStream, bus.Stream("credential")} {
		err := everyMessage(ctx, insider, stream, func(jetstream.Msg) error { return nil })
		if err != nil {
			t.Fatalf("a gateway reads %s: %v", stream, err)
		}
	}
	time.Sleep(300 * time.Millisecond)
	for len(heard) > 0 {
		m := <-heard
		if !strings.HasPrefix(m.Subject, "tidegate.events.") {
			t.Errorf("a reader heard %s: %.100s", m.Subject, m.Data)
		}
	}
}

func writesNothing(t *testing.T, nc *nats.Conn, in inside) {
	state := func() string {
		all := ""
		for _, context := range bus.Contexts {
			stream, err := bareJS(t, in.bare(t, context)).Stream(t.Context(), bus.Stream(context))
			if err != nil {
				t.Fatal(err)
			}
			info := stream.CachedInfo()
			all += fmt.Sprintf("%s %d %d %v %v; ", context, info.State.FirstSeq, info.State.LastSeq, info.Created, info.Config.Subjects)
		}
		stream, err := bareJS(t, in.bare(t, "credential")).Stream(t.Context(), bus.MaterialStream)
		if err != nil {
			t.Fatal(err)
		}
		return all + fmt.Sprint(stream.CachedInfo().State.LastSeq, stream.CachedInfo().Created)
	}
	// Inside, somebody listens for what a reader may have got through.
	forged := make(chan *nats.Msg, 100)
	for _, context := range bus.Contexts {
		spy := in.bare(t, context)
		for _, subject := range []string{"tidegate.heartbeat.>", "tidegate.fleet.member.*"} {
			if _, err := spy.ChanSubscribe(subject, forged); err != nil {
				t.Fatal(err)
			}
		}
		_ = spy.FlushTimeout(time.Second)
	}
	time.Sleep(200 * time.Millisecond)
	before := state()

	evil := []string{
		"tidegate.events.consumer.deleted", "tidegate.events.credential.revoked", "tidegate.events.service.retired",
		"tidegate.material.cred_1.1", "tidegate.heartbeat.gateway.evil", "tidegate.heartbeat.service.consumer.evil",
		"tidegate.fleet.member.evil", "tidegate.rebuild.TIDEGATE_CONSUMER", "tidegate.head.consumer",
		"tidegate.delivery.evil", "tidegate.door.TIDEGATE_CONSUMER.NAMES", "_INBOX_gateway.evil", "_INBOX_test.evil", "_INBOX.>",
	}
	for _, subject := range evil {
		if err := nc.Publish(subject, []byte("{}")); err != nil {
			t.Fatal(err)
		}
		// A request that is allowed, whose answer would be a forged message.
		for _, ask := range []struct{ subject, body string }{
			{"$JS.API.STREAM.INFO.TIDEGATE_CONSUMER", ""},
			{"$JS.API.CONSUMER.INFO.TIDEGATE_CONSUMER.none", ""},
			{"$JS.API.CONSUMER.MSG.NEXT.TIDEGATE_CONSUMER.none", `{"batch":1}`},
			{"$JS.API.STREAM.MSG.GET.TIDEGATE_CONSUMER", `{"seq":1}`},
			{"$JS.API.INFO", ""}, {"$JS.API.STREAM.NAMES", ""}, {"$JS.API.STREAM.LIST", ""},
			{"$JS.API.CONSUMER.NAMES.TIDEGATE_CONSUMER", ""}, {"$JS.API.CONSUMER.LIST.TIDEGATE_CONSUMER", ""},
			{"$JS.API.CONSUMER.DELETE.TIDEGATE_CONSUMER.none", ""},
			{"$JS.ACK.TIDEGATE_CONSUMER.evil.1.1.1.1.0", "+NXT"}, {"$JS.FC.TIDEGATE_CONSUMER.evil.1", ""},
			{"$JS.API.CONSUMER.CREATE.TIDEGATE_CONSUMER", `{"stream_name":"TIDEGATE_CONSUMER","config":{"ack_policy":"none"}}`},
			{"$JS.API.CONSUMER.CREATE.TIDEGATE_CONSUMER.evil", `{"stream_name":"TIDEGATE_CONSUMER","config":{"name":"evil","ack_policy":"none"}}`},
		} {
			if err := nc.PublishRequest(ask.subject, subject, []byte(ask.body)); err != nil {
				t.Fatal(err)
			}
		}
		// A consumer that would push there, asked for in each way; and one whose pulls would.
		for _, call := range []string{"CREATE.TIDEGATE_CONSUMER", "CREATE.TIDEGATE_CONSUMER.older", "DURABLE.CREATE.TIDEGATE_CONSUMER.older"} {
			for _, config := range []object{{"deliver_subject": subject}, {"deliver_subject": subject, "durable_name": "older", "idle_heartbeat": 100_000_000}} {
				if answered, what := asks(nc, "$JS.API.CONSUMER."+call, object{"stream_name": "TIDEGATE_CONSUMER", "config": config}); answered {
					t.Errorf("by %s a consumer may push to %s: %s", call, subject, what)
				}
			}
		}
		push := object{"name": "push", "deliver_subject": subject, "ack_policy": "none", "deliver_policy": "all"}
		if answered, what := asks(nc, "$JS.API.CONSUMER.CREATE.TIDEGATE_CONSUMER.push", object{"stream_name": "TIDEGATE_CONSUMER", "config": push}); answered {
			t.Errorf("a consumer may push to %s: %s", subject, what)
		}
		beat := object{"name": "beat", "deliver_subject": subject, "ack_policy": "none", "idle_heartbeat": 100_000_000, "flow_control": true}
		if answered, what := asks(nc, "$JS.API.CONSUMER.CREATE.TIDEGATE_CONSUMER.beat", object{"stream_name": "TIDEGATE_CONSUMER", "config": beat}); answered {
			t.Errorf("a consumer may beat on %s: %s", subject, what)
		}
		if err := nc.PublishRequest("$JS.API.CONSUMER.MSG.NEXT.TIDEGATE_CONSUMER.evil", subject, []byte(`{"batch":5}`)); err != nil {
			t.Fatal(err)
		}
	}
	for name, try := range map[string]struct {
		subject string
		body    any
	}{
		"durable push":     {"$JS.API.CONSUMER.DURABLE.CREATE.TIDEGATE_CONSUMER.d", object{"stream_name": "TIDEGATE_CONSUMER", "config": object{"durable_name": "d", "deliver_subject": "_INBOX.d"}}},
		"another stream":   {"$JS.API.CONSUMER.DURABLE.CREATE.TIDEGATE_CONSUMER.d", object{"stream_name": "TIDEGATE_MATERIAL", "config": object{"durable_name": "d"}}},
		"republish":        {"$JS.API.STREAM.UPDATE.TIDEGATE_CONSUMER", object{"name": "TIDEGATE_CONSUMER", "republish": object{"src": ">", "dest": "evil.>"}}},
		"reset":            {"$JS.API.CONSUMER.RESET.TIDEGATE_CONSUMER.evil", object{"seq": 1}},
		"old ephemeral":    {"$JS.API.CONSUMER.CREATE.TIDEGATE_CONSUMER", object{"stream_name": "TIDEGATE_CONSUMER", "config": object{"deliver_subject": "tidegate.events.credential.x", "ack_policy": "none"}}},
		"delete stream":    {"$JS.API.STREAM.DELETE.TIDEGATE_CONSUMER", []byte(nil)},
		"purge stream":     {"$JS.API.STREAM.PURGE.TIDEGATE_CONSUMER", []byte(nil)},
		"update stream":    {"$JS.API.STREAM.UPDATE.TIDEGATE_CONSUMER", object{"name": "TIDEGATE_CONSUMER", "max_msgs": 1}},
		"delete a message": {"$JS.API.STREAM.MSG.DELETE.TIDEGATE_CONSUMER", object{"seq": 1}},
		"create a stream":  {"$JS.API.STREAM.CREATE.EVIL", object{"name": "EVIL", "subjects": []string{"evil"}}},
		"pause":            {"$JS.API.CONSUMER.PAUSE.TIDEGATE_CONSUMER.evil", object{"pause_until": "2999-01-01T00:00:00Z"}},
		"leave":            {"$JS.API.STREAM.LEADER.STEPDOWN.TIDEGATE_CONSUMER", []byte(nil)},
	} {
		if answered, what := asks(nc, try.subject, try.body); answered {
			t.Errorf("%s: it was answered: %s", name, what)
		}
	}
	time.Sleep(500 * time.Millisecond)
	if after := state(); after != before {
		t.Errorf("the streams have changed:\n%s\n%s", before, after)
	}
	for len(forged) > 0 {
		m := <-forged
		t.Errorf("somebody inside heard %s: %.100s", m.Subject, m.Data)
	}
	if lost := nc.LastError(); lost != nil && !errors.Is(lost, nats.ErrPermissionViolation) {
		t.Errorf("the reader's connection: %v", lost)
	}
}
