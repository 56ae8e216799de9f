package secret

import (
	"context"
	"time"
)

// WatchInterval is how often a process looks whether its ring's file has changed.
const WatchInterval = 500 * time.Millisecond

// Watch reads the file again whenever it has changed, until ctx ends, and
// returns ctx's error. heard is told when the ring is another, and of every
// failure that is not the one before; it may be nil. While the file is gone,
// faulty or cannot be unwrapped, the ring stays as it was.
func (r *Ring) Watch(ctx context.Context, every time.Duration, heard func(changed bool, err error)) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	failed := ""
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		changed, err := r.reload(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		told := failed
		failed = ""
		if err != nil {
			failed = err.Error()
		}
		if heard != nil && (changed || failed != told) {
			heard(changed, err)
		}
	}
}
