package bustest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/libs/bus"
)

// bulk makes a stream longer than a server pushes without hearing from its
// reader.
func bulk(s *service) {
	for i := range 40 {
		id := fmt.Sprintf("bulk%d", i)
		s.append(s.store, id, consumer.Registered{Concerns: events.Concerns{ConsumerID: id}, Name: id, Description: strings.Repeat("x", 150<<10)})
	}
}

const everything = "tidegate.events.consumer.>"

// readsInEveryWay reads the consumer service's events as clients do that know
// nothing of Tidegate: in each style of nats.go, of which the older are those of
// other languages too.
func readsInEveryWay(t *testing.T, nc *nats.Conn, last uint64) {
	old, err := nc.JetStream(nats.MaxWait(4 * time.Second))
	if err != nil {
		t.Fatal(err)
	}
	js, ctx, stream := bareJS(t, nc), t.Context(), bus.Stream("consumer")
	var names []string
	for _, context := range bus.Contexts {
		names = append(names, bus.Stream(context))
	}
	slices.Sort(names)

	next := func(t *testing.T, want uint64, m *nats.Msg, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%d of %d: %v", want, last, err)
		}
		if meta, err := m.Metadata(); err != nil || meta.Sequence.Stream != want || !strings.HasPrefix(m.Subject, "tidegate.events.consumer.") {
			t.Fatalf("%s: %+v, want %d, %v", m.Subject, meta, want, err)
		}
	}
	pushed := func(t *testing.T, ack bool, opts ...nats.SubOpt) {
		t.Helper()
		sub, err := old.SubscribeSync(everything, opts...)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = sub.Unsubscribe() }()
		for want := uint64(1); want <= last; want++ {
			m, err := sub.NextMsg(10 * time.Second)
			next(t, want, m, err)
			if ack {
				if err := m.AckSync(); err != nil {
					t.Fatalf("acknowledge: %v", err)
				}
			}
		}
	}
	t.Run("a subscription that looks its stream up", func(t *testing.T) { pushed(t, true) })
	t.Run("a subscription that is bound to its stream", func(t *testing.T) { pushed(t, false, nats.BindStream(stream), nats.AckNone()) })
	t.Run("a subscription with heartbeats and flow control", func(t *testing.T) {
		pushed(t, true, nats.IdleHeartbeat(500*time.Millisecond), nats.EnableFlowControl())
	})
	t.Run("an ordered subscription", func(t *testing.T) { pushed(t, false, nats.OrderedConsumer()) })
	t.Run("a subscription lives while nothing happens", func(t *testing.T) {
		sub, err := old.SubscribeSync(everything, nats.OrderedConsumer(), nats.IdleHeartbeat(200*time.Millisecond), nats.StartSequence(last))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = sub.Unsubscribe() }()
		m, err := sub.NextMsg(5 * time.Second)
		next(t, last, m, err)
		before, err := sub.ConsumerInfo()
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if after, err := sub.ConsumerInfo(); err != nil || after.Name != before.Name {
			t.Errorf("its consumer %s became %v: %v", before.Name, after, err)
		}
	})
	fetch := func(t *testing.T, sub *nats.Subscription, from, to uint64) {
		t.Helper()
		for want := from; want <= to; {
			batch, err := sub.Fetch(int(min(10, to-want+1)), nats.MaxWait(5*time.Second))
			if err != nil {
				t.Fatalf("%d of %d: %v", want, to, err)
			}
			for _, m := range batch {
				next(t, want, m, m.AckSync())
				want++
			}
		}
	}
	t.Run("a pull subscription that passes away", func(t *testing.T) {
		sub, err := old.PullSubscribe(everything, "")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = sub.Unsubscribe() }()
		fetch(t, sub, 1, last)
	})
	legacy, err := nc.JetStream(nats.UseLegacyDurableConsumers())
	if err != nil {
		t.Fatal(err)
	}
	for name, as := range map[string]nats.JetStreamContext{"keep": old, "old": legacy} {
		t.Run("a pull subscription whose cursor the server keeps: "+name, func(t *testing.T) {
			sub, err := as.PullSubscribe(everything, name)
			if err != nil {
				t.Fatal(err)
			}
			fetch(t, sub, 1, 7)
			again, err := as.PullSubscribe(everything, name, nats.Bind(stream, name))
			if err != nil {
				t.Fatal(err)
			}
			fetch(t, again, 8, last)
			info, err := as.ConsumerInfo(stream, name)
			if err != nil || info.Config.InactiveThreshold != 0 || info.Config.MemoryStorage || info.AckFloor.Stream != last {
				t.Errorf("%+v, %v", info, err)
			}
			if err := as.DeleteConsumer(stream, name); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("a durable consumer, made twice and found again", func(t *testing.T) {
		config := jetstream.ConsumerConfig{Durable: "twice", AckPolicy: jetstream.AckAllPolicy, FilterSubject: "tidegate.events.consumer.registered"}
		for range 2 {
			if _, err := js.CreateOrUpdateConsumer(ctx, stream, config); err != nil {
				t.Fatal(err)
			}
		}
		config.Description = "changed"
		if _, err := js.UpdateConsumer(ctx, stream, config); err != nil {
			t.Fatal(err)
		}
		found, err := js.Consumer(ctx, stream, "twice")
		if err != nil || found.CachedInfo().Config.Description != "changed" {
			t.Fatalf("%v, %v", found, err)
		}
		batch, err := found.Fetch(5, jetstream.FetchMaxWait(5*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		got := 0
		for range batch.Messages() {
			got++
		}
		if got != 5 {
			t.Errorf("%d messages, %v", got, batch.Error())
		}
		if err := js.DeleteConsumer(ctx, stream, "twice"); err != nil {
			t.Error(err)
		}
	})
	t.Run("a push consumer that is asked for by name", func(t *testing.T) {
		inbox := nats.NewInbox()
		made, err := js.CreatePushConsumer(ctx, stream, jetstream.ConsumerConfig{Name: "pushed", DeliverSubject: inbox, AckPolicy: jetstream.AckNonePolicy, IdleHeartbeat: time.Second})
		if err != nil || made.CachedInfo().Config.DeliverSubject != inbox {
			t.Fatalf("%v, %v", made, err)
		}
		arrived := make(chan jetstream.Msg, 1000)
		consuming, err := made.Consume(func(m jetstream.Msg) { arrived <- m })
		if err != nil {
			t.Fatal(err)
		}
		defer consuming.Stop()
		for want := uint64(1); want <= last; want++ {
			select {
			case m := <-arrived:
				if meta, err := m.Metadata(); err != nil || meta.Sequence.Stream != want {
					t.Fatalf("%+v, want %d, %v", meta, want, err)
				}
			case <-time.After(10 * time.Second):
				t.Fatalf("%d did not come", want)
			}
		}
		consumers, listed := consumerNames(t, js, stream), 0
		for info := range lookUp(t, js, stream).ListConsumers(ctx).Info() {
			listed++
			if info.Name == "pushed" && info.Config.DeliverSubject != inbox {
				t.Errorf("it delivers to %s", info.Config.DeliverSubject)
			}
		}
		if !slices.Contains(consumers, "pushed") || listed != len(consumers) {
			t.Errorf("%v, %d", consumers, listed)
		}
	})
	t.Run("one message", func(t *testing.T) {
		if m, err := old.GetMsg(stream, 3); err != nil || m.Sequence != 3 {
			t.Errorf("%v, %v", m, err)
		}
		if m, err := lookUp(t, js, stream).GetLastMsgForSubject(ctx, everything); err != nil || m.Sequence != last {
			t.Errorf("%v, %v", m, err)
		}
	})
	t.Run("what there is", func(t *testing.T) {
		for context, want := range map[string]string{"consumer": stream, "service": bus.Stream("catalog")} {
			if name, err := js.StreamNameBySubject(ctx, "tidegate.events."+context+".registered"); err != nil || name != want {
				t.Errorf("%s: %s, %v", context, name, err)
			}
		}
		for _, foreign := range []string{"tidegate.material.>", "tidegate.fleet.member.*", "tidegate.rebuild.>"} {
			if name, err := js.StreamNameBySubject(ctx, foreign); err == nil {
				t.Errorf("%s: %s", foreign, name)
			}
		}
		var named, listed []string
		for name := range js.StreamNames(ctx).Name() {
			named = append(named, name)
		}
		for info := range js.ListStreams(ctx).Info() {
			listed = append(listed, info.Config.Name)
			if info.Config.Name == stream && info.State.LastSeq != last {
				t.Errorf("%+v", info.State)
			}
		}
		slices.Sort(named)
		slices.Sort(listed)
		if !slices.Equal(named, names) || !slices.Equal(listed, names) {
			t.Errorf("%v, %v, want %v", named, listed, names)
		}
		if info, err := js.AccountInfo(ctx); err != nil || info.Streams != len(names) {
			t.Errorf("%+v, %v", info, err)
		}
	})
	t.Run("what may not be is refused at once", func(t *testing.T) {
		for name, try := range map[string]func() error{
			"a durable push consumer": func() error { _, err := old.SubscribeSync(everything, nats.Durable("d")); return err },
			"a queue":                 func() error { _, err := old.QueueSubscribeSync(everything, "workers"); return err },
			"a delivery elsewhere": func() error {
				_, err := js.CreatePushConsumer(ctx, stream, jetstream.ConsumerConfig{DeliverSubject: "tidegate.events.consumer.deleted"})
				return err
			},
		} {
			began := time.Now()
			err := try()
			if failed := (*nats.APIError)(nil); err == nil || time.Since(began) > 2*time.Second || errors.Is(err, nats.ErrTimeout) ||
				(!errors.As(err, &failed) && !strings.Contains(err.Error(), "reader")) {
				t.Errorf("%s: %v after %s", name, err, time.Since(began))
			}
		}
	})
	t.Run("durable consumers are bounded", func(t *testing.T) {
		made := 0
		for ; made < 100; made++ {
			_, err := js.CreateConsumer(ctx, bus.Stream("catalog"), jetstream.ConsumerConfig{Durable: fmt.Sprintf("d%d", made), AckPolicy: jetstream.AckExplicitPolicy})
			if failed := (*jetstream.APIError)(nil); errors.As(err, &failed) && failed.ErrorCode == jetstream.JSErrCodeMaximumConsumersLimit {
				break
			} else if err != nil {
				t.Fatalf("%d: %v", made, err)
			}
		}
		if made != 32 {
			t.Errorf("%d could be made", made)
		}
		for _, name := range consumerNames(t, js, bus.Stream("catalog")) {
			if err := js.DeleteConsumer(ctx, bus.Stream("catalog"), name); err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("of several replicas one answers", func(t *testing.T) {
		for _, call := range []string{"STREAM.NAMES", "CONSUMER.NAMES." + stream} {
			inbox := nats.NewInbox()
			sub, err := nc.SubscribeSync(inbox)
			if err != nil {
				t.Fatal(err)
			}
			if err := nc.PublishRequest("$JS.API."+call, inbox, nil); err != nil {
				t.Fatal(err)
			}
			m, err := sub.NextMsg(4 * time.Second)
			if err != nil || !json.Valid(m.Data) {
				t.Fatalf("%s: %v, %v", call, m, err)
			}
			if second, err := sub.NextMsg(300 * time.Millisecond); err == nil {
				t.Errorf("%s: another answer: %s", call, second.Data)
			}
			_ = sub.Unsubscribe()
		}
	})
}

func lookUp(t *testing.T, js jetstream.JetStream, name string) jetstream.Stream {
	t.Helper()
	stream, err := js.Stream(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func consumerNames(t *testing.T, js jetstream.JetStream, stream string) (names []string) {
	t.Helper()
	all := lookUp(t, js, stream).ConsumerNames(t.Context())
	for name := range all.Name() {
		names = append(names, name)
	}
	if all.Err() != nil {
		t.Fatal(all.Err())
	}
	return names
}

func TestReadersCannotFillAStreamWithConsumers(t *testing.T) {
	in := onEmbedded(t)
	s := newService(t, "consumer")
	conn, err := bus.Connect(t.Context(), in.config("consumer"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	run(t, bus.NewRelay(conn, "consumer", s.store).Run)
	s.commit(1)
	reader, own, stream := bareJS(t, dial(t, in.reader)), bareJS(t, in.bare(t, "consumer")), bus.Stream("consumer")
	eventually(t, "there is a stream", func() bool {
		_, err := reader.Stream(t.Context(), stream)
		return err == nil
	})
	config := jetstream.ConsumerConfig{AckPolicy: jetstream.AckNonePolicy}
	made := 0
	for ; made < 2000; made++ {
		_, err := reader.CreateConsumer(t.Context(), stream, config)
		if failed := (*jetstream.APIError)(nil); errors.As(err, &failed) && failed.ErrorCode == jetstream.JSErrCodeMaximumConsumersLimit {
			break
		} else if err != nil {
			t.Fatalf("%d: %v", made, err)
		}
	}
	if made != 512 {
		t.Errorf("%d could be made", made)
	}
	if all := consumerNames(t, reader, stream); len(all) != made {
		t.Errorf("%d are listed of %d", len(all), made)
	}
	config.MemoryStorage = true
	if _, err := own.CreateConsumer(t.Context(), stream, config); err != nil {
		t.Errorf("the project's own: %v", err)
	}
}
