package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// DrainTime is how long a process takes to end at most, once it was told to.
const DrainTime = 9 * time.Second

// Run runs services in this process until ctx ends, and answers nil when it
// ended because of that. It answers earlier, with the reason, when a service
// cannot start or one of its parts fails.
//
// With the bus down Run starts and serves all the same: SQL is the truth, and
// events follow when the bus is back.
func Run(ctx context.Context, cfg Config, all ...Service) error {
	p, err := newProcess(ctx, cfg)
	if err != nil {
		return err
	}
	err = p.open(ctx, all)
	if err == nil {
		err = p.serve(ctx)
	}
	return errors.Join(err, p.close())
}

// task is a part of a service that runs until its context ends.
type task struct {
	name string
	run  func(context.Context) error
}

// crew runs tasks of one stage of the shutdown order.
type crew struct {
	ctx    context.Context
	stop   context.CancelFunc
	failed chan<- error
	group  sync.WaitGroup
}

func newCrew(failed chan<- error) *crew {
	ctx, stop := context.WithCancel(context.Background())
	return &crew{ctx: ctx, stop: stop, failed: failed}
}

// start runs a task. Ending before it was stopped is a failure of the process.
func (c *crew) start(t task) {
	c.group.Go(func() {
		err := t.run(c.ctx)
		if c.ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("it ended by itself")
		}
		select {
		case c.failed <- fmt.Errorf("%s: %w", t.name, err):
		default: // the first failure is the one that counts
		}
	})
}

// end stops the tasks and waits for them as long as ctx allows.
func (c *crew) end(ctx context.Context) error {
	c.stop()
	done := make(chan struct{})
	go func() {
		c.group.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return errors.New("parts are still running after the time to drain")
	}
}

// serve runs everything that was opened, and drains in two stages: first what
// takes work in (addresses, clocks), then what carries it on (relays, readers of
// others' events, heads).
func (p *process) serve(ctx context.Context) error {
	failed := make(chan error, 1)
	front, back := newCrew(failed), newCrew(failed)
	for _, t := range p.back {
		back.start(t)
	}
	for _, t := range p.front {
		front.start(t)
	}
	front.group.Go(func() { p.announce(front.ctx) })

	var err error
	select {
	case <-ctx.Done():
		p.log.Info("stopping", "reason", context.Cause(ctx))
	case err = <-failed:
		p.log.Error("stopping because a part failed", "error", err)
	}
	p.health.draining.Store(true)
	deadline, cancel := context.WithTimeout(context.Background(), DrainTime)
	defer cancel()
	err = errors.Join(err, front.end(deadline))
	p.flush(deadline)
	return errors.Join(err, back.end(deadline))
}

// announce calls Wiring.Ready once every readiness check passes.
func (p *process) announce(ctx context.Context) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	waiting := time.Now()
	for {
		report, ready := p.health.Ready(ctx)
		if ready {
			break
		}
		if time.Since(waiting) > 5*time.Second {
			p.log.Warn("not ready yet", "failed", report.Failed)
			waiting = time.Now()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
	p.log.Info("ready", "addresses", p.addresses())
	if p.cfg.Wiring.Ready != nil {
		p.cfg.Wiring.Ready(p.addresses())
	}
}

// flushTime bounds how long a process that ends waits for its relays: what is
// not relayed now is relayed by the next process.
const flushTime = time.Second

// flush lets the relays carry out what was committed while draining.
func (p *process) flush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, flushTime)
	defer cancel()
	for _, part := range p.parts {
		for !part.relayed(ctx) {
			select {
			case <-ctx.Done():
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}
}
