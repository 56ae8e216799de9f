package es

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/tidegate-io/tidegate/events"
)

// Store is everything that a service keeps: one database (SQLite) or schema
// (Postgres). storetest.Run is its specification; an adapter that passes it is
// one.
//
// All errors of a database that cannot be reached wrap ErrUnavailable, and then
// nothing is half done.
type Store interface {
	Streams
	Feed
	Reader
	Foreign
	Idempotencies
	io.Closer
}

// Streams are the aggregates' events.
type Streams interface {
	// Load answers the events of a stream above a version, oldest first. An
	// unknown stream has none.
	Load(ctx context.Context, stream string, after int64) ([]events.Envelope, error)
	// Append puts a batch in one transaction: the head row, the version check,
	// Require, claims, inbox, idempotency, the events, every view. Errors:
	// ErrConflict, ErrTaken, ErrDuplicate, ErrReference, ErrLeaseLost,
	// ErrTooLarge, ErrUnavailable; after each nothing has changed. A batch
	// without events is legal: it writes its inbox and idempotency rows.
	Append(ctx context.Context, batch Batch) (Commit, error)
}

// Expect is the version that a stream must have before an append.
type Expect int64

// None: the stream must not exist. Any: whatever it is.
const (
	None Expect = 0
	Any  Expect = -1
)

// Batch is one append.
type Batch struct {
	Stream string
	Expect Expect
	// Events carry id, type, schema, actor, the causal ids and data; the store
	// sets source, stream, version, position and time.
	Events      []events.Envelope
	Claims      []Claim
	Require     []Ref
	Inbox       string // "policy/event id/target"; the second time is ErrDuplicate
	Material    []Material
	Idempotency *Lease // completed with Answer's result, only while it is still ours
	// Answer, when set, is run in the transaction after the views are folded,
	// so that what the caller is told is exactly what was committed. It may run
	// again when the append is retried. Its result is kept for Idempotency.
	Answer func(ctx context.Context, r Reader, c Commit) (*Answer, error)
}

// Claim is uniqueness inside the append transaction. A value in a scope has one
// holder; claiming it again for the same holder changes nothing. Release with
// an empty Value gives up all that the holder has in the scope.
type Claim struct {
	Scope   string // "credential_name/<consumer>", "api_key", "route"
	Value   string
	Holder  string // the stream when empty
	Release bool
}

// Ref is a foreign fact that must be known and live when the batch commits.
type Ref struct {
	Kind string // "consumer"
	ID   string
}

// Material is what gateways need to verify one secret version, and what this
// service keeps of it. It is never part of an event.
type Material struct {
	// Key is "<credential id>.<version>"; it is the last tokens of the material
	// stream's subject, so it holds no other dots, spaces or wildcards.
	Key string
	// Sealed goes to gateways (AEAD under the key ring). Empty: nothing is
	// published; the row serves this service alone.
	Sealed []byte
	// Kept stays in SQL (sealed too): what a new pepper needs.
	Kept []byte
	// Hint is what people see of the secret.
	Hint string
	// Erase removes the row, and the published message with it.
	Erase bool
	// Instead, when set, is what the row must still hold (its Sealed and Kept):
	// otherwise ErrConflict. With it material can be made again, under another
	// key of the ring, without bringing back what was erased or replaced
	// meanwhile. It is not stored.
	Instead *Material
}

// Commit is what an append made.
type Commit struct {
	Events []events.Envelope // as stored: with version, position and time
	Head   Head              // after it
	Time   time.Time         // of the transaction, also when there was no event
}

// Head is how far a service has come.
type Head struct {
	Epoch    string // changes when history was rewritten (a restore)
	Position int64  // of the last event; 0: none
	Material int64  // of the last material change; 0: none
}

// Record is one stored event, as it goes over the wire.
type Record struct {
	Position int64
	ID       string
	Type     string
	Body     []byte // the CloudEvents JSON, verbatim for ever
}

