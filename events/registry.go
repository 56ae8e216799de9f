package events

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Upcast turns a payload of schema n into one of schema n+1. It is pure.
type Upcast func(json.RawMessage) (json.RawMessage, error)

// Spec is what the registry knows about one event type.
type Spec struct {
	Type   string
	Schema int // the current payload schema; len(upcasts)+1
	Zero   Data
	up     []Upcast
	decode func(json.RawMessage) (Data, error)
}

// Set is the event types of one context.
type Set []Spec

// Of describes the event type T, whose payload is now at the given schema. One
// upcast leads from each earlier schema to the next, oldest first.
func Of[T Data](schema int, up ...Upcast) Spec {
	var zero T
	return Spec{
		Type:   zero.EventType(),
		Schema: schema,
		Zero:   zero,
		up:     up,
		decode: func(raw json.RawMessage) (Data, error) {
			var data T
			if err := json.Unmarshal(raw, &data); err != nil {
				return nil, err
			}
			return data, nil
		},
	}
}

// Registry decodes payloads of the event types that it was given.
type Registry struct{ specs map[string]Spec }

// NewRegistry joins sets. A type named twice, or a schema without its upcasts,
// is an error of the program.
func NewRegistry(sets ...Set) (*Registry, error) {
	r := &Registry{specs: map[string]Spec{}}
	for _, spec := range slices.Concat(sets...) {
		if _, twice := r.specs[spec.Type]; twice {
			return nil, fmt.Errorf("event type %s is registered twice", spec.Type)
		}
		if spec.Schema != len(spec.up)+1 {
			return nil, fmt.Errorf("event type %s: schema %d needs %d upcasts, has %d", spec.Type, spec.Schema, spec.Schema-1, len(spec.up))
		}
		r.specs[spec.Type] = spec
	}
	return r, nil
}

// MustRegistry is NewRegistry for program start, where a fault is a bug.
func MustRegistry(sets ...Set) *Registry {
	r, err := NewRegistry(sets...)
	if err != nil {
		panic(err)
	}
	return r
}

// Types answers every registered type in order.
func (r *Registry) Types() []string {
	types := make([]string, 0, len(r.specs))
	for t := range r.specs {
		types = append(types, t)
	}
	slices.Sort(types)
	return types
}

// Spec answers what is known about a type.
func (r *Registry) Spec(eventType string) (Spec, bool) {
	spec, ok := r.specs[eventType]
	return spec, ok
}

// Encode makes the payload and its schema number for a new event. Errors wrap
// ErrUnknownType.
func (r *Registry) Encode(data Data) (raw json.RawMessage, schema int, err error) {
	spec, ok := r.specs[data.EventType()]
	if !ok {
		return nil, 0, fmt.Errorf("%w: %s", ErrUnknownType, data.EventType())
	}
	raw, err = json.Marshal(data)
	if err != nil {
		return nil, 0, fmt.Errorf("encode %s: %w", data.EventType(), err)
	}
	return raw, spec.Schema, nil
}

// Decode answers the payload of an envelope as its current type, upcast from
// the schema in which it was written. Errors wrap ErrUnknownType,
// ErrNewerSchema or ErrMalformed.
func (r *Registry) Decode(e Envelope) (Data, error) {
	spec, ok := r.specs[e.Type]
	if !ok {
		return nil, fmt.Errorf("%w: %s (event %s)", ErrUnknownType, e.Type, e.ID)
	}
	if e.Schema > spec.Schema {
		return nil, fmt.Errorf("%w: %s has %d, known is %d (event %s)", ErrNewerSchema, e.Type, e.Schema, spec.Schema, e.ID)
	}
	if e.Schema < 1 {
		return nil, fmt.Errorf("%w: %s has schema %d (event %s)", ErrMalformed, e.Type, e.Schema, e.ID)
	}
	raw := e.Data
	for schema := e.Schema; schema < spec.Schema; schema++ {
		next, err := spec.up[schema-1](raw)
		if err != nil {
			return nil, fmt.Errorf("%w: upcast %s from schema %d (event %s): %w", ErrMalformed, e.Type, schema, e.ID, err)
		}
		raw = next
	}
	data, err := spec.decode(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %s (event %s): %w", ErrMalformed, e.Type, e.ID, err)
	}
	return data, nil
}
