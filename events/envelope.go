// Package events is Tidegate's public wire contract: the CloudEvents envelope
// in which every fact travels, the registry that decodes payloads, and, in its
// sub-packages, the event types of each context.
//
// It uses the standard library alone, so that other organisations can import
// it to read the streams. It does not publish, subscribe or store: NATS carries
// the bytes that Encode makes, and nothing ever encodes them a second time.
package events

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Data is the payload of one event. EventType answers its dotted, past-tense
// name, for example "subscription.approved".
type Data interface{ EventType() string }

// Envelope is one event with what every reader needs to know about it.
//
// Stream, Version, Position and Time are set by the store in the append
// transaction; everything else comes with the command.
type Envelope struct {
	ID     string // UUIDv7; also the Nats-Msg-Id
	Type   string // "subscription.approved"
	Schema int    // payload schema, from 1
	Source string // "/tidegate/<namespace>/<service>"

	Stream   string    // the aggregate: "<context word>-<id>", such as "subscription-sub_01h..."
	Version  int64     // from 1 within the stream
	Position int64     // from 1 within the source, gapless, in commit order
	Time     time.Time // UTC, microseconds; never below its predecessor's in the source

	Actor         string // the caller's bare subject, or "policy:<name>"
	CorrelationID string // the request that started it all
	CausationID   string // the event that this one reacts to; empty for a command from outside
	TraceParent   string // W3C trace context of the command

	Data json.RawMessage
}

// MaxSize is the largest encoded event, in bytes, that a store accepts.
const MaxSize = 256 << 10

const (
	specVersion     = "1.0"
	dataContentType = "application/json"
	schemaPrefix    = "https://tidegate.io/schemas/"

	// ContentType is the media type of an encoded envelope.
	ContentType = "application/cloudevents+json"
	// SubjectPrefix precedes the event type in a NATS subject.
	SubjectPrefix = "tidegate.events."
)

// wire is the CloudEvents 1.0 JSON form (structured mode). The order of the
// members is the order on the wire.
type wire struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Subject         string          `json:"subject"`
	Time            string          `json:"time"`
	DataSchema      string          `json:"dataschema"`
	DataContentType string          `json:"datacontenttype"`
	Sequence        string          `json:"sequence"`
	Version         int64           `json:"version"`
	Actor           string          `json:"actor,omitempty"`
	CorrelationID   string          `json:"correlationid,omitempty"`
	CausationID     string          `json:"causationid,omitempty"`
	TraceParent     string          `json:"traceparent,omitempty"`
	Data            json.RawMessage `json:"data"`
}

// Word answers the context word of an event type: "subscription" for
// "subscription.approved".
func Word(eventType string) string {
	word, _, _ := strings.Cut(eventType, ".")
	return word
}

// Subject answers the NATS subject on which an event type is published.
func Subject(eventType string) string { return SubjectPrefix + eventType }

// Aggregate answers the aggregate's id: the stream without its context word.
func (e Envelope) Aggregate() string {
	_, id, _ := strings.Cut(e.Stream, "-")
	return id
}

// DataSchema answers the URI that names a payload schema.
func DataSchema(eventType string, schema int) string {
	return schemaPrefix + eventType + ".v" + strconv.Itoa(schema) + ".json"
}

// Encode writes the CloudEvents JSON body of an envelope. The bytes are the
// event from then on: the store keeps them and the relay sends them verbatim.
func Encode(e Envelope) ([]byte, error) {
	if Word(e.Type)+"-"+e.Aggregate() != e.Stream || e.Aggregate() == "" {
		return nil, fmt.Errorf("encode event %s: stream %q does not belong to type %q", e.ID, e.Stream, e.Type)
	}
	body, err := json.Marshal(wire{
		SpecVersion:     specVersion,
		ID:              e.ID,
		Source:          e.Source,
		Type:            e.Type,
		Subject:         e.Aggregate(),
		Time:            e.Time.UTC().Format(time.RFC3339Nano),
		DataSchema:      DataSchema(e.Type, e.Schema),
		DataContentType: dataContentType,
		Sequence:        strconv.FormatInt(e.Position, 10),
		Version:         e.Version,
		Actor:           e.Actor,
		CorrelationID:   e.CorrelationID,
		CausationID:     e.CausationID,
		TraceParent:     e.TraceParent,
		Data:            e.Data,
	})
	if err != nil {
		return nil, fmt.Errorf("encode event %s: %w", e.ID, err)
	}
	return body, nil
}

// Decode reads a CloudEvents JSON body. It leaves Data undecoded: that is the
// registry's part. Errors wrap ErrMalformed.
func Decode(body []byte) (Envelope, error) {
	var w wire
	if err := json.Unmarshal(body, &w); err != nil {
		return Envelope{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if w.SpecVersion != specVersion || w.ID == "" || w.Type == "" || w.Subject == "" {
		return Envelope{}, fmt.Errorf("%w: not a CloudEvents %s event with id, type and subject", ErrMalformed, specVersion)
	}
	at, err := time.Parse(time.RFC3339Nano, w.Time)
	if err != nil {
		return Envelope{}, fmt.Errorf("%w: time of event %s: %w", ErrMalformed, w.ID, err)
	}
	position, err := strconv.ParseInt(w.Sequence, 10, 64)
	if err != nil {
		return Envelope{}, fmt.Errorf("%w: sequence of event %s: %w", ErrMalformed, w.ID, err)
	}
	schema, err := parseSchema(w.Type, w.DataSchema)
	if err != nil {
		return Envelope{}, fmt.Errorf("%w: event %s: %w", ErrMalformed, w.ID, err)
	}
	return Envelope{
		ID:            w.ID,
		Type:          w.Type,
		Schema:        schema,
		Source:        w.Source,
		Stream:        Word(w.Type) + "-" + w.Subject,
		Version:       w.Version,
		Position:      position,
		Time:          at.UTC(),
		Actor:         w.Actor,
		CorrelationID: w.CorrelationID,
		CausationID:   w.CausationID,
		TraceParent:   w.TraceParent,
		Data:          w.Data,
	}, nil
}

func parseSchema(eventType, uri string) (int, error) {
	rest, ok := strings.CutPrefix(uri, schemaPrefix+eventType+".v")
	if !ok {
		return 0, fmt.Errorf("dataschema %q does not belong to type %q", uri, eventType)
	}
	number, ok := strings.CutSuffix(rest, ".json")
	if !ok {
		return 0, fmt.Errorf("dataschema %q has no version", uri)
	}
	schema, err := strconv.Atoi(number)
	if err != nil || schema < 1 {
		return 0, fmt.Errorf("dataschema %q has no version", uri)
	}
	return schema, nil
}
