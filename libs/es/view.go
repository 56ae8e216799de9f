package es

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/tidegate-io/tidegate/events"
)

// KeyFunc answers the key of the document that an event changes; empty: none.
type KeyFunc func(events.Envelope, events.Data) string

// StepFunc answers a document after an event. It is pure and total.
type StepFunc[T any] func(doc T, e events.Envelope, data events.Data) T

// Index is how a document is found.
type Index struct {
	Text  string              // what Query.Text searches
	Terms map[string][]string // field: values
}

// Indexed documents can be found by field or text.
type Indexed interface{ Index() Index }

// View is a document folded from the service's own events in the append
// transaction, so that a caller reads its own writes.
//
// A change of its shape or fold is a new Version: it is built into tables of its
// own and caught up before anything reads it, so that replicas of two releases
// run side by side.
type View struct {
	Name    string
	Version int
	Key     KeyFunc
	// Step folds one event into a document; body is nil for a new one.
	Step func(body json.RawMessage, e events.Envelope, data events.Data) (json.RawMessage, Index, error)
}

// ViewOf makes a view of documents of type T, whose zero value is the document
// before its first event.
func ViewOf[T any](name string, version int, key KeyFunc, step StepFunc[T]) View {
	return View{
		Name:    name,
		Version: version,
		Key:     key,
		Step: func(body json.RawMessage, e events.Envelope, data events.Data) (json.RawMessage, Index, error) {
			var doc T
			if body != nil {
				if err := json.Unmarshal(body, &doc); err != nil {
					return nil, Index{}, fmt.Errorf("view %s: read document: %w", name, err)
				}
			}
			doc = step(doc, e, data)
			next, err := json.Marshal(doc)
			if err != nil {
				return nil, Index{}, fmt.Errorf("view %s: write document: %w", name, err)
			}
			var index Index
			if indexed, ok := any(doc).(Indexed); ok {
				index = indexed.Index()
			}
			return next, index, nil
		},
	}
}

// ByAggregate is the key of a view with one document an aggregate.
func ByAggregate(e events.Envelope, _ events.Data) string { return e.Aggregate() }

// Get answers the document of a view as T. ErrNotFound.
func Get[T any](ctx context.Context, r Reader, view, key string) (T, error) {
	var doc T
	found, err := r.Get(ctx, view, key)
	if err != nil {
		return doc, err
	}
	if err := json.Unmarshal(found.Body, &doc); err != nil {
		return doc, fmt.Errorf("read %s %s: %w", view, key, err)
	}
	return doc, nil
}

// Find answers documents of a view as T, and the cursor of the next page.
func Find[T any](ctx context.Context, r Reader, q Query) (docs []T, next string, err error) {
	page, err := r.Find(ctx, q)
	if err != nil {
		return nil, "", err
	}
	docs = make([]T, len(page.Docs))
	for i, d := range page.Docs {
		if err := json.Unmarshal(d.Body, &docs[i]); err != nil {
			return nil, "", fmt.Errorf("read %s %s: %w", q.View, d.Key, err)
		}
	}
	return docs, page.Next, nil
}
