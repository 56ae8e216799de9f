package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/es"
)

// BumpOptions say how history is rewritten.
type BumpOptions struct {
	// Discard drops the stream's surplus events instead of importing them.
	Discard bool
	// Confirm is shown the plan before anything is changed; false ends the bump
	// with ErrUnconfirmed. Without it nothing is discarded that would undo a
	// revocation; an import needs no confirmation.
	Confirm func(BumpPlan) bool
}

// Surplus is an event that only the stream has.
type Surplus struct {
	Position   int64 // in the stream
	ID         string
	Type       string
	Subject    string // the aggregate's id
	Actor      string
	Time       time.Time
	Revocation bool // it takes access away
}

// BumpPlan is what a bump is about to do.
type BumpPlan struct {
	Context string
	Epoch   string // the new one
	Head    es.Head
	Surplus []Surplus // imported, or with Discard dropped
	// Undone are the revocations among the surplus that Discard would undo.
	Undone []Surplus
	Erase  []string // material keys that the surplus revokes
}

// BumpResult is what a bump did.
type BumpResult struct {
	BumpPlan
	After    es.Head
	Material int // pieces of material that only the stream had and that were imported
}

// BumpEpoch mends a context whose SQL was restored to an earlier point than its
// stream, and begins a new epoch.
//
//  1. It reads the events that only the stream has, and which material they
//     revoke; with Discard it shows which revocations would be undone, and asks.
//  2. It announces the new epoch on the streams, then imports and begins it in
//     one SQL transaction: so the restore loses nothing and revives no key.
//  3. Material of live secrets that only the stream has is imported too.
//  4. The streams are made anew from SQL.
//
// It may be run again after a failure at any point; what is in SQL already is
// not imported twice. Services may be running meanwhile.
func BumpEpoch(ctx context.Context, c *Conn, context string, store es.Store, opts BumpOptions) (BumpResult, error) {
	b := &bump{conn: c, store: store, context: context}
	if err := c.awaitConnection(ctx); err != nil {
		return BumpResult{}, fmt.Errorf("bump the epoch of %s: %w", context, err)
	}
	result, err := b.run(ctx, opts)
	if err != nil {
		return result, fmt.Errorf("bump the epoch of %s: %w", context, err)
	}
	return result, nil
}

type bump struct {
	conn    *Conn
	store   es.Store
	context string
	surplus []es.Record
}

func (b *bump) run(ctx context.Context, opts BumpOptions) (BumpResult, error) {
	plan, err := b.plan(ctx, opts.Discard)
	if err != nil {
		return BumpResult{}, err
	}
	result := BumpResult{BumpPlan: plan}
	if opts.Confirm != nil && !opts.Confirm(plan) || opts.Confirm == nil && len(plan.Undone) > 0 {
		return result, ErrUnconfirmed
	}
	carried, err := b.carriedMaterial(ctx, opts.Discard)
	if err != nil {
		return result, err
	}
	for _, name := range b.streams() {
		if err := b.announce(ctx, name, plan.Epoch); err != nil {
			return result, err
		}
	}
	if opts.Discard {
		b.surplus = nil
	}
	if _, err := b.store.Rebase(ctx, plan.Epoch, b.surplus, plan.Erase); err != nil {
		return result, fmt.Errorf("import: %w", err)
	}
	if result.Material, err = b.importMaterial(ctx, carried); err != nil {
		return result, err
	}
	if result.After, err = b.store.Head(ctx); err != nil {
		return result, fmt.Errorf("read head: %w", err)
	}
	return result, b.refill(ctx, result.After)
}

func (b *bump) streams() []string {
	if b.context == MaterialOwner {
		return []string{Stream(b.context), materialStream}
	}
	return []string{Stream(b.context)}
}

