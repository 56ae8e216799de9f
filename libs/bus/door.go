package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// Readers of events come from an account of their own, and what they ask of
// JetStream reaches it directly but for one call: making a consumer. A consumer
// can name the subject to which the server then publishes, whoever asked; that
// would let a reader write events. So these calls come here, where the relay of
// the stream looks at them first.

// doorLife is how long a reader's consumer may live unread; doorPlaces is how
// many requests of readers are under way at once.
const (
	doorLife   = 5 * time.Minute
	doorPlaces = 16
	doorPause  = 100 * time.Millisecond
)

// What a reader's consumer may say. A setting that is not here is refused, so
// that a newer server's settings are decided on before they are allowed.
var doorSettings = map[string]bool{
	"name": true, "description": true, "deliver_policy": true, "opt_start_seq": true, "opt_start_time": true,
	"ack_policy": true, "ack_wait": true, "max_deliver": true, "backoff": true, "filter_subject": true, "filter_subjects": true,
	"replay_policy": true, "sample_freq": true, "max_waiting": true, "max_ack_pending": true, "headers_only": true,
	"max_batch": true, "max_expires": true, "max_bytes": true, "inactive_threshold": true, "num_replicas": true,
	"mem_storage": true, "metadata": true,
}

// serveDoor answers readers' requests for consumers on one stream, until ctx
// ends.
func (c *Conn) serveDoor(ctx context.Context, stream string) error {
	prefix := doorSubject + stream + "."
	places := make(chan struct{}, doorPlaces)
	sub, err := c.nc.QueueSubscribe(prefix+">", "door", func(m *nats.Msg) {
		select {
		case places <- struct{}{}:
		default:
			_ = m.Respond(refusal(errors.New("too many readers at once: try again")))
			return
		}
		go func() {
			defer func() { <-places }()
			answer, err := c.pass(ctx, stream, strings.TrimPrefix(m.Subject, prefix), m.Data)
			if err != nil {
				answer = refusal(err)
			}
			if err := m.Respond(answer); err != nil {
				c.log.Debug("a reader was not answered", "error", err)
			}
		}()
	})
	if err != nil {
		return fmt.Errorf("serve readers of %s: %w", stream, err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	<-ctx.Done()
	return ctx.Err()
}

// pass asks JetStream for the consumer, on the reader's behalf. rest is what
// follows the stream's name in the subject: the consumer's name, and a filter.
func (c *Conn) pass(ctx context.Context, stream, rest string, body []byte) ([]byte, error) {
	request, err := readerConsumer(body)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, ackTime)
	defer cancel()
	answer, err := c.nc.RequestWithContext(ctx, "$JS.API.CONSUMER.CREATE."+stream+"."+rest, request)
	if err != nil {
		c.log.Debug("a reader's consumer was not made", "stream", stream, "error", err)
		return nil, errors.New("the stream cannot be reached")
	}
	if c.replicas > 1 {
		// The answer may overtake the news, among the nodes of a cluster, that the
		// consumer can be pulled from; a pull that comes too early is lost unseen
		// between the accounts, and a reader would notice after half a minute.
		_ = pause(ctx, doorPause)
	}
	return answer.Data, nil
}

// readerConsumer answers a request for a consumer as a reader may make it: it is
// pulled, and passes away when nobody reads it.
func readerConsumer(body []byte) ([]byte, error) {
	var request struct {
		Stream string                     `json:"stream_name"`
		Action string                     `json:"action,omitempty"`
		Config map[string]json.RawMessage `json:"config"`
	}
	if err := json.Unmarshal(body, &request); err != nil || request.Config == nil {
		return nil, errors.New("the request cannot be read")
	}
	for name, value := range request.Config {
		if !doorSettings[name] && !empty(value) {
			return nil, fmt.Errorf("a reader's consumer may not set %q", name)
		}
		if !doorSettings[name] {
			delete(request.Config, name)
		}
	}
	life := int64(doorLife)
	if asked, ok := request.Config["inactive_threshold"]; ok {
		var wish int64
		if json.Unmarshal(asked, &wish) == nil && wish > 0 {
			life = min(life, wish)
		}
	}
	request.Config["inactive_threshold"] = fmt.Appendf(nil, "%d", life)
	request.Config["mem_storage"] = json.RawMessage("true")
	request.Config["num_replicas"] = json.RawMessage("1")
	request.Action = "create"
	return json.Marshal(request)
}

func empty(value json.RawMessage) bool {
	switch string(value) {
	case `""`, "0", "false", "null", "[]", "{}":
		return true
	}
	return false
}

// refusal is an answer in the words of JetStream's API.
func refusal(err error) []byte {
	type fault struct {
		Code        int    `json:"code"`
		Description string `json:"description"`
	}
	body, _ := json.Marshal(struct { // texts and numbers alone: cannot fail
		Type  string `json:"type"`
		Error fault  `json:"error"`
	}{"io.nats.jetstream.api.v1.consumer_create_response", fault{403, err.Error()}})
	return body
}
