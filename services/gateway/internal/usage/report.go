package usage

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tidegate-io/tidegate/libs/bus"
)

// FlushTime is how often uses are reported.
const FlushTime = 10 * time.Second

const (
	retryTime  = time.Second // after a report that was not acknowledged
	lastTime   = 1500 * time.Millisecond
	maxWaiting = 1 << 18 // credentials whose uses wait for NATS to come back
)

// Config says who reports what, and how.
type Config struct {
	Gateway string
	Counter *Counter
	// Report sends a batch and returns nil once it is kept: bus.Conn's ReportUsage.
	Report func(context.Context, bus.UsageBatch) error
	// Path is the file for what could not be reported. It survives a kill of the
	// process; of what a crash of the machine leaves of it nothing is promised.
	Path string
	Log  *slog.Logger
	// Every is FlushTime when zero.
	Every time.Duration
}

// Reporter reports what a Counter has counted. A batch is sent as it is until it
// is acknowledged, and only then the next one is cut from what waits; what waits
// is added up by credential, so that an outage costs no more memory than there
// are credentials.
type Reporter struct {
	cfg      Config
	boot     string
	sequence int64

	sending *bus.UsageBatch // not acknowledged yet
	waiting map[string]uses
	kept    bool // the file says what is not reported
	keptAt  time.Time

	backlog, dropped atomic.Int64
}

type uses struct{ count, last int64 }

// New makes a reporter, and takes up what an earlier process left.
func New(cfg Config) *Reporter {
	if cfg.Every == 0 {
		cfg.Every = FlushTime
	}
	r := &Reporter{cfg: cfg, boot: strings.ToLower(rand.Text()), waiting: map[string]uses{}}
	r.takeUp()
	return r
}

// Run reports until ctx ends, then once more, and returns ctx's error.
func (r *Reporter) Run(ctx context.Context) error {
	next := r.cfg.Every
	if r.kept {
		next = retryTime
	}
	for {
		timer := time.NewTimer(next)
		select {
		case <-ctx.Done():
			timer.Stop()
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastTime)
			defer cancel()
			if !r.flush(last) {
				r.keep()
			}
			return ctx.Err()
		case <-r.cfg.Counter.full:
			timer.Stop()
		case <-timer.C:
		}
		if next = r.cfg.Every; !r.flush(ctx) {
			next = min(retryTime, r.cfg.Every)
			if time.Since(r.keptAt) >= r.cfg.Every {
				r.keep()
			}
		}
	}
}

// flush reports all that was counted; false: not all was acknowledged.
func (r *Reporter) flush(ctx context.Context) bool {
	r.cfg.Counter.harvest(time.Now(), r.add)
	defer r.measure()
	for r.sending != nil || len(r.waiting) > 0 {
		if r.sending == nil {
			r.sending = r.cut()
		}
		err := r.cfg.Report(ctx, *r.sending)
		if errors.Is(err, bus.ErrBadUsage) {
			r.cfg.Log.Error("uses cannot be reported and are dropped", "error", err)
			r.drop(*r.sending)
			err = nil
		}
		if err != nil {
			r.cfg.Log.Debug("uses were not reported yet", "error", err)
			return false
		}
		r.sending = nil
		if err := r.forget(); err != nil {
			r.cfg.Log.Warn("the file of uses that were not reported stays, so no more are", "error", err)
			return false
		}
	}
	return true
}

// measure tells the metrics how much waits.
func (r *Reporter) measure() {
	n := len(r.waiting)
	if r.sending != nil {
		n += len(r.sending.Uses)
	}
	r.backlog.Store(int64(n))
}

// add puts uses to what waits.
func (r *Reporter) add(id string, count, last int64) {
	known, there := r.waiting[id]
	if !there && len(r.waiting) >= maxWaiting {
		r.dropped.Add(count)
		return
	}
	r.waiting[id] = uses{known.count + count, max(known.last, last)}
}

// cut takes a batch from what waits.
func (r *Reporter) cut() *bus.UsageBatch {
	r.sequence++
	b := &bus.UsageBatch{Gateway: r.cfg.Gateway, Boot: r.boot, Sequence: r.sequence}
	for id, u := range r.waiting {
		if len(b.Uses) == bus.MaxUses {
			break
		}
		b.Uses = append(b.Uses, use(id, u))
		delete(r.waiting, id)
	}
	return b
}

func use(id string, u uses) bus.Use {
	return bus.Use{Credential: id, Count: u.count, Last: time.UnixMilli(u.last).UTC()}
}

func (r *Reporter) drop(b bus.UsageBatch) {
	for _, u := range b.Uses {
		r.dropped.Add(u.Count)
	}
}
