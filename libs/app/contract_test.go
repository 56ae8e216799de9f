package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/schema"
)

// The CloudEvents SDK and a JSON Schema validator are the oracles: what others
// will read the streams with must agree with what we write.
func TestEveryPublishedEventIsACloudEventOfItsSchema(t *testing.T) {
	paths, err := filepath.Glob("../../events/*/testdata/*.json")
	if err != nil || len(paths) < 30 {
		t.Fatalf("only %d fixtures were found (%v)", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".json"), func(t *testing.T) {
			fixture, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			envelope, err := events.Decode(fixture)
			if err != nil {
				t.Fatal(err)
			}
			body, err := events.Encode(envelope)
			if err != nil {
				t.Fatal(err)
			}
			var read cloudevents.Event
			if err := json.Unmarshal(body, &read); err != nil {
				t.Fatal(err)
			}
			if err := read.Validate(); err != nil {
				t.Error(err)
			}
			if read.Subject() != envelope.Aggregate() || read.Type() != envelope.Type || !read.Time().Equal(envelope.Time) ||
				read.Extensions()["sequence"] != "1" || read.Extensions()["actor"] != envelope.Actor {
				t.Errorf("the SDK reads it as %s", read)
			}
			if err := compile(t, envelope).Validate(data(t, read.Data())); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestASchemaRefusesWhatIsNotItsPayload(t *testing.T) {
	envelope := events.Envelope{Type: "subscription.expired", Schema: 1}
	if compile(t, envelope).Validate(data(t, []byte(`{"expires_at":7}`))) == nil {
		t.Error("a number passed for a time")
	}
}

func compile(t *testing.T, e events.Envelope) *jsonschema.Schema {
	t.Helper()
	name := fmt.Sprintf("%s.v%d.json", e.Type, e.Schema)
	raw, err := schema.Files.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	location := events.DataSchema(e.Type, e.Schema)
	if err := compiler.AddResource(location, document); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile(location)
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

func data(t *testing.T, raw []byte) any {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return value
}
