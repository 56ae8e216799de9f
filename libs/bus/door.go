package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// Readers of events come from an account of their own. What they merely ask of a
// stream or of a consumer reaches JetStream directly; two kinds of call come here
// first, to the relay of the stream:
//
//   - Making a consumer. It can name the subject to which the server then
//     publishes, whoever asked; that would let a reader write events. So the door
//     sends what is pushed to a subject that the readers' account alone hears.
//   - Listing. JetStream would tell of material, and of consumers that are not
//     theirs.

// doorPlaces is how many requests of readers are under way at once; doorTime,
// after which one is refused, is shorter than clients wait.
const (
	doorPlaces = 16
	doorTime   = 4 * time.Second
	doorPause  = 100 * time.Millisecond
	doorQueue  = "door" // of a service's replicas one answers
)

// What a reader may ask of a stream, and of the account, as the last tokens of
// the subject to which the accounts map the request.
const (
	doorCreate  = "CREATE"  // [.<name>[.<filter>]]
	doorDurable = "DURABLE" // .<name>
	doorNames   = "NAMES"
	doorList    = "LIST"
	doorInfo    = "INFO"
	doorAccount = "ACCOUNT" // in the place of a stream: NAMES, LIST and INFO
)

// door answers readers, for one stream.
type door struct {
	*Conn
	stream string
	places chan struct{}
	making sync.Mutex // a durable consumer, of which there are not many
}

// serveDoor answers readers' requests for one stream, and with the others of its
// kind those for all, until ctx ends.
func (c *Conn) serveDoor(ctx context.Context, stream string) error {
	d := &door{Conn: c, stream: stream, places: make(chan struct{}, doorPlaces)}
	for prefix, answer := range map[string]answerFunc{
		doorSubject + stream + ".":      d.aboutStream,
		doorSubject + doorAccount + ".": d.aboutAccount,
	} {
		sub, err := c.nc.QueueSubscribe(prefix+">", doorQueue, func(m *nats.Msg) { d.open(ctx, prefix, m, answer) })
		if err != nil {
			return fmt.Errorf("serve readers of %s: %w", stream, err)
		}
		defer func() { _ = sub.Unsubscribe() }()
	}
	<-ctx.Done()
	return ctx.Err()
}

// answerFunc answers one call: its first token after the prefix, what follows it,
// and the request's body.
type answerFunc func(ctx context.Context, call, rest string, body []byte) ([]byte, error)

// open takes a request in, if there is room.
func (d *door) open(ctx context.Context, prefix string, m *nats.Msg, answer answerFunc) {
	call, rest, _ := strings.Cut(strings.TrimPrefix(m.Subject, prefix), ".")
	respond := func(body []byte, err error) {
		if err != nil {
			body = refusal(prefix == doorSubject+doorAccount+".", call, err)
		}
		if err := m.Respond(body); err != nil {
			d.log.Debug("a reader was not answered", "error", err)
		}
	}
	select {
	case d.places <- struct{}{}:
	default:
		respond(nil, errors.New("too many readers at once: try again"))
		return
	}
	go func() {
		defer func() { <-d.places }()
		ctx, cancel := context.WithTimeout(ctx, doorTime)
		defer cancel()
		respond(answer(ctx, call, rest, m.Data))
	}()
}

func (d *door) aboutStream(ctx context.Context, call, rest string, body []byte) ([]byte, error) {
	switch call {
	case doorCreate, doorDurable:
		return d.make(ctx, rest, body)
	case doorNames, doorList:
		return d.consumers(ctx, call, body)
	}
	return nil, errNoCall
}

var (
	errNoCall   = errors.New("a reader may not ask for this")
	errNoStream = errors.New("the stream cannot be reached")
	errTooMany  = errors.New("readers have as many consumers on this stream as they may: delete one")
	errUnread   = errors.New("the request cannot be read")
)

// Codes of a refusal; maximumConsumers is JetStream's own number for errTooMany.
const (
	codeForbidden    = 403
	codeBad          = 400
	maximumConsumers = 10026
)

// refusal is an answer in the words of JetStream's API.
func refusal(account bool, call string, err error) []byte {
	type fault struct {
		Code        int    `json:"code"`
		ErrCode     int    `json:"err_code,omitempty"`
		Description string `json:"description"`
	}
	said := fault{Code: codeForbidden, Description: err.Error()}
	if errors.Is(err, errTooMany) {
		said.Code, said.ErrCode = codeBad, maximumConsumers
	}
	body, _ := json.Marshal(struct { // texts and numbers alone: cannot fail
		Type  string `json:"type"`
		Error fault  `json:"error"`
	}{answerType(account, call), said})
	return body
}

// answerType is how JetStream's API names the answer to a call.
func answerType(account bool, call string) string {
	const api = "io.nats.jetstream.api.v1."
	switch {
	case account && call == doorInfo:
		return api + "account_info_response"
	case account:
		return api + "stream_" + strings.ToLower(call) + "_response"
	case call == doorNames || call == doorList:
		return api + "consumer_" + strings.ToLower(call) + "_response"
	}
	return api + "consumer_create_response"
}
