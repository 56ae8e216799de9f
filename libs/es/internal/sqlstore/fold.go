package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/tidegate-io/tidegate/events"
)

// document is a row of a view while events are folded into it.
type document struct {
	seq     int64
	version int64
	body    []byte
	text    string
	terms   string // the index's terms, as JSON with sorted members
	was     string // the terms that are stored
	stored  bool
}

// decoded is an event with its payload; data is nil when this release cannot
// read it.
type decoded struct {
	events.Envelope
	data events.Data
}

// decode reads payloads. An event that this release cannot read is left out of
// every fold and remembered (see cursorRow.skipped): it blocks nothing.
func (s *Store) decode(all []events.Envelope) []decoded {
	read := make([]decoded, len(all))
	for i, e := range all {
		data, err := s.schema.Registry.Decode(e)
		if err != nil {
			data = nil
		}
		read[i] = decoded{e, data}
	}
	return read
}

// documents are those of one view that were read; the value is nil for a key
// that has none.
type documents map[string]*document

// keys answers the key of each event in a view, and each key once.
func (v *view) keys(all []decoded) (keys, distinct []string) {
	keys = make([]string, len(all))
	for i, e := range all {
		if e.data == nil {
			continue
		}
		keys[i] = v.Key(e.Envelope, e.data)
		if keys[i] != "" && !slices.Contains(distinct, keys[i]) {
			distinct = append(distinct, keys[i])
		}
	}
	return keys, distinct
}

// foldView answers the writes that bring a view from before all to after it.
// All must be what follows the view's cursor; docs are those of its documents
// that were read already.
func (s *Store) foldView(ctx context.Context, run Runner, v *view, all []decoded, docs documents) ([]Statement, error) {
	keys, distinct := v.keys(all)
	unread := slices.DeleteFunc(slices.Clone(distinct), func(key string) bool {
		_, read := docs[key]
		return read
	})
	if len(unread) > 0 {
		if docs == nil {
			docs = documents{}
		}
		if err := run.Run(ctx, s.loadDocuments(v, unread, docs)); err != nil {
			return nil, err
		}
	}
	for i, e := range all {
		if keys[i] == "" {
			continue
		}
		doc := docs[keys[i]]
		if doc == nil {
			doc = &document{seq: e.Position, terms: "{}", was: "{}"}
			docs[keys[i]] = doc
		}
		body, index, err := v.Step(doc.body, e.Envelope, e.data)
		if err != nil {
			return nil, fmt.Errorf("fold event %s into view %s: %w", e.ID, v.Name, err)
		}
		doc.version, doc.body, doc.text = e.Version, body, strings.ToLower(index.Text)
		doc.terms = encodeTerms(index.Terms)
	}
	var writes []Statement
	for _, key := range distinct {
		writes = append(writes, v.write(key, docs[key])...)
	}
	return writes, nil
}

func (s *Store) loadDocuments(v *view, keys []string, docs documents) Statement {
	for _, key := range keys {
		docs[key] = nil
	}
	return Statement{
		SQL:  v.load,
		Args: []any{s.dialect.List(keys)},
		Row: func(scan func(...any) error) error {
			var key string
			d := document{stored: true}
			err := scan(&d.seq, &key, &d.version, &d.body, &d.text, &d.terms)
			d.was = d.terms
			docs[key] = &d
			return err
		},
	}
}

// write answers the statements that store a folded document. Of its terms only
// those are touched that have changed.
func (v *view) write(key string, d *document) []Statement {
	var writes []Statement
	if d.stored {
		writes = append(writes, Statement{SQL: v.update, Args: []any{d.seq, d.version, d.body, d.text, d.terms}})
	} else {
		writes = append(writes, Statement{SQL: v.insert, Args: []any{d.seq, key, d.version, d.body, d.text, d.terms}})
	}
	if d.terms == d.was {
		return writes
	}
	before, after := decodeTerms(d.was), decodeTerms(d.terms)
	for field, values := range before {
		for _, value := range values {
			if !slices.Contains(after[field], value) {
				writes = append(writes, Statement{SQL: v.removeTerm, Args: []any{field, value, d.seq}})
			}
		}
	}
	var args []any
	for field, values := range after {
		for _, value := range values {
			if !slices.Contains(before[field], value) {
				args = append(args, field, value, d.seq)
			}
		}
	}
	for chunk := range slices.Chunk(args, 3*termsAtOnce) {
		writes = append(writes, Statement{SQL: insertTerms(v.terms, len(chunk)/3), Args: chunk})
	}
	return writes
}

