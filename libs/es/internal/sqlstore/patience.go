package sqlstore

import (
	"context"
	"time"
)

// patience is how long a read or a transaction may take when nothing else was
// said: long enough for the queue at the head row, short enough that a database
// which has stopped answering is found out.
const patience = 5 * time.Second

type patienceKey struct{}

// patiently answers a context in which a transaction may take d.
func patiently(ctx context.Context, d time.Duration) context.Context {
	return context.WithValue(ctx, patienceKey{}, d)
}

// Patience answers how long a read or a transaction may take.
func Patience(ctx context.Context) time.Duration {
	if d, ok := ctx.Value(patienceKey{}).(time.Duration); ok {
		return d
	}
	return patience
}
