package httpapitest

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/tidegate-io/tidegate/libs/httpapi"
)

// schema is a JSON schema as far as Walk can break it.
type schema struct {
	Ref        string `json:"$ref"`
	Type       any    `json:"type"` // a name, or a list of them
	Properties map[string]schema
	Required   []string
	MaxLength  *int
	Minimum    *float64
	Maximum    *float64
	Enum       []any
	MaxItems   *int
}

// is says whether a value of a type may be there.
func (s schema) is(name string) bool {
	switch t := s.Type.(type) {
	case string:
		return t == name
	case []any:
		for _, one := range t {
			if one == name {
				return true
			}
		}
	}
	return false
}

func (w *walked) resolve(s schema) schema {
	for s.Ref != "" {
		s = w.schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")]
	}
	return s
}

const mediaJSON = "application/json"

// body answers a body that is right.
func (w *walked) body() any {
	if w.example.Body != nil || w.op.RequestBody == nil {
		return w.example.Body
	}
	return w.op.RequestBody.Content[mediaJSON].Example
}

// members answers a copy of the right body's members.
func (w *walked) members(t *testing.T) map[string]any {
	t.Helper()
	raw, err := json.Marshal(w.body())
	if err != nil {
		t.Fatalf("write the example's body: %v", err)
	}
	members := map[string]any{}
	if err := json.Unmarshal(raw, &members); err != nil {
		t.Fatalf("the example's body is no object: %v", err)
	}
	return members
}

func (w *walked) bodies(t *testing.T) {
	client, path := w.walk.Client, w.example.Path
	send := func(name string, body any, status int, code string) {
		w.refused(t, name, client, w.method, path, body, status, code)
	}
	send("malformed JSON", `{"a":`, http.StatusBadRequest, "malformed_json")
	send("bad UTF-8", "{\"a\":\"\xff\"}", http.StatusBadRequest, "malformed_json")
	send("two documents", `{}{}`, http.StatusBadRequest, "malformed_json")
	send("a list", `[]`, http.StatusUnprocessableEntity, "validation_failed")
	send("a duplicate member", `{"a":1,"a":2}`, http.StatusUnprocessableEntity, "validation_failed")
	w.refused(t, "another media type", client.With("Content-Type", "text/plain"), w.method, path, "{}", http.StatusUnsupportedMediaType, "unsupported_media_type")

	members := map[string]any{}
	if w.op.RequestBody != nil {
		members = w.members(t)
		if w.op.RequestBody.Required {
			send("no body", "", http.StatusBadRequest, "malformed_json")
		}
		// Above every limit of an operation, below that of a transfer.
		send("a body that is too large", `{"a":"`+strings.Repeat("x", httpapi.MaxTransfer-1024)+`"}`, http.StatusRequestEntityTooLarge, "body_too_large")
	}
	send("an unknown member", changed(members, "surely_unknown", 1), http.StatusUnprocessableEntity, "validation_failed")
	if w.op.RequestBody == nil {
		return
	}
	shape := w.resolve(w.op.RequestBody.Content[mediaJSON].Schema)
	for _, name := range shape.Required {
		without := maps.Clone(members)
		delete(without, name)
		send("without "+name, without, http.StatusUnprocessableEntity, "validation_failed")
	}
	for name, property := range shape.Properties {
		for fault, value := range w.faults(property) {
			send(name+" "+fault, changed(members, name, value), http.StatusUnprocessableEntity, "validation_failed")
		}
		if value, err := json.Marshal(members[name]); err == nil && members[name] != nil {
			whole, _ := json.Marshal(members) // it was read from JSON
			twice := `{"` + name + `":` + string(value) + `,` + string(whole[1:])
			send(name+" twice", twice, http.StatusUnprocessableEntity, "validation_failed")
		}
	}
}

func changed(members map[string]any, name string, value any) map[string]any {
	next := maps.Clone(members)
	next[name] = value
	return next
}

// faults answers values that a property must refuse.
func (w *walked) faults(property schema) map[string]any {
	resolved := w.resolve(property)
	faults := map[string]any{}
	switch {
	case resolved.Type == nil:
		return faults // anything
	case resolved.is("string"):
		faults["mistyped"] = map[string]any{"a": 1}
		faults["with a NUL"] = "a\x00b"
		if resolved.MaxLength != nil {
			faults["oversized"] = strings.Repeat("x", *resolved.MaxLength+1)
		}
		if len(resolved.Enum) > 0 {
			faults["outside its list"] = "surely-not-one"
		}
	case resolved.is("integer"), resolved.is("number"):
		faults["mistyped"] = "1"
		if resolved.is("integer") {
			faults["with a fraction"] = 1.5
		}
		if resolved.Minimum != nil {
			faults["too low"] = *resolved.Minimum - 1
		}
		if resolved.Maximum != nil {
			faults["too high"] = *resolved.Maximum + 1
		}
	case resolved.is("boolean"):
		faults["mistyped"] = "true"
	case resolved.is("array"):
		faults["mistyped"] = map[string]any{"a": 1}
		if resolved.MaxItems != nil {
			faults["oversized"] = make([]any, *resolved.MaxItems+1)
		}
	case resolved.is("object"):
		faults["mistyped"] = []any{"a"}
		if len(resolved.Properties) > 0 {
			faults["with an unknown member"] = map[string]any{"surely_unknown": 1}
		}
	}
	if !resolved.is("null") && property.Ref == "" {
		faults["null"] = nil
	}
	return faults
}