// termsAtOnce bounds the rows of one insert, and so the number of statements
// that a database keeps prepared.
const termsAtOnce = 16

func insertTerms(table string, rows int) string {
	var sql strings.Builder
	sql.WriteString(`INSERT INTO ` + table + ` (field, value, seq) VALUES `)
	for i := range rows {
		if i > 0 {
			sql.WriteString(", ")
		}
		fmt.Fprintf(&sql, "($%d, $%d, $%d)", 3*i+1, 3*i+2, 3*i+3)
	}
	return sql.String()
}

// encodeTerms writes terms in one way only: members and values sorted, no value
// twice.
func encodeTerms(terms map[string][]string) string {
	if len(terms) == 0 {
		return "{}"
	}
	sorted := make(map[string][]string, len(terms))
	for field, values := range terms {
		if len(values) > 0 {
			sorted[field] = slices.Compact(slices.Sorted(slices.Values(values)))
		}
	}
	text, _ := json.Marshal(sorted) // strings always marshal
	return string(text)
}

func decodeTerms(text string) map[string][]string {
	terms := map[string][]string{}
	_ = json.Unmarshal([]byte(text), &terms) // encodeTerms wrote it
	return terms
}

// cursorRow is how far a view is folded. Skipped is the position of the first
// event that the folding release could not read: a release that can must build
// the view again.
type cursorRow struct{ cursor, skipped int64 }

// readCursors reads how far each view is folded. A view without a row (its
// tables were dropped) has cursor -1.
func (a *appending) readCursors() Statement {
	a.cursors = make([]cursorRow, len(a.views))
	for i := range a.cursors {
		a.cursors[i].cursor = -1
	}
	return Statement{
		SQL: `SELECT id, cursor, skipped FROM views`,
		Row: func(scan func(...any) error) error {
			var id string
			var row cursorRow
			if err := scan(&id, &row.cursor, &row.skipped); err != nil {
				return err
			}
			if i := slices.IndexFunc(a.views, func(v *view) bool { return v.id == id }); i >= 0 {
				a.cursors[i] = row
			}
			return nil
		},
	}
}

// readDocuments reads the documents that the new events change, under the lock
// and in the run that takes it: their keys are known before. A key that depends
// on an event's place is found to be unread when it is folded.
func (a *appending) readDocuments() []Statement {
	a.docs = make([]documents, len(a.views))
	var run []Statement
	for i, v := range a.views {
		if _, distinct := v.keys(a.added); len(distinct) > 0 {
			a.docs[i] = documents{}
			run = append(run, a.loadDocuments(v, distinct, a.docs[i]))
		}
	}
	return run
}

// fold answers the writes that bring every view through the new events. A view
// that another release left a little behind is caught up on the way; one that
// is far behind, because it is being built, is left to who reads it.
func (a *appending) fold(ctx context.Context) ([]Statement, error) {
	if len(a.events) == 0 || len(a.views) == 0 {
		return nil, nil
	}
	var writes []Statement
	var moved []string
	for i, v := range a.views {
		row := a.cursors[i]
		if row.cursor < 0 || a.before-row.cursor > foldAtOnce {
			continue
		}
		if row.cursor < a.before {
			if err := a.foldOn(ctx, a.tx, v, row, a.before); err != nil {
				return nil, err
			}
			a.docs[i] = nil
		}
		folded, err := a.foldView(ctx, a.tx, v, a.added, a.docs[i])
		if err != nil {
			return nil, err
		}
		writes = append(writes, folded...)
		moved = append(moved, v.id)
	}
	if len(moved) > 0 {
		writes = append(writes, Statement{
			SQL:  `UPDATE views SET cursor = $1, touched = $2 WHERE ` + a.dialect.In("id", "$3"),
			Args: []any{a.head.position, a.head.time, a.dialect.List(moved)},
		})
	}
	return writes, nil
}