// plan compares stream and SQL and changes nothing.
func (b *bump) plan(ctx context.Context, discard bool) (BumpPlan, error) {
	plan := BumpPlan{Context: b.context, Epoch: events.NewID(time.Now())}
	var err error
	if plan.Head, err = b.store.Head(ctx); err != nil {
		return plan, fmt.Errorf("read head: %w", err)
	}
	if b.surplus, err = b.findSurplus(ctx); err != nil {
		return plan, err
	}
	dead := deadSecrets{}
	for _, record := range b.surplus {
		e, err := events.Decode(record.Body)
		if err != nil {
			return plan, fmt.Errorf("read surplus position %d: %w", record.Position, err)
		}
		s := Surplus{Position: record.Position, ID: e.ID, Type: e.Type, Subject: e.Aggregate(), Actor: e.Actor, Time: e.Time, Revocation: takesAway(e)}
		plan.Surplus = append(plan.Surplus, s)
		if s.Revocation && discard {
			plan.Undone = append(plan.Undone, s)
		}
		if err := dead.see(e); err != nil {
			return plan, fmt.Errorf("read surplus position %d: %w", record.Position, err)
		}
	}
	if !discard && b.context == MaterialOwner {
		plan.Erase, err = b.erase(ctx, dead)
	}
	return plan, err
}

// findSurplus reads the stream beside SQL. An event that SQL has at a later
// position was imported by a bump that did not end.
func (b *bump) findSurplus(ctx context.Context) ([]es.Record, error) {
	var surplus []es.Record
	sql := sqlReader{feed: b.store}
	fork := int64(0)
	err := b.conn.readAll(ctx, Stream(b.context), func(found seen, m jetstream.Msg) error {
		sequence, err := sequenceOf(m)
		if err != nil {
			return err
		}
		if header(m, HeaderEpoch) != found.epoch() {
			b.conn.log.Warn("a message that no relay has written is left out", "stream", Stream(b.context), "sequence", sequence)
			return nil
		}
		record, known, err := sql.at(ctx, sequence)
		if err != nil {
			return err
		}
		id := header(m, jetstream.MsgIDHeader)
		if known && record.ID == id {
			return nil
		}
		if fork == 0 {
			fork = sequence
		}
		surplus = append(surplus, es.Record{
			Position: sequence, ID: id, Type: m.Subject()[len(events.SubjectPrefix):], Body: slices.Clone(m.Data()),
		})
		return nil
	})
	if err != nil || len(surplus) == 0 {
		return nil, err
	}
	there := map[string]bool{}
	err = eachRecord(ctx, b.store, fork-1, func(record es.Record) error {
		there[record.ID] = true
		return nil
	})
	return slices.DeleteFunc(surplus, func(r es.Record) bool { return there[r.ID] }), err
}

// announce writes on a stream which epoch follows, so that a relay that finds
// SQL in it makes the stream anew instead of taking it for a fork.
func (b *bump) announce(ctx context.Context, name, epoch string) error {
	found, err := b.conn.look(ctx, name)
	if errors.Is(err, errMissing) {
		return nil
	}
	if err != nil {
		return err
	}
	config := found.config
	if config.Metadata == nil {
		config.Metadata = map[string]string{}
	}
	config.Metadata[metaNext] = epoch
	ctx, cancel := context.WithTimeout(ctx, ackTime)
	defer cancel()
	if _, err := b.conn.js.UpdateStream(ctx, config); err != nil {
		return fmt.Errorf("announce the epoch on %s: %w", name, err)
	}
	return nil
}

// refill makes the streams anew by relaying until they hold SQL's head.
func (b *bump) refill(ctx context.Context, head es.Head) error {
	relay := NewRelay(b.conn, b.context, b.store)
	running, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); _ = relay.Run(running) }()
	defer func() { stop(); <-done }()
	for {
		status := relay.Status()
		material := b.context != MaterialOwner || status.Material >= head.Material
		if status.Blocked == nil && status.Err == nil && relay.fitFor(head.Epoch) && status.Published >= head.Position && material {
			return nil
		}
		if status.Blocked != nil {
			return status.Blocked
		}
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return fmt.Errorf("make the stream anew (SQL is done, running services will finish it): %w", err)
		}
	}
}
