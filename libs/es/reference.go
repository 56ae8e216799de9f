package es

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/tidegate-io/tidegate/events"
)

// Reference is the local fold of another service's facts: what this service
// must know of an object that it refers to.
type Reference struct {
	Kind   string // "consumer"
	Source string // the context whose events it folds: "consumer"
	// Version is raised when the fold changes: the facts are then folded anew
	// from the source's first event, beside those of the older release.
	Version int
	Key     KeyFunc
	Step    func(body json.RawMessage, e events.Envelope, data events.Data) (next json.RawMessage, live bool, err error)
	// Rank is the text by which documents are found that have a fact's id as
	// their key (Term.Fact). Nil: facts have the empty one.
	Rank func(body json.RawMessage) string
}

// RankOf answers the rank of a fact.
func (r Reference) RankOf(body json.RawMessage) string {
	if r.Rank == nil {
		return ""
	}
	return r.Rank(body)
}

// ReferenceOf makes a reference of facts of type T. step answers the fact after
// an event, and whether it may be referred to.
func ReferenceOf[T any](kind, source string, key KeyFunc, step func(fact T, e events.Envelope, data events.Data) (T, bool)) Reference {
	return Reference{
		Kind:   kind,
		Source: source,
		Key:    key,
		Step: func(body json.RawMessage, e events.Envelope, data events.Data) (json.RawMessage, bool, error) {
			var fact T
			if body != nil {
				if err := json.Unmarshal(body, &fact); err != nil {
					return nil, false, fmt.Errorf("reference %s: read fact: %w", kind, err)
				}
			}
			fact, live := step(fact, e, data)
			next, err := json.Marshal(fact)
			if err != nil {
				return nil, false, fmt.Errorf("reference %s: write fact: %w", kind, err)
			}
			return next, live, nil
		},
	}
}

// Known answers a foreign fact as T, and whether it is live. ErrNotFound.
func Known[T any](ctx context.Context, r Reader, kind, id string) (fact T, live bool, err error) {
	found, err := r.Fact(ctx, kind, id)
	if err != nil {
		return fact, false, err
	}
	if err := json.Unmarshal(found.Body, &fact); err != nil {
		return fact, false, fmt.Errorf("read fact %s %s: %w", kind, id, err)
	}
	return fact, found.Live, nil
}
