// Package usage counts the calls that were let through, by credential, and
// reports them to the credential service.
//
// Counting is all that the data path does: no lock, no I/O, no allocation.
// Reports go out each FlushTime, earlier when the table fills, and at shutdown;
// what was not acknowledged is kept and sent again, and takes effect once.
//
// What may be lost: with a kill -9 what was counted since the report before, at
// most FlushTime; when more than half a table of credentials come up before it
// can be emptied, or more than maxWaiting wait for NATS to come back, the calls
// that are beyond it, which Dropped counts.
package usage

import (
	"hash/maphash"
	"sync/atomic"
	"time"
)

// The size of the table. Half of it has it emptied early; it takes 1.5 MiB.
const (
	tableSize  = 1 << 16
	fullEnough = tableSize / 2
	maxProbes  = 256 // slots that are looked at before a call is dropped
)

// slot counts one credential's calls.
type slot struct {
	id    atomic.Pointer[string] // nil: free; set once
	count atomic.Int64
	last  atomic.Int64 // unix milliseconds
}

// table finds a credential's slot at its hash or after it.
type table struct {
	slots   [tableSize]slot
	taken   atomic.Int64
	retired time.Time // zero: it is in use
}

// Counter counts calls. Note may be called by any number of goroutines, harvest
// by one.
//
// A call's slot is raised after the table was looked up, so one that is emptied,
// or replaced, may still be counted into by who looked it up before: a slot is
// emptied by exchange and never given to another credential, and a table that
// was replaced is emptied on for settleTime.
type Counter struct {
	seed    maphash.Seed
	table   atomic.Pointer[table]
	old     []*table
	dropped atomic.Int64
	full    chan struct{}
}

// settleTime is far more than who counts needs between looking a table up and
// counting into it.
const settleTime = 5 * time.Second

// NewCounter makes a counter.
func NewCounter() *Counter {
	c := &Counter{seed: maphash.MakeSeed(), full: make(chan struct{}, 1)}
	c.table.Store(new(table))
	return c
}

// Note counts one call. id must never change: it is kept till it is reported.
// A nil counter counts nothing.
func (c *Counter) Note(id *string, at time.Time) {
	if c == nil {
		return
	}
	t, home := c.table.Load(), maphash.String(c.seed, *id)
	for i := range uint64(maxProbes) {
		s := &t.slots[(home+i)%tableSize]
		owner := s.id.Load()
		if owner == nil {
			owner = c.claim(t, s, id)
		}
		if owner == id || *owner == *id {
			s.note(at.UnixMilli())
			return
		}
	}
	c.dropped.Add(1)
	c.wake()
}

// claim answers whose the slot is: the first who asks.
func (c *Counter) claim(t *table, s *slot, id *string) *string {
	if !s.id.CompareAndSwap(nil, id) {
		return s.id.Load()
	}
	if t.taken.Add(1) == fullEnough {
		c.wake()
	}
	return id
}

// note raises the time before the count, so that whoever takes the count finds a
// time that is not before any of it.
func (s *slot) note(at int64) {
	for last := s.last.Load(); last < at; last = s.last.Load() {
		if s.last.CompareAndSwap(last, at) {
			break
		}
	}
	s.count.Add(1)
}

// wake says that the table fills.
func (c *Counter) wake() {
	select {
	case c.full <- struct{}{}:
	default:
	}
}

// Dropped answers how many calls could not be counted.
func (c *Counter) Dropped() int64 { return c.dropped.Load() }

// harvest gives what was counted since the harvest before to visit, and replaces
// a table that fills.
func (c *Counter) harvest(now time.Time, visit func(id string, count, last int64)) {
	current := c.table.Load()
	if current.taken.Load() >= fullEnough {
		c.table.Store(new(table))
		current.retired = now
		c.old = append(c.old, current)
	} else {
		current.harvest(visit)
	}
	kept := c.old[:0]
	for _, t := range c.old {
		t.harvest(visit)
		if now.Sub(t.retired) < settleTime {
			kept = append(kept, t)
		}
	}
	clear(c.old[len(kept):])
	c.old = kept
}

func (t *table) harvest(visit func(id string, count, last int64)) {
	for i := range t.slots {
		s := &t.slots[i]
		if s.count.Load() == 0 {
			continue
		}
		count := s.count.Swap(0)
		visit(*s.id.Load(), count, s.last.Load())
	}
}
