package httpapi

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
)

// Optional is a member of a JSON merge patch (RFC 7396): absent, null or a
// value. Its field has the tag `json:"name,omitzero"`, the bounds of T, and
// `nullable:"false"` when it cannot be removed:
//
//	type consumerPatch struct {
//		Name        httpapi.Optional[string]            `json:"name,omitzero" minLength:"1" maxLength:"200" nullable:"false"`
//		Description httpapi.Optional[string]            `json:"description,omitzero" maxLength:"2000"`
//		Labels      httpapi.Optional[map[string]string] `json:"labels,omitzero"`
//		Limits      httpapi.Optional[Limits]            `json:"limits,omitzero"`
//	}
//
// Objects and maps are merged, member by member, by Apply; Value is what was
// sent, without what it is merged with. Bounds hold for what was sent; what a
// merge comes to is judged by the domain.
type Optional[T any] struct {
	Set   bool // it is in the patch
	Null  bool // as null
	Value T

	sent json.RawMessage
}

// Some answers an Optional that is set.
func Some[T any](value T) Optional[T] { return Optional[T]{Set: true, Value: value} }

// Apply answers a member's value after the patch. Removed is the zero value.
// The error is nil for every patch that the server let through.
func (o Optional[T]) Apply(current T) (T, error) {
	var none T
	switch {
	case !o.Set:
		return current, nil
	case o.Null:
		return none, nil
	case len(o.sent) == 0 || o.sent[0] != '{':
		return o.Value, nil
	}
	before, err := json.Marshal(current)
	if err != nil {
		return none, err
	}
	merged, err := mergePatch(before, o.sent)
	if err != nil {
		return none, err
	}
	var after T
	if err := json.Unmarshal(merged, &after); err != nil {
		return none, err
	}
	return after, nil
}

// IsZero says that it is not in the patch.
func (o Optional[T]) IsZero() bool { return !o.Set }

// UnmarshalJSON reads a member that is there.
func (o *Optional[T]) UnmarshalJSON(raw []byte) error {
	*o = Optional[T]{Set: true, sent: bytes.Clone(raw)}
	if string(raw) == "null" {
		o.Null = true
		return nil
	}
	return json.Unmarshal(raw, &o.Value)
}

// MarshalJSON writes what UnmarshalJSON reads.
func (o Optional[T]) MarshalJSON() ([]byte, error) {
	switch {
	case o.Null || !o.Set:
		return []byte("null"), nil
	case o.sent != nil:
		return o.sent, nil
	}
	return json.Marshal(o.Value)
}

// Schema answers T's schema as a patch of it: nothing is required, and what is
// there may be removed.
func (o Optional[T]) Schema(r huma.Registry) *huma.Schema {
	return patchOf(r, r.Schema(reflect.TypeFor[T](), true, ""), true)
}

func patchOf(r huma.Registry, s *huma.Schema, top bool) *huma.Schema {
	for s.Ref != "" {
		s = r.SchemaFromRef(s.Ref)
	}
	patch := *s
	patch.Nullable = s.Type != ""
	if s.Type != huma.TypeObject {
		return &patch
	}
	patch.Required = nil
	patch.DependentRequired = nil
	patch.Properties = maps.Clone(s.Properties)
	for name, property := range patch.Properties {
		patch.Properties[name] = patchOf(r, property, false)
	}
	if values, ok := s.AdditionalProperties.(*huma.Schema); ok {
		patch.AdditionalProperties = patchOf(r, values, false)
	}
	if !top {
		patch.PrecomputeMessages()
	}
	return &patch
}

// mergePatch is RFC 7396.
func mergePatch(target, patch json.RawMessage) (json.RawMessage, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(patch, &members); err != nil || members == nil {
		return patch, nil // not an object: it replaces
	}
	merged := map[string]json.RawMessage{}
	if err := json.Unmarshal(target, &merged); err != nil || merged == nil {
		merged = map[string]json.RawMessage{}
	}
	for name, value := range members {
		if string(value) == "null" {
			delete(merged, name)
			continue
		}
		next, err := mergePatch(merged[name], value)
		if err != nil {
			return nil, err
		}
		merged[name] = next
	}
	return json.Marshal(merged)
}
