package es

import (
	"context"
	"errors"
	"fmt"

	"github.com/tidegate-io/tidegate/events"
)

// Policy is a reaction to other services' events: commands to our own
// aggregates and nothing else.
type Policy[C any] struct {
	Name string
	From []string // event types
	// React answers the commands that follow from an event. It may look up what
	// is known here; it changes nothing.
	React func(ctx context.Context, e events.Envelope, data events.Data, r Reader) ([]Reaction[C], error)
}

// Reaction is one command to one aggregate.
type Reaction[C any] struct {
	Target  string // the aggregate's id
	Command C
}

// Reactor is a policy bound to the handler of its commands.
type Reactor struct {
	Name  string
	From  []string
	React func(ctx context.Context, e events.Envelope, data events.Data) error
}

// Bind makes a policy ready to run.
//
// Each command is an append of its own whose inbox key is
// "policy/event id/target", written even when the command changes nothing or is
// refused; so the reaction may be run again after a crash at any point, and by
// two replicas at once, and takes effect once.
func Bind[S, C any](p Policy[C], h *Handler[S, C], r Reader) Reactor {
	return Reactor{
		Name: p.Name,
		From: p.From,
		React: func(ctx context.Context, e events.Envelope, data events.Data) error {
			reactions, err := p.React(ctx, e, data, r)
			if err != nil {
				return fmt.Errorf("policy %s, event %s: %w", p.Name, e.ID, err)
			}
			ctx = WithMeta(ctx, Meta{Actor: "policy:" + p.Name, CorrelationID: e.CorrelationID, CausationID: e.ID})
			for _, reaction := range reactions {
				inbox := p.Name + "/" + e.ID + "/" + reaction.Target
				_, err := h.Handle(ctx, reaction.Target, reaction.Command, Once(inbox))
				if err != nil && !errors.Is(err, ErrDuplicate) {
					return fmt.Errorf("policy %s, event %s, target %s: %w", p.Name, e.ID, reaction.Target, err)
				}
			}
			return nil
		},
	}
}
