package httpapi

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// walker reads a JSON document along its schema.
type walker struct {
	registry huma.Registry
	decoder  *json.Decoder
	faults   []Fault
}

func newDecoder(body []byte) *json.Decoder {
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.UseNumber()
	return decoder
}

func (w *walker) document(schema *huma.Schema) error {
	return w.value("body", schema, false, 0)
}

func (w *walker) fault(location, message string) {
	const most = 50
	if len(w.faults) < most {
		w.faults = append(w.faults, Fault{location, message})
	}
}

// value reads one value. optional: its member need not be there.
func (w *walker) value(at string, schema *huma.Schema, optional bool, depth int) error {
	if depth > maxDepth {
		return malformed("is nested too deeply")
	}
	token, err := w.decoder.Token()
	if err != nil {
		return malformed("is not JSON")
	}
	referred := schema != nil && schema.Ref != ""
	schema = w.resolve(schema)
	w.kind(at, schema, token)
	switch t := token.(type) {
	case json.Delim:
		if t == '{' {
			return w.object(at, schema, depth)
		}
		return w.array(at, schema, depth)
	case nil:
		// A member that refers to an object may be null when it may be left out.
		if schema != nil && schema.Type != "" && !schema.Nullable && (!optional || !referred) {
			w.fault(at, "expected "+schema.Type+", not null")
		}
	case json.Number:
		w.number(at, schema, t.String())
	case string:
		w.text(at, schema, t)
	}
	return nil
}

// kind refuses an object or a list where there must be something else, and the
// other way round. huma would too, but it panics over objects in a list of
// unique items before it comes to that.
func (w *walker) kind(at string, schema *huma.Schema, token json.Token) {
	if schema == nil || schema.Type == "" || token == nil {
		return
	}
	found := ""
	switch token {
	case json.Delim('{'):
		found = huma.TypeObject
	case json.Delim('['):
		found = huma.TypeArray
	}
	composite := schema.Type == huma.TypeObject || schema.Type == huma.TypeArray
	if found != schema.Type && (found != "" || composite) {
		w.fault(at, "expected "+schema.Type)
	}
}

func (w *walker) object(at string, schema *huma.Schema, depth int) error {
	seen := map[string]bool{}
	for w.decoder.More() {
		token, err := w.decoder.Token()
		if err != nil {
			return malformed("is not JSON")
		}
		name, _ := token.(string)
		here := at + "." + shown(name)
		if seen[name] {
			w.fault(here, "is there twice")
		}
		seen[name] = true
		if !plain(name) {
			w.fault(at, notPlain)
		}
		member, known, optional := w.member(schema, name)
		if !known {
			w.fault(here, "unexpected property")
		}
		if err := w.value(here, member, optional, depth+1); err != nil {
			return err
		}
	}
	return w.end()
}

// member answers the schema of a member, whether there may be such a member,
// and whether it may be left out.
func (w *walker) member(schema *huma.Schema, name string) (member *huma.Schema, known, optional bool) {
	if schema == nil || schema.Type != huma.TypeObject {
		return nil, true, true
	}
	if property := schema.Properties[name]; property != nil {
		return property, true, !slices.Contains(schema.Required, name)
	}
	switch more := schema.AdditionalProperties.(type) {
	case *huma.Schema:
		return more, true, true
	case bool:
		return nil, more, true
	}
	return nil, true, true
}

func (w *walker) array(at string, schema *huma.Schema, depth int) error {
	var items *huma.Schema
	if schema != nil {
		items = schema.Items
	}
	for i := 0; w.decoder.More(); i++ {
		if err := w.value(at+"["+strconv.Itoa(i)+"]", items, false, depth+1); err != nil {
			return err
		}
	}
	return w.end()
}

func (w *walker) end() error {
	if _, err := w.decoder.Token(); err != nil {
		return malformed("is not JSON")
	}
	return nil
}

func (w *walker) number(at string, schema *huma.Schema, literal string) {
	if value, err := strconv.ParseFloat(literal, 64); err != nil || math.IsInf(value, 0) {
		w.fault(at, "expected a number within the range of a double")
		return
	}
	if schema == nil || schema.Type != huma.TypeInteger {
		return
	}
	if _, err := strconv.ParseInt(literal, 10, 64); err != nil {
		w.fault(at, "expected integer")
	}
}

func (w *walker) text(at string, schema *huma.Schema, value string) {
	if !plain(value) {
		w.fault(at, notPlain)
	}
	if schema == nil || schema.Format != "date-time" {
		return
	}
	// Years that RFC 3339 cannot write in UTC.
	if moment, err := time.Parse(time.RFC3339, value); err == nil && (moment.UTC().Year() < 1 || moment.UTC().Year() > 9999) {
		w.fault(at, "expected a year between 0001 and 9999")
	}
}

func (w *walker) resolve(schema *huma.Schema) *huma.Schema {
	for schema != nil && schema.Ref != "" {
		schema = w.registry.SchemaFromRef(schema.Ref)
	}
	return schema
}

// shown answers a member's name as a location shows it: it came from outside.
func shown(name string) string {
	const most = 64
	if len(name) > most {
		name = strings.ToValidUTF8(name[:most], "") + "..."
	}
	return name
}