// MaterialRecord is one material change, as it goes over the wire. Only the
// newest of a key is kept, so positions have gaps.
type MaterialRecord struct {
	Position int64
	Key      string
	Sealed   []byte // empty: erased
}

// Feed is the outbox, read by the relay.
type Feed interface {
	// Since answers up to limit events above a position, in order, gapless.
	Since(ctx context.Context, position int64, limit int) ([]Record, error)
	// MaterialSince answers up to limit material changes above a position, in
	// order: for every key the newest change alone.
	MaterialSince(ctx context.Context, position int64, limit int) ([]MaterialRecord, error)
	// Head answers how far this service has come.
	Head(ctx context.Context) (Head, error)
	// Changed answers a channel that is closed at the next commit made through
	// this Store value. Other processes' commits are found by polling.
	Changed() <-chan struct{}
	// Rebase is the epoch bump: it appends records that are only on the bus
	// (surplus, in stream order) and begins the given epoch, in one
	// transaction. A record whose position is the next and whose version fits
	// is taken verbatim; after a fork it is re-encoded at the end with the next
	// version of its stream, keeping its id. erase names material keys to
	// erase.
	Rebase(ctx context.Context, epoch string, surplus []Record, erase []string) (Head, error)
}

// Reader reads documents, foreign facts and kept material. Answers are as of
// one moment; a Reader inside an append sees that append.
type Reader interface {
	// Get answers the document of a view. ErrNotFound.
	Get(ctx context.Context, view, key string) (Doc, error)
	// Find answers documents of a view in the order of their creation.
	Find(ctx context.Context, q Query) (Page, error)
	// Tally answers how many documents have each value of an indexed field. It
	// reads the index row of each that it counts, and with Where looks at each.
	Tally(ctx context.Context, t Tally) (map[string]int64, error)
	// Fact answers a foreign fact. ErrNotFound.
	Fact(ctx context.Context, kind, id string) (Fact, error)
	// Facts answers those of the facts that are known, by id.
	Facts(ctx context.Context, kind string, ids []string) (map[string]Fact, error)
	// Material answers those of the keys that are there and not erased, by key.
	Material(ctx context.Context, keys ...string) (map[string]Material, error)
	// MaterialAfter answers up to limit rows of material that are not erased,
	// with keys above the given one, in a stable order of keys.
	MaterialAfter(ctx context.Context, key string, limit int) ([]Material, error)
	// Holder answers who holds a claim. ErrNotFound.
	Holder(ctx context.Context, scope, value string) (string, error)
}

// Doc is a document of a view.
type Doc struct {
	Key     string
	Version int64 // of the stream that it was last folded from
	Body    json.RawMessage
}

// Query finds documents of one view.
type Query struct {
	View  string
	Where []Term // all must hold
	Text  string // the document's text contains it, ignoring case; empty: any
	After string // cursor of the page before; empty: from the start
	Limit int    // 1-200; 0: 50
}

// Term is a condition on an indexed field. A document that has none of the
// field's values matches no Term but one with Not.
type Term struct {
	Field  string
	Op     Op
	Values []string
	// Fact compares, in place of a field, the rank of the foreign fact of this
	// kind whose id is the document's key. It narrows what other terms find: with
	// it alone every document is looked at till a page is full.
	Fact string
	// Not turns the term round.
	Not bool
}

// Tally counts the documents of one view.
type Tally struct {
	View  string
	Field string
	// From and Below bound the values, bytewise: From is counted, Below is not.
	// Empty: there is no bound.
	From, Below string
	Where       []Term // all must hold
	// Total counts all values as one, the empty one.
	Total bool
}

// Op compares an indexed field, as text.
type Op int

// In: equals one of the values. Below, AtLeast: compared with the first value,
// bytewise (write times as RFC 3339 UTC of fixed width).
const (
	In Op = iota
	Below
	AtLeast
)

// Page is part of an answer to Find.
type Page struct {
	Docs []Doc
	Next string // empty: done
}

