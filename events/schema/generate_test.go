package schema_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/events/schema"
	"github.com/tidegate-io/tidegate/events/subscription"
)

var update = flag.Bool("update", false, "write the generated files")

type context struct {
	Name, Word, Stream string
	Set                events.Set
}

var contexts = []context{
	{"consumer", "consumer", "TIDEGATE_CONSUMER", consumer.Events},
	{"credential", "credential", "TIDEGATE_CREDENTIAL", credential.Events},
	{"catalog", "service", "TIDEGATE_CATALOG", catalog.Events},
	{"subscription", "subscription", "TIDEGATE_SUBSCRIPTION", subscription.Events},
}

func TestTheSchemasAreThoseOfTheGoTypes(t *testing.T) {
	docs := readComments(t)
	for _, c := range contexts {
		for _, spec := range c.Set {
			g := generator{docs: docs}
			of := g.schema(reflect.TypeOf(spec.Zero))
			of["$schema"] = "https://json-schema.org/draft/2020-12/schema"
			of["$id"] = events.DataSchema(spec.Type, spec.Schema)
			of["title"] = spec.Type
			golden(t, fmt.Sprintf("%s.v%d.json", spec.Type, spec.Schema), indented(t, of))
		}
	}
}

func TestEverySchemaIsEmbedded(t *testing.T) {
	for _, c := range contexts {
		for _, spec := range c.Set {
			for number := 1; number <= spec.Schema; number++ {
				if _, err := schema.Files.ReadFile(fmt.Sprintf("%s.v%d.json", spec.Type, number)); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

func TestTheAsyncAPIDocumentNamesEveryEventType(t *testing.T) {
	type message struct{ Context, Type, ID, Stream, Summary, Schema string }
	docs := readComments(t)
	var messages []message
	for _, c := range contexts {
		for _, spec := range c.Set {
			messages = append(messages, message{
				Context: c.Name, Type: spec.Type, ID: strings.NewReplacer(".", "_").Replace(spec.Type), Stream: c.Stream,
				Summary: docs[reflect.TypeOf(spec.Zero).PkgPath()+"."+reflect.TypeOf(spec.Zero).Name()],
				Schema:  fmt.Sprintf("schema/%s.v%d.json", spec.Type, spec.Schema),
			})
		}
	}
	text, err := template.ParseFiles("asyncapi.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := text.Execute(&out, messages); err != nil {
		t.Fatal(err)
	}
	golden(t, "../asyncapi.yaml", out.Bytes())
}

func golden(t *testing.T, path string, want []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (run the test with -update)", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the Go types say (run the test with -update)", path)
	}
}

func indented(t *testing.T, value any) []byte {
	t.Helper()
	raw, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(raw, '\n')
}

// generator turns Go types into JSON Schema. It is closed over what payloads
// use; an unforeseen kind fails the test.
type generator struct{ docs map[string]string }

type object = map[string]any

func (g generator) schema(t reflect.Type) object {
	switch t {
	case reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case reflect.TypeFor[json.RawMessage]():
		return object{}
	case reflect.TypeFor[[]byte]():
		return nullable(object{"type": "string", "contentEncoding": "base64"})
	}
	switch t.Kind() {
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return object{"type": "integer"}
	case reflect.Slice:
		return nullable(object{"type": "array", "items": g.schema(t.Elem())})
	case reflect.Map:
		return nullable(object{"type": "object", "additionalProperties": g.schema(t.Elem())})
	case reflect.Pointer:
		return nullable(g.schema(t.Elem()))
	case reflect.Struct:
		return g.structure(t)
	default:
		panic("no JSON Schema for " + t.String())
	}
}

func (g generator) structure(t reflect.Type) object {
	properties, required := object{}, []string{}
	for _, field := range reflect.VisibleFields(t) {
		if field.Anonymous {
			continue
		}
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		property := g.schema(field.Type)
		if doc := g.docs[owner(t, field).PkgPath()+"."+bare(owner(t, field))+"."+field.Name]; doc != "" {
			property["description"] = doc
		}
		properties[name] = property
		if !strings.Contains(options, "omitempty") {
			required = append(required, name)
		}
	}
	out := object{"type": "object", "properties": properties}
	if len(required) > 0 {
		slices.Sort(required)
		out["required"] = required
	}
	if doc := g.docs[t.PkgPath()+"."+bare(t)]; doc != "" {
		out["description"] = doc
	}
	return out
}

// owner answers the struct that declares a field, which may be embedded in t.
func owner(t reflect.Type, field reflect.StructField) reflect.Type {
	for _, i := range field.Index[:len(field.Index)-1] {
		t = t.Field(i).Type
	}
	return t
}

// bare answers a type's name without its type arguments.
func bare(t reflect.Type) string {
	name, _, _ := strings.Cut(t.Name(), "[")
	return name
}

func nullable(of object) object {
	if kind, ok := of["type"].(string); ok {
		of["type"] = []string{kind, "null"}
	}
	return of
}

// readComments answers the doc comments of the payload types and their fields,
// keyed "<import path>.<Type>[.<Field>]".
func readComments(t *testing.T) map[string]string {
	t.Helper()
	const module = "github.com/tidegate-io/tidegate/events"
	docs := map[string]string{}
	for _, dir := range []string{"", "consumer", "credential", "catalog", "subscription"} {
		paths, err := filepath.Glob(filepath.Join("..", dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		pkg := strings.TrimSuffix(module+"/"+dir, "/")
		for _, path := range paths {
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			collect(docs, pkg, file)
		}
	}
	return docs
}

func collect(docs map[string]string, pkg string, file *ast.File) {
	for _, declaration := range file.Decls {
		general, ok := declaration.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range general.Specs {
			declared, ok := spec.(*ast.TypeSpec)
			if !ok {
				continue
			}
			docs[pkg+"."+declared.Name.Name] = line(general.Doc.Text())
			structure, ok := declared.Type.(*ast.StructType)
			if !ok {
				continue
			}
			for _, field := range structure.Fields.List {
				for _, name := range field.Names {
					docs[pkg+"."+declared.Name.Name+"."+name.Name] = line(field.Comment.Text())
				}
			}
		}
	}
}

func line(comment string) string { return strings.Join(strings.Fields(comment), " ") }
