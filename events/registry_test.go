package events_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
)

// renamed is at schema 2: schema 1 had "title" for "name".
type renamed struct {
	events.Concerns
	Name string `json:"name"`
}

func (renamed) EventType() string { return "thing.renamed" }

func titleToName(raw json.RawMessage) (json.RawMessage, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, err
	}
	members["name"] = members["title"]
	delete(members, "title")
	return json.Marshal(members)
}

func TestAnOldPayloadIsUpcast(t *testing.T) {
	registry, err := events.NewRegistry(events.Set{events.Of[renamed](2, titleToName)})
	if err != nil {
		t.Fatal(err)
	}
	old := events.Envelope{ID: "1", Type: "thing.renamed", Schema: 1, Data: json.RawMessage(`{"title":"a"}`)}
	data, err := registry.Decode(old)
	if err != nil {
		t.Fatal(err)
	}
	if got := data.(renamed).Name; got != "a" {
		t.Errorf("name is %q, want %q", got, "a")
	}
}

func TestWhatCannotBeReadSaysWhy(t *testing.T) {
	registry := events.MustRegistry(events.Set{events.Of[renamed](2, titleToName)})
	for name, c := range map[string]struct {
		envelope events.Envelope
		want     error
	}{
		"an unknown type":    {events.Envelope{Type: "thing.eaten", Schema: 1}, events.ErrUnknownType},
		"a newer schema":     {events.Envelope{Type: "thing.renamed", Schema: 3}, events.ErrNewerSchema},
		"schema nought":      {events.Envelope{Type: "thing.renamed"}, events.ErrMalformed},
		"a bad payload":      {events.Envelope{Type: "thing.renamed", Schema: 2, Data: json.RawMessage(`{"name":1}`)}, events.ErrMalformed},
		"a failing upcast":   {events.Envelope{Type: "thing.renamed", Schema: 1, Data: json.RawMessage(`[]`)}, events.ErrMalformed},
		"no payload at all":  {events.Envelope{Type: "thing.renamed", Schema: 2}, events.ErrMalformed},
		"a truncated upcast": {events.Envelope{Type: "thing.renamed", Schema: 1, Data: json.RawMessage(`{"ti`)}, events.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := registry.Decode(c.envelope); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestARegistryRefusesAProgramsMistakes(t *testing.T) {
	if _, err := events.NewRegistry(events.Set{events.Of[renamed](2)}); err == nil {
		t.Error("a schema without its upcasts was accepted")
	}
	twice := events.Of[renamed](1)
	if _, err := events.NewRegistry(events.Set{twice}, events.Set{twice}); err == nil {
		t.Error("a type registered twice was accepted")
	}
	if _, _, err := events.MustRegistry().Encode(renamed{}); !errors.Is(err, events.ErrUnknownType) {
		t.Errorf("encoding an unregistered type: %v", err)
	}
}

func TestIdsAreUUIDv7AndSortByTime(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_000)
	earlier, later := events.NewID(at), events.NewID(at.Add(time.Millisecond))
	if earlier >= later {
		t.Errorf("%s does not sort before %s", earlier, later)
	}
	if len(earlier) != 36 || earlier[14] != '7' || !strings.ContainsRune("89ab", rune(earlier[19])) {
		t.Errorf("%s is not a UUIDv7", earlier)
	}
	if want := "018bcfe5-6800-7"; !strings.HasPrefix(earlier, want) {
		t.Errorf("%s does not carry its time, want prefix %s", earlier, want)
	}
}