// Fact is what is known here of another service's object.
type Fact struct {
	Kind, ID string
	Live     bool // may be referred to
	Body     json.RawMessage
}

// Foreign is what a service knows of the others: their facts and how far it has
// read them.
type Foreign interface {
	// Cursor answers how far a subscriber has read a source. Zero: from the
	// start.
	Cursor(ctx context.Context, subscriber, source string) (Cursor, error)
	// Absorb moves a cursor by compare-and-swap and, in the same transaction and
	// under the head row, folds what was read into the references and parks what
	// could not be read. ErrCursor when another replica was faster. It costs what
	// it brings, however much is known already.
	Absorb(ctx context.Context, a Absorption) error
	// Parked answers the parked messages of a subscriber (all when empty),
	// oldest first.
	Parked(ctx context.Context, subscriber string) ([]Parked, error)
	// Unpark removes one, after it was handled. ErrNotFound.
	Unpark(ctx context.Context, subscriber, source string, position int64) error
}

// Cursor is how far a source was read. A foreign epoch forces a new start.
type Cursor struct {
	Epoch    string
	Position int64
}

// Received is an event of another service, decoded. Data is nil when it could
// not be decoded; Err then says why.
type Received struct {
	Envelope events.Envelope
	Data     events.Data
	Body     []byte
	Err      error
}

// Absorption moves one cursor.
type Absorption struct {
	Subscriber string // FactsSubscriber folds into the references; a policy's name only moves its cursor
	// Source is the context that is read: "consumer". One that many tell of has a
	// cursor for each of them: "usage/<who>" is folded by the references of
	// "usage". Such a cursor is forgotten when it was not moved for CursorTime.
	Source   string
	From, To Cursor
	// Reset forgets every fact of the source first: its history was rewritten.
	// What many tell of has no history to begin again.
	Reset  bool
	Events []Received
	Park   []Parked
}

// FactsSubscriber is the subscriber whose absorptions fold into references.
const FactsSubscriber = "facts"

// CursorTime is for how long the cursor of one of many is kept at least.
const CursorTime = 7 * 24 * time.Hour

// Parked is a message that could not be handled. It blocks nothing.
type Parked struct {
	Subscriber string
	Source     string
	Position   int64
	EventID    string
	Type       string
	Error      string
	Body       []byte
	At         time.Time
}

// Idempotencies keep the first answer to a call for 24 hours.
type Idempotencies interface {
	// Begin leases a key for LeaseTime, or answers what the first call was
	// answered. ErrIdempotencyMismatch, ErrIdempotencyInFlight.
	Begin(ctx context.Context, scope, key string, hash []byte) (*Lease, *Answer, error)
	// Abandon gives a lease back without an answer (the call was refused).
	// A lost lease is no error.
	Abandon(ctx context.Context, lease *Lease) error
	// Complete keeps an answer that no append made (the call changed nothing).
	// ErrLeaseLost.
	Complete(ctx context.Context, lease *Lease, answer Answer) error
}

// How long a call may be in flight, and how long its answer is kept.
const (
	LeaseTime  = 30 * time.Second
	AnswerTime = 24 * time.Hour
)

// Lease is the right to complete an idempotent call.
type Lease struct {
	Scope, Key string
	Token      string
}

// Answer is what a caller was told, without any secret.
type Answer struct {
	Status int
	Header map[string]string
	Body   []byte
}

// Schema is what a store folds. Adapters take it when they are opened.
type Schema struct {
	Service    string // "consumer": database file or schema, and part of the source
	Namespace  string // of the organisation, for the source; "default" when empty
	Registry   *events.Registry
	Views      []View
	References []Reference
}

// Source is the CloudEvents source of the service's events.
func (s Schema) Source() string {
	namespace := s.Namespace
	if namespace == "" {
		namespace = "default"
	}
	return "/tidegate/" + namespace + "/" + s.Service
}
