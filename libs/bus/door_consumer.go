package bus

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"
)

// doorLife is how long a reader's consumer may live unread, unless it is durable.
// Of those there may be doorDurables on a stream; doorConsumers is how many a
// stream may have, with the project's own, when a reader makes another. JetStream
// itself stops at 1,000 a stream, whoever makes them: the rest is for services and
// gateways. Requests count each by itself, so that a few more may come about.
const (
	doorLife      = 5 * time.Minute
	doorDurables  = 32
	doorConsumers = 512
)

// doorMark is in the metadata of every consumer that the door has made.
const doorMark = "tidegate-reader"

// What a reader's consumer may say. A setting that is not here is refused, so
// that a newer server's settings are decided on before they are allowed.
var doorSettings = map[string]bool{
	"name": true, "description": true, "deliver_policy": true, "opt_start_seq": true, "opt_start_time": true,
	"ack_policy": true, "ack_wait": true, "max_deliver": true, "backoff": true, "filter_subject": true, "filter_subjects": true,
	"replay_policy": true, "sample_freq": true, "max_waiting": true, "max_ack_pending": true, "headers_only": true,
	"max_batch": true, "max_expires": true, "max_bytes": true, "inactive_threshold": true, "num_replicas": true,
	"mem_storage": true, "metadata": true, "durable_name": true,
	"deliver_subject": true, "flow_control": true, "idle_heartbeat": true, "rate_limit_bps": true,
}

// readerInbox is where a reader listens; delivery is what the accounts map it to,
// and nobody but readers hears.
const (
	readerInbox = "_INBOX."
	delivery    = "tidegate.delivery."
)

// create asks JetStream for the consumer, on the reader's behalf. rest is its
// name, and a filter; both may be missing.
func (d *door) make(ctx context.Context, rest string, body []byte) ([]byte, error) {
	wanted, err := readerConsumer(rest, body)
	if err != nil {
		return nil, err
	}
	if wanted.durable {
		d.making.Lock()
		defer d.making.Unlock()
	}
	if err := d.room(ctx, wanted); err != nil {
		return nil, err
	}
	answer, err := d.nc.RequestWithContext(ctx, "$JS.API.CONSUMER.CREATE."+d.stream+"."+wanted.rest, wanted.request)
	if err != nil {
		d.log.Debug("a reader's consumer was not made", "stream", d.stream, "error", err)
		return nil, errNoStream
	}
	if d.replicas > 1 {
		// The answer may overtake the news, among the nodes of a cluster, that the
		// consumer can be pulled from; a pull that comes too early is lost unseen
		// between the accounts, and a reader would notice after half a minute.
		_ = pause(ctx, doorPause)
	}
	return asReadersSee(answer.Data)
}

// room says whether one more consumer may be made. One that exists is none more.
func (d *door) room(ctx context.Context, wanted wish) error {
	if wanted.durable {
		all, err := d.readers(ctx)
		if err != nil {
			return err
		}
		durables := 0
		for _, one := range all {
			if one.name == wanted.name {
				return nil
			}
			if one.durable {
				durables++
			}
		}
		if durables >= doorDurables {
			return errTooMany
		}
	}
	info, err := d.streamInfo(ctx, d.stream)
	if err != nil || info == nil {
		return err // a stream that does not exist is JetStream's to tell
	}
	var state struct {
		Consumers int `json:"consumer_count"`
	}
	if err := json.Unmarshal(info["state"], &state); err != nil {
		return errNoStream
	}
	if state.Consumers >= doorConsumers {
		return errTooMany
	}
	return nil
}

// wish is a reader's consumer as it may be asked for.
type wish struct {
	rest    string // of the subject: the name, and a filter
	name    string
	durable bool
	request []byte
}

