package es

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tidegate-io/tidegate/events"
)

// Handler runs commands on aggregates: load, decide, append.
//
// A command that loses a race is decided again on the new state, unless the
// caller pinned the version with IfVersion. A command is not retried after any
// other error.
type Handler[S, C any] struct {
	store    Streams
	registry *events.Registry
	decider  Decider[S, C]
	effects  EffectsFunc[S]
	now      func() time.Time
}

// EffectsFunc answers what else must change in the transaction in which a
// state becomes another: names that are claimed or given up, secrets to erase.
// It is pure.
type EffectsFunc[S any] func(before, after S) Effects

// Effects are changes beside the events.
type Effects struct {
	Claims   []Claim
	Material []Material
}

// Outcome is what a command came to.
type Outcome[S any] struct {
	State   S
	Version int64
	Commit  Commit
}

// NewHandler makes the handler of one domain. effects may be nil.
func NewHandler[S, C any](store Streams, registry *events.Registry, decider Decider[S, C], effects EffectsFunc[S]) *Handler[S, C] {
	return &Handler[S, C]{store: store, registry: registry, decider: decider, effects: effects, now: time.Now}
}

// attempts bounds how often a command is decided again. Losing more often than
// this means that the object is written to without pause.
const attempts = 16

type options struct {
	batch  Batch
	pinned *int64
}

// Option adds to the append of a command.
type Option func(*options)

// IfVersion refuses with ErrVersion unless the aggregate is at this version.
func IfVersion(version int64) Option { return func(o *options) { o.pinned = &version } }

// Claiming adds claims.
func Claiming(claims ...Claim) Option {
	return func(o *options) { o.batch.Claims = append(o.batch.Claims, claims...) }
}

// Requiring adds foreign facts that must hold.
func Requiring(refs ...Ref) Option {
	return func(o *options) { o.batch.Require = append(o.batch.Require, refs...) }
}

// WithMaterial adds material.
func WithMaterial(material ...Material) Option {
	return func(o *options) { o.batch.Material = append(o.batch.Material, material...) }
}

// Once makes the command a reaction that takes effect once: a second time, and
// when it was refused the first time, it is ErrDuplicate.
func Once(inbox string) Option { return func(o *options) { o.batch.Inbox = inbox } }

// Answering runs a function in the append transaction, and keeps its answer
// when there is a lease. See Batch.Answer.
func Answering(lease *Lease, answer func(context.Context, Reader, Commit) (*Answer, error)) Option {
	return func(o *options) { o.batch.Idempotency, o.batch.Answer = lease, answer }
}

// State answers an aggregate's state and version (0: it does not exist).
func (h *Handler[S, C]) State(ctx context.Context, id string) (S, int64, error) {
	state := h.decider.Initial
	stored, err := h.store.Load(ctx, h.decider.Stream(id), 0)
	if err != nil {
		return state, 0, fmt.Errorf("load %s: %w", h.decider.Stream(id), err)
	}
	for _, e := range stored {
		data, err := h.registry.Decode(e)
		if err != nil {
			return state, 0, fmt.Errorf("load %s: %w", e.Stream, err)
		}
		state = h.decider.Evolve(state, data)
	}
	return state, int64(len(stored)), nil
}

// Handle runs one command. Errors: what Decide refuses with, ErrVersion, and
// those of Streams.Append but ErrConflict, which is answered only when it lost
// every attempt.
func (h *Handler[S, C]) Handle(ctx context.Context, id string, command C, opts ...Option) (Outcome[S], error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	for attempt := 1; ; attempt++ {
		outcome, err := h.attempt(ctx, id, command, o)
		if errors.Is(err, ErrConflict) && attempt < attempts && ctx.Err() == nil {
			continue
		}
		return outcome, err
	}
}

func (h *Handler[S, C]) attempt(ctx context.Context, id string, command C, o options) (Outcome[S], error) {
	before, version, err := h.State(ctx, id)
	if err != nil {
		return Outcome[S]{}, err
	}
	if o.pinned != nil && *o.pinned != version {
		return Outcome[S]{State: before, Version: version}, ErrVersion
	}
	decided, err := h.decider.Decide(before, command)
	if err != nil {
		if o.batch.Inbox == "" {
			return Outcome[S]{State: before, Version: version}, err
		}
		// A reaction that the domain refuses is handled too: it must not come back.
		decided = nil
	}
	after := h.decider.Fold(before, decided...)

	batch := o.batch
	batch.Stream, batch.Expect = h.decider.Stream(id), Expect(version)
	if batch.Events, err = h.envelop(ctx, decided); err != nil {
		return Outcome[S]{}, err
	}
	if h.effects != nil {
		effects := h.effects(before, after)
		batch.Claims = append(slices.Clip(batch.Claims), effects.Claims...)
		batch.Material = append(slices.Clip(batch.Material), effects.Material...)
	}
	commit, err := h.store.Append(ctx, batch)
	if err != nil {
		return Outcome[S]{State: before, Version: version}, err
	}
	return Outcome[S]{State: after, Version: version + int64(len(decided)), Commit: commit}, nil
}

func (h *Handler[S, C]) envelop(ctx context.Context, decided []events.Data) ([]events.Envelope, error) {
	meta := MetaFrom(ctx)
	trace := traceParent(ctx)
	envelopes := make([]events.Envelope, len(decided))
	for i, data := range decided {
		raw, schema, err := h.registry.Encode(data)
		if err != nil {
			return nil, err
		}
		envelopes[i] = events.Envelope{
			ID:            events.NewID(h.now()),
			Type:          data.EventType(),
			Schema:        schema,
			Actor:         meta.Actor,
			CorrelationID: meta.CorrelationID,
			CausationID:   meta.CausationID,
			TraceParent:   trace,
			Data:          raw,
		}
	}
	return envelopes, nil
}
