package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

const schemaPrefix = "#/components/schemas/"

// Merge makes one OpenAPI document of several services' ones. The order of the
// documents does not matter, and the answer is in a stable order.
//
// A schema that two services name alike and shape differently gets the name of
// its service in front, in each. Errors: an operation or an operation id that
// two of them have, a path that they spell with other parameter names, another
// component that they shape differently.
func Merge(docs ...[]byte) ([]byte, error) {
	parsed := make([]*document, len(docs))
	for i, raw := range docs {
		d, err := parseDocument(raw)
		if err != nil {
			return nil, fmt.Errorf("merge OpenAPI documents: document %d: %w", i+1, err)
		}
		parsed[i] = d
	}
	slices.SortStableFunc(parsed, func(a, b *document) int { return strings.Compare(a.Info.Title, b.Info.Title) })
	if err := tellApart(parsed); err != nil {
		return nil, fmt.Errorf("merge OpenAPI documents: %w", err)
	}
	merged := document{OpenAPI: "3.1.0", Paths: map[string]object{}, Components: map[string]object{}}
	merged.Info.Title = "Tidegate management API"
	spelled, ids := map[string]string{}, map[string]string{}
	for _, d := range parsed {
		merged.Info.Version = max(merged.Info.Version, d.Info.Version)
		if err := errors.Join(merged.addPaths(d, spelled, ids), merged.addComponents(d)); err != nil {
			return nil, fmt.Errorf("merge OpenAPI documents: %w", err)
		}
	}
	return write(merged)
}

type object = map[string]any

// document is an OpenAPI document as far as merging looks at it.
type document struct {
	OpenAPI string `json:"openapi"`
	Info    struct {
		Title   string `json:"title"`
		Version string `json:"version"`
	} `json:"info"`
	Paths      map[string]object `json:"paths"`
	Components map[string]object `json:"components"`
}

func parseDocument(raw []byte) (*document, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	d := &document{}
	if err := decoder.Decode(d); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(d.OpenAPI, "3.1.") || d.Info.Title == "" {
		return nil, errors.New("not an OpenAPI 3.1 document with a title")
	}
	return d, nil
}

// service is the word that tells its schemas apart: "Consumer" of "Tidegate
// consumer".
func (d *document) service() string {
	words := strings.Fields(d.Info.Title)
	last := words[len(words)-1]
	return strings.ToUpper(last[:1]) + last[1:]
}

// tellApart renames schemas till no two documents mean different things by one
// name. A schema whose references were renamed is another one, so it repeats.
func tellApart(docs []*document) error {
	for {
		clashing := clashes(docs)
		if len(clashing) == 0 {
			return nil
		}
		for _, d := range docs {
			renamed := map[string]string{}
			for _, name := range clashing {
				if _, has := d.Components["schemas"][name]; has {
					renamed[name] = d.service() + name
				}
			}
			if err := d.rename(renamed); err != nil {
				return err
			}
		}
	}
}

func clashes(docs []*document) []string {
	shapes, clashing := map[string]string{}, map[string]bool{}
	for _, d := range docs {
		for name, schema := range d.Components["schemas"] {
			shape := canonical(schema)
			if before, seen := shapes[name]; seen && before != shape {
				clashing[name] = true
			}
			shapes[name] = shape
		}
	}
	return slices.Sorted(maps.Keys(clashing))
}

func (d *document) rename(names map[string]string) error {
	if len(names) == 0 {
		return nil
	}
	schemas := object{}
	for name, schema := range d.Components["schemas"] {
		next, renamed := names[name]
		if !renamed {
			next = name
		}
		if _, taken := schemas[next]; taken {
			return fmt.Errorf("%s: schema %s is there twice once it is renamed", d.Info.Title, next)
		}
		schemas[next] = refer(schema, names)
	}
	d.Components["schemas"] = schemas
	for _, item := range d.Paths {
		refer(item, names)
	}
	for kind, components := range d.Components {
		if kind != "schemas" {
			refer(components, names)
		}
	}
	return nil
}

// refer rewrites references in place.
func refer(value any, names map[string]string) any {
	switch v := value.(type) {
	case object:
		for key, member := range v {
			if ref, ok := member.(string); ok && key == "$ref" {
				if next, renamed := names[strings.TrimPrefix(ref, schemaPrefix)]; renamed {
					v[key] = schemaPrefix + next
				}
				continue
			}
			refer(member, names)
		}
	case []any:
		for _, member := range v {
			refer(member, names)
		}
	}
	return value
}

var parameter = regexp.MustCompile(`\{[^}]*\}`)

func (d *document) addPaths(from *document, spelled, ids map[string]string) error {
	for _, path := range slices.Sorted(maps.Keys(from.Paths)) {
		shape := parameter.ReplaceAllString(path, "{}")
		if before, seen := spelled[shape]; seen && before != path {
			return fmt.Errorf("%s and %s are one path", before, path)
		}
		spelled[shape] = path
		if d.Paths[path] == nil {
			d.Paths[path] = object{}
		}
		for _, method := range slices.Sorted(maps.Keys(from.Paths[path])) {
			operation := from.Paths[path][method]
			if _, twice := d.Paths[path][method]; twice {
				return fmt.Errorf("%s %s is there twice", strings.ToUpper(method), path)
			}
			d.Paths[path][method] = operation
			if described, ok := operation.(object); ok {
				id, _ := described["operationId"].(string)
				if before, seen := ids[id]; seen {
					return fmt.Errorf("operation id %q is of %s and of %s", id, before, path)
				}
				ids[id] = path
			}
		}
	}
	return nil
}

func (d *document) addComponents(from *document) error {
	for kind, components := range from.Components {
		if d.Components[kind] == nil {
			d.Components[kind] = object{}
		}
		for name, component := range components {
			if before, seen := d.Components[kind][name]; seen && canonical(before) != canonical(component) {
				return fmt.Errorf("%s: %s %s is shaped differently elsewhere", from.Info.Title, kind, name)
			}
			d.Components[kind][name] = component
		}
	}
	return nil
}

func canonical(value any) string {
	raw, err := json.Marshal(value) // members in order of their names
	if err != nil {
		panic(err) // it was read from JSON
	}
	return string(raw)
}

// write writes a document for people: indented, < and > as they are.
func write(value any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return nil, fmt.Errorf("write the OpenAPI document: %w", err)
	}
	return out.Bytes(), nil
}
