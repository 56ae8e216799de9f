package sqlitestore

import (
	"context"
	"database/sql"
	"time"
)

// tidyEvery is how often what was overwritten leaves the write-ahead log, which
// keeps the pages as they were before and after.
const tidyEvery = 15 * time.Second

// tidyRetry is when it is tried again while somebody reads an older page.
const tidyRetry = time.Second

// tidy copies the write-ahead log into the file and empties it, from time to
// time: what was erased is then in neither. It waits for nobody, so that no append
// waits for it long.
func (d *database) tidy(every time.Duration) {
	defer d.tidying.Done()
	timer := time.NewTimer(every)
	defer timer.Stop()
	for {
		select {
		case <-d.stop:
			return
		case <-timer.C:
		}
		timer.Reset(every)
		if d.written.Swap(false) && !d.truncate() {
			d.written.Store(true)
			timer.Reset(min(every, tidyRetry))
		}
	}
}

// truncate says whether the write-ahead log is empty now.
func (d *database) truncate() bool {
	ctx, cancel := context.WithTimeout(context.Background(), tidyEvery)
	defer cancel()
	d.queue <- struct{}{}
	defer func() { <-d.queue }()
	if d.closed.Load() || d.connect(ctx) != nil {
		return false
	}
	// Nobody writes meanwhile; a reader of an older page is not waited for.
	if d.exec(ctx, "PRAGMA busy_timeout=0") != nil {
		return false
	}
	defer func() { _ = d.exec(ctx, "PRAGMA busy_timeout=5000") }()
	var busy, frames, copied sql.NullInt64
	row := d.conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	return row.Scan(&busy, &frames, &copied) == nil && busy.Int64 == 0
}