// readerConsumer answers a request for a consumer as a reader may make it: either
// it is pulled and durable, or it passes away when nobody reads it, and what it
// pushes goes to readers alone.
func readerConsumer(rest string, body []byte) (wish, error) {
	var request struct {
		Stream string                     `json:"stream_name"`
		Action string                     `json:"action,omitempty"`
		Config map[string]json.RawMessage `json:"config"`
	}
	if err := json.Unmarshal(body, &request); err != nil || request.Config == nil {
		return wish{}, errUnread
	}
	config := request.Config
	for name, value := range config {
		switch {
		case empty(value):
			delete(config, name)
		case !doorSettings[name]:
			return wish{}, fmt.Errorf("a reader's consumer may not set %q", name)
		}
	}
	var name, durable, inbox string
	var life int64
	var metadata map[string]string
	for setting, into := range map[string]any{
		"name": &name, "durable_name": &durable, "deliver_subject": &inbox, "inactive_threshold": &life, "metadata": &metadata,
	} {
		if value, ok := config[setting]; ok && json.Unmarshal(value, into) != nil {
			return wish{}, errUnread
		}
	}
	set := func(setting string, value any) {
		config[setting], _ = json.Marshal(value) // texts and numbers alone: cannot fail
	}

	subject, _, _ := strings.Cut(rest, ".")
	for _, given := range []string{durable, subject} {
		if name != "" && given != "" && name != given {
			return wish{}, errors.New("the consumer's names differ")
		}
		name = cmp.Or(name, given)
	}
	name = cmp.Or(name, rand.Text())
	if rest == "" {
		rest = name
	}
	set("name", name)

	if inbox != "" {
		if durable != "" {
			return wish{}, errors.New("a reader's durable consumer is pulled: leave out deliver_subject, or durable_name")
		}
		own, ok := strings.CutPrefix(inbox, readerInbox)
		if !ok || !literal(own) {
			return wish{}, fmt.Errorf("a reader's consumer delivers to %s<...>, not to %q", readerInbox, inbox)
		}
		set("deliver_subject", delivery+own)
	}
	if durable == "" {
		if life <= 0 || life > int64(doorLife) {
			life = int64(doorLife)
		}
		set("inactive_threshold", life)
		set("mem_storage", true)
		set("num_replicas", 1)
		request.Action = "create"
	} else {
		delete(config, "mem_storage") // its cursor is kept as safely as the stream
		delete(config, "num_replicas")
	}
	marked := maps.Clone(metadata)
	if marked == nil {
		marked = map[string]string{}
	}
	marked[doorMark] = "true"
	set("metadata", marked)
	made, err := json.Marshal(request)
	if err != nil {
		return wish{}, errUnread
	}
	return wish{rest: rest, name: name, durable: durable != "", request: made}, nil
}

// literal says whether a subject names one subject, by tokens that no server
// takes for anything else.
func literal(subject string) bool {
	for part := range strings.SplitSeq(subject, ".") {
		if part == "" || strings.ContainsFunc(part, func(r rune) bool { return r <= ' ' || r == '*' || r == '>' || r == 0x7f }) {
			return false
		}
	}
	return true
}

func empty(value json.RawMessage) bool {
	switch string(value) {
	case `""`, "0", "false", "null", "[]", "{}":
		return true
	}
	return false
}

// asReadersSee turns JetStream's words about a consumer into a reader's: pushed
// messages come to its inbox.
func asReadersSee(consumer json.RawMessage) (json.RawMessage, error) {
	var answer, config map[string]json.RawMessage
	if err := json.Unmarshal(consumer, &answer); err != nil {
		return nil, errNoStream
	}
	if answer["config"] == nil || json.Unmarshal(answer["config"], &config) != nil {
		return consumer, nil // a refusal of JetStream's own
	}
	var to string
	if json.Unmarshal(config["deliver_subject"], &to) != nil || !strings.HasPrefix(to, delivery) {
		return consumer, nil
	}
	config["deliver_subject"], _ = json.Marshal(readerInbox + strings.TrimPrefix(to, delivery))
	var err error
	if answer["config"], err = json.Marshal(config); err != nil {
		return nil, errNoStream
	}
	return json.Marshal(answer)
}
