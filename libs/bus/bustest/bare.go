package bustest

import (
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/tidegate-io/tidegate/libs/bus/embedded"
)

// Bare is the least that JetStream takes to carry something: a server of its own,
// as durable as ours, and an ordered consumer. Each call of once publishes body
// and returns when the consumer's callback has it. Latencies are told beside it.
func Bare(t testing.TB, body []byte) (once func()) {
	t.Helper()
	server, err := embedded.Start(t.Context(), embedded.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Shutdown)
	user, password := server.UserInfo()
	conn, err := nats.Connect("", nats.InProcessServer(server), nats.UserInfo(user, password), nats.CustomInboxPrefix("_INBOX_bare"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	bare, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bare.CreateStream(t.Context(), jetstream.StreamConfig{Name: "BARE", Subjects: []string{"bare"}}); err != nil {
		t.Fatal(err)
	}
	consumer, err := bare.OrderedConsumer(t.Context(), "BARE", jetstream.OrderedConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	arrived := make(chan struct{})
	consuming, err := consumer.Consume(func(jetstream.Msg) { arrived <- struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(consuming.Stop)
	return func() {
		t.Helper()
		if _, err := bare.PublishAsync("bare", body); err != nil {
			t.Fatal(err)
		}
		<-arrived
	}
}
