package estest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/es/estest"
)

type opened struct{ Tags []string }

type closed struct{ Reason string }

func (opened) EventType() string { return "door.opened" }
func (closed) EventType() string { return "door.closed" }

type state struct{ open bool }

type shut struct{ Because string }

var errShut = es.Refuse(es.Illegal, "illegal_transition", "it is shut already")

var door = es.Decider[state, shut]{
	Category: "door",
	Decide: func(s state, c shut) ([]events.Data, error) {
		if !s.open {
			return nil, errShut.In("shut")
		}
		if c.Because == "" {
			return nil, nil
		}
		return []events.Data{closed{c.Because}}, nil
	},
	Evolve: func(s state, e events.Data) state {
		_, s.open = e.(opened)
		return s
	},
}

// watched is a test that may fail without failing ours.
type watched struct {
	testing.TB
	said string
}

func (w *watched) Helper() {}
func (w *watched) Fatalf(format string, args ...any) {
	w.said = fmt.Sprintf(format, args...)
	panic(w)
}

// said answers what a failing test says; empty: it passes.
func said(test func(t testing.TB)) (text string) {
	w := &watched{}
	defer func() {
		if r := recover(); r != nil && r != any(w) {
			panic(r)
		}
		text = w.said
	}()
	test(w)
	return ""
}

func TestATestThatHoldsPasses(t *testing.T) {
	estest.For(t, door).Given(opened{}).When(shut{"wind"}).Then(closed{"wind"}).State(state{})
	estest.For(t, door).Given(opened{}).When(shut{}).Then()
	err := estest.For(t, door).When(shut{"wind"}).Refused(errShut)
	if err.(*es.Refusal).Current != "shut" { //nolint:errorlint // the refusal itself
		t.Errorf("Refused answered %v, which does not say the status", err)
	}
	estest.For(t, door).Given(opened{}).When(shut{"wind"}).Then(closed{"wind"}).When(shut{"again"}).Refused(errShut)
}

func TestATestThatDoesNotHoldSaysSoInASentence(t *testing.T) {
	for name, c := range map[string]struct {
		test func(t testing.TB)
		want []string
	}{
		"another event": {
			func(t testing.TB) { estest.For(t, door).Given(opened{}).When(shut{"wind"}).Then(closed{"rain"}) },
			[]string{"A door after door.opened, when asked to shut{Because:wind}", "must record door.closed", `"rain"`, `"wind"`},
		},
		"no event": {
			func(t testing.TB) { estest.For(t, door).Given(opened{}).When(shut{}).Then(closed{"wind"}) },
			[]string{"must record door.closed", "-wanted +decided"},
		},
		"an event too many": {
			func(t testing.TB) { estest.For(t, door).Given(opened{}).When(shut{"wind"}).Then() },
			[]string{"must change nothing", "wind"},
		},
		"a refusal": {
			func(t testing.TB) { estest.For(t, door).When(shut{"wind"}).Then(closed{"wind"}) },
			[]string{"A door of which nothing is known", "but was refused: it is shut already"},
		},
		"no refusal": {
			func(t testing.TB) { estest.For(t, door).Given(opened{}).When(shut{"wind"}).Refused(errShut) },
			[]string{`must be refused with "it is shut already"`, "but it did record door.closed"},
		},
		"another refusal": {
			func(t testing.TB) { estest.For(t, door).When(shut{"wind"}).Refused(es.ErrTaken) },
			[]string{`must be refused with "already taken"`, `"it is shut already" (*es.Refusal)`},
		},
		"another state": {
			func(t testing.TB) { estest.For(t, door).Given(opened{}).State(state{}) },
			[]string{"must be in another state", "open"},
		},
		"no command": {
			func(t testing.TB) { estest.For(t, door).Then() },
			[]string{"Then needs a When"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			text := said(c.test)
			for _, want := range c.want {
				if !strings.Contains(text, want) {
					t.Errorf("it says\n%s\nwithout %q", text, want)
				}
			}
		})
	}
}

func TestNilAndEmptyListsInAPayloadDiffer(t *testing.T) {
	decider := es.Decider[state, shut]{
		Category: "door",
		Decide:   func(state, shut) ([]events.Data, error) { return []events.Data{opened{Tags: []string{}}}, nil },
		Evolve:   door.Evolve,
	}
	if said(func(t testing.TB) { estest.For(t, decider).When(shut{}).Then(opened{}) }) == "" {
		t.Error("an empty list passes for none")
	}
}
