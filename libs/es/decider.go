// Package es is the event-sourcing core that every service shares: deciders,
// the handler that runs commands through them, the store port, documents folded
// in the append transaction (views), facts folded from other services
// (references) and reactions to their events (policies).
//
// Events in SQL are the truth; everything else here is a fold of them. The
// package knows no database and no bus: pgstore and sqlitestore implement the
// Store port, libs/bus carries what it feeds.
package es

import "github.com/tidegate-io/tidegate/events"

// Decider is a domain as three pure values. Time, ids and randomness come in
// with the command; nothing here does I/O.
type Decider[S, C any] struct {
	// Category is the context word of its streams: "subscription".
	Category string
	// Initial is the state before the first event.
	Initial S
	// Decide answers what follows from a command: events, nothing (the command
	// changes nothing), or a refusal.
	Decide func(S, C) ([]events.Data, error)
	// Evolve answers the state after an event. It is total: an event that means
	// nothing to a state leaves it as it is.
	Evolve func(S, events.Data) S
}

// Fold answers the state after all events.
func (d Decider[S, C]) Fold(state S, all ...events.Data) S {
	for _, e := range all {
		state = d.Evolve(state, e)
	}
	return state
}

// Stream names the stream of one aggregate.
func (d Decider[S, C]) Stream(id string) string { return d.Category + "-" + id }
