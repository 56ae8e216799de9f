package limit

import (
	"math"
	"sync"
	"time"

	"github.com/tidegate-io/tidegate/events/consumer"
)

// count is what one subject has used of one policy.
//
// The rate is GCRA, kept as the calls that have not come back yet instead of a
// theoretical arrival time: the two say the same while the limit stands, and the
// calls mean the same after it has changed.
type count struct {
	mu   sync.Mutex
	used float64 // of the rate; comes back evenly
	at   time.Time

	period time.Time // the quota's, by its first moment
	quota  int64     // used in it

	seen time.Time // guarded by the shard
}

// advance lets come back what the time since the last call brings back.
func (c *count) advance(p Policy, now time.Time) {
	if p.Rate != nil && now.After(c.at) {
		c.used = max(0, c.used-float64(now.Sub(c.at))*perNanosecond(p.Rate))
	}
	if now.After(c.at) {
		c.at = now
	}
	if p.Quota != nil {
		if first := begin(p.Quota, now); !first.Equal(c.period) && first.After(c.period) {
			c.period, c.quota = first, 0
		}
	}
}

func (c *count) judge(p Policy, now time.Time) (Verdict, time.Duration) {
	if p.Rate != nil {
		if over := c.used + 1 - float64(p.Rate.Requests); over > rounding {
			return RateLimited, time.Duration(over / perNanosecond(p.Rate))
		}
	}
	if p.Quota != nil && c.quota >= p.Quota.Requests {
		return QuotaExceeded, end(p.Quota, now).Sub(now)
	}
	return Admitted, 0
}

// rounding is what arithmetic may lose of a call.
const rounding = 1e-6

func (c *count) add(p Policy) {
	if p.Rate != nil {
		c.used++
	}
	if p.Quota != nil {
		c.quota++
	}
}

func (c *count) standings(dst []Standing, p Policy, now time.Time) []Standing {
	if p.Rate != nil {
		dst = append(dst, Standing{
			Policy:    p.Name,
			Limit:     p.Rate.Requests,
			Window:    time.Duration(p.Rate.PerSeconds) * time.Second,
			Remaining: max(0, int64(math.Floor(float64(p.Rate.Requests)-c.used+rounding))),
			Reset:     time.Duration(c.used / perNanosecond(p.Rate)),
		})
	}
	if p.Quota != nil {
		first, next := begin(p.Quota, now), end(p.Quota, now)
		dst = append(dst, Standing{
			Policy:    p.Name + "-quota",
			Limit:     p.Quota.Requests,
			Window:    next.Sub(first),
			Remaining: max(0, p.Quota.Requests-c.quota),
			Reset:     next.Sub(now),
		})
	}
	return dst
}

// forgettable says that a new count would answer the same: nobody asked for
// longer than the longest quota period.
func (c *count) forgettable(now time.Time) bool { return now.Sub(c.seen) > 32*24*time.Hour }

func perNanosecond(r *consumer.Rate) float64 {
	return float64(r.Requests) / (float64(r.PerSeconds) * float64(time.Second))
}

// begin and end are the borders of the calendar period, UTC, around a moment.
func begin(q *consumer.Quota, now time.Time) time.Time {
	y, m, d := now.UTC().Date()
	if q.Per == "month" {
		d = 1
	}
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

func end(q *consumer.Quota, now time.Time) time.Time {
	if q.Per == "month" {
		return begin(q, now).AddDate(0, 1, 0)
	}
	return begin(q, now).AddDate(0, 0, 1)
}
