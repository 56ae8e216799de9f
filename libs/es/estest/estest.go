// Package estest tests deciders by given, when, then: the events that were, the
// command, and the events that must follow, or the refusal.
//
//	estest.For(t, domain.Decider).
//		Given(subscription.Requested{PlanID: "gold"}).
//		When(domain.Approve{By: "pat"}).
//		Then(subscription.Approved{PlanID: "gold", Mode: "manual"})
//
// A command may be one of a sequence: When after Then goes on from there.
package estest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/es"
)

// Case is one test of a decider.
type Case[S, C any] struct {
	t       testing.TB
	decider es.Decider[S, C]
	state   S
	past    []events.Data
	command C
	asked   bool
	decided []events.Data
	err     error
}

// For begins a test with the initial state.
func For[S, C any](t testing.TB, decider es.Decider[S, C]) *Case[S, C] {
	t.Helper()
	return &Case[S, C]{t: t, decider: decider, state: decider.Initial}
}

// Given folds what has happened.
func (c *Case[S, C]) Given(past ...events.Data) *Case[S, C] {
	c.t.Helper()
	c.state = c.decider.Fold(c.state, past...)
	c.past = append(c.past, past...)
	return c
}

// When decides a command.
func (c *Case[S, C]) When(command C) *Case[S, C] {
	c.t.Helper()
	c.command, c.asked = command, true
	c.decided, c.err = c.decider.Decide(c.state, command)
	return c
}

// Then demands exactly these events, and folds them. Without any it demands
// that the command changes nothing.
func (c *Case[S, C]) Then(want ...events.Data) *Case[S, C] {
	c.t.Helper()
	c.mustHaveAsked("Then")
	if c.err != nil {
		c.t.Fatalf("%s\nmust %s,\nbut was refused: %v", c.story(), outcome(want), c.err)
	}
	if diff := cmp.Diff(want, c.decided, cmp.Exporter(exported), emptyIsNil); diff != "" {
		c.t.Fatalf("%s\nmust %s,\nbut does not (-wanted +decided):\n%s", c.story(), outcome(want), diff)
	}
	return c.Given(c.decided...)
}

// Refused demands that the command is refused with an error that is err (as
// errors.Is says), and answers it.
func (c *Case[S, C]) Refused(err error) error {
	c.t.Helper()
	c.mustHaveAsked("Refused")
	if c.err == nil {
		c.t.Fatalf("%s\nmust be refused with %q,\nbut it did %s", c.story(), err, outcome(c.decided))
	}
	if !errors.Is(c.err, err) {
		c.t.Fatalf("%s\nmust be refused with %q,\nbut was refused with %q (%T)", c.story(), err, c.err, c.err)
	}
	return c.err
}

// State demands that a state has come of it all so far.
func (c *Case[S, C]) State(want S) *Case[S, C] {
	c.t.Helper()
	if diff := cmp.Diff(want, c.state, cmp.Exporter(exported), emptyIsNil); diff != "" {
		c.t.Fatalf("%s\nmust be in another state (-wanted +is):\n%s", c.story(), diff)
	}
	return c
}

func (c *Case[S, C]) mustHaveAsked(verb string) {
	c.t.Helper()
	if !c.asked {
		c.t.Fatalf("estest: %s needs a When before it", verb)
	}
}

// story tells the case as a sentence.
func (c *Case[S, C]) story() string {
	var b strings.Builder
	fmt.Fprintf(&b, "A %s ", c.decider.Category)
	switch len(c.past) {
	case 0:
		b.WriteString("of which nothing is known")
	default:
		b.WriteString("after " + names(c.past))
	}
	if c.asked {
		fmt.Fprintf(&b, ", when asked to %s", describe(c.command))
	}
	return b.String()
}

func outcome(all []events.Data) string {
	if len(all) == 0 {
		return "change nothing"
	}
	return "record " + names(all)
}

func names(all []events.Data) string {
	types := make([]string, len(all))
	for i, e := range all {
		types[i] = e.EventType()
	}
	return strings.Join(types, ", ")
}
