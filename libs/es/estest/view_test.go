package estest_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/es/estest"
	"github.com/tidegate-io/tidegate/libs/es/sqlitestore"
)

type counter struct{ Times int }

type counted struct{ By int }

func (counted) EventType() string { return "counter.counted" }

var errEnough = es.Refuse(es.Illegal, "illegal_transition", "it is enough")

// tally is a counter as it is read.
type tally struct {
	counter
	Version              int64
	CreatedAt, UpdatedAt time.Time
}

// viewOf is the test of a view whose fold step spoils.
func viewOf(t *testing.T, spoil func(*tally)) estest.View[counter, int, tally] {
	decider := es.Decider[counter, int]{
		Category: "counter",
		Decide: func(s counter, by int) ([]events.Data, error) {
			if s.Times > 20 {
				return nil, errEnough
			}
			return []events.Data{counted{by}}, nil
		},
		Evolve: func(s counter, e events.Data) counter { return counter{s.Times + e.(counted).By} },
	}
	return estest.View[counter, int, tally]{
		Service: "counter", Events: events.Set{events.Of[counted](1)}, Decider: decider, Most: 9,
		View: es.ViewOf("tallies", 1, es.ByAggregate, func(d tally, e events.Envelope, data events.Data) tally {
			if d.Version == 0 {
				d.CreatedAt = e.Time
			}
			d.counter, d.Version, d.UpdatedAt = decider.Evolve(d.counter, data), e.Version, e.Time
			spoil(&d)
			return d
		}),
		Open: func(schema es.Schema) (es.Store, error) {
			return sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "counter.db"), schema)
		},
		Draw: func(r *rapid.T, _ string, _ counter) (int, []es.Option) {
			return rapid.IntRange(1, 9).Draw(r, "by"), nil
		},
		Read: func(d tally) estest.Document[counter] {
			return estest.Document[counter]{State: d.counter, Version: d.Version, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt}
		},
	}
}

// spoils are views that are not the fold of their events.
var spoils = map[string]func(*tally){
	"a wrong state":   func(d *tally) { d.Times = min(d.Times, 7) },
	"a wrong version": func(d *tally) { d.Version = max(d.Version, 2) },
	"a wrong time":    func(d *tally) { d.UpdatedAt = d.CreatedAt.Add(time.Hour) },
}

func TestAViewThatIsTheFoldOfItsEventsPasses(t *testing.T) {
	checked := 0
	v := viewOf(t, func(*tally) {})
	v.Check = func(*rapid.T, es.Store, string, tally) { checked++ }
	v.Run(t)
	if checked == 0 {
		t.Error("no document was checked")
	}
}

// TestAViewThatIsNotTheFoldFails runs itself again, once a spoilt view.
func TestAViewThatIsNotTheFoldFails(t *testing.T) {
	if spoilt := os.Getenv("ESTEST_SPOILT"); spoilt != "" {
		if err := flag.Set("rapid.nofailfile", "true"); err != nil {
			t.Fatal(err)
		}
		viewOf(t, spoils[spoilt]).Run(t)
		return
	}
	for name := range spoils {
		t.Run(name, func(t *testing.T) {
			again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAViewThatIsNotTheFoldFails$")
			again.Env = append(os.Environ(), "ESTEST_SPOILT="+name)
			output, err := again.CombinedOutput()
			said := string(output)
			if err == nil || !strings.Contains(said, "the fold and the view differ") && !strings.Contains(said, "of events from") {
				t.Errorf("%s passes: %v\n%s", name, err, fmt.Sprint(said))
			}
		})
	}
}
