// Package accesslog writes a line for each call, as JSON, without making any call
// wait.
//
// What a call says is taken over at once and written by one goroutine. When that
// falls behind by more lines or bytes than the bounds, lines are dropped and
// counted; so are lines that cannot be written. What was taken over is written
// when the log ends in order, and lost with a kill -9.
//
// A line never holds a secret: no query, no header of the client's but the host,
// no body. It does hold the path and the client's address.
package accesslog

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of what waits to be written.
const (
	maxLines = 16 << 10
	maxBytes = 16 << 20
)

// Log takes lines.
type Log struct {
	path   string // empty: a stream of the process
	out    io.Writer
	file   *os.File // out, when it is a file of ours
	log    *slog.Logger
	queue  chan *[]byte
	lines  sync.Pool
	behind atomic.Int64 // bytes

	written, dropped atomic.Int64
}

// Off, Stdout and Stderr are the places that are not files.
const (
	Off    = "off"
	Stdout = "stdout"
	Stderr = "stderr"
)

// Open opens a log: Stdout, Stderr or a file's path. Off, or nothing, answers nil.
func Open(to string, log *slog.Logger) (*Log, error) {
	l := &Log{log: log, queue: make(chan *[]byte, maxLines)}
	l.lines.New = func() any { return new([]byte) }
	switch to {
	case Off, "":
		return nil, nil //nolint:nilnil // no log is a fine answer
	case Stdout:
		l.out = os.Stdout
	case Stderr:
		l.out = os.Stderr
	default:
		l.path = to
		if err := l.open(); err != nil {
			return nil, fmt.Errorf("open the access log: %w", err)
		}
	}
	return l, nil
}

// open opens the file to append to.
func (l *Log) open() error {
	file, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	if l.file != nil {
		_ = l.file.Close()
	}
	l.file, l.out = file, file
	return nil
}

// Add takes a line over. It does not wait.
func (l *Log) Add(line []byte) {
	size := int64(len(line))
	if l.behind.Add(size) > maxBytes {
		l.behind.Add(-size)
		l.dropped.Add(1)
		return
	}
	kept := l.lines.Get().(*[]byte)
	*kept = append((*kept)[:0], line...)
	select {
	case l.queue <- kept:
	default:
		l.behind.Add(-size)
		l.dropped.Add(1)
		l.lines.Put(kept)
	}
}

// Dropped answers how many lines were not written.
func (l *Log) Dropped() int64 { return l.dropped.Load() }

// Times of writing. Lines are written together, so that no call has to wake the
// writer. A file that was moved or removed is noticed after reopen.
const (
	linger   = 20 * time.Millisecond
	reopen   = time.Second
	complain = time.Minute
)

// Run writes until ctx ends, and then what was taken over before.
func (l *Log) Run(ctx context.Context) error {
	w := writer{Log: l}
	w.to = bufio.NewWriterSize(&w.sink, 64<<10)
	w.looked = time.Now()
	ticker := time.NewTicker(linger)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			w.batch()
			if now.Sub(w.looked) >= reopen {
				w.looked = now
				w.follow()
			}
		case <-ctx.Done():
			w.batch()
			if l.file != nil {
				_ = l.file.Close()
			}
			return ctx.Err()
		}
	}
}

// writer is what Run works with.
type writer struct {
	*Log
	to     *bufio.Writer
	sink   sink
	looked time.Time // whether the file is still there
	warned time.Time
}

// sink is the file of the moment.
type sink struct{ io.Writer }

// largest is the largest line whose memory is kept.
const largest = 4 << 10

// batch writes all lines that wait.
func (w *writer) batch() {
	w.sink.Writer = w.out
	count := int64(0)
	for len(w.queue) > 0 {
		line := <-w.queue
		_, _ = w.to.Write(*line) // its error stays until Flush
		count++
		w.behind.Add(-int64(len(*line)))
		if cap(*line) <= largest {
			w.lines.Put(line)
		}
	}
	if err := w.to.Flush(); err != nil {
		w.to.Reset(&w.sink)
		w.dropped.Add(count)
		w.complain(err)
		return
	}
	w.written.Add(count)
}

// follow opens the file anew when what has its name is another one, or nothing.
func (w *writer) follow() {
	if w.file == nil {
		return
	}
	open, err := w.file.Stat()
	if err == nil {
		if named, err := os.Stat(w.path); err == nil && os.SameFile(open, named) {
			return
		}
	}
	if err := w.open(); err != nil {
		w.complain(err)
	}
}

func (w *writer) complain(err error) {
	if now := time.Now(); now.Sub(w.warned) >= complain {
		w.warned = now
		w.log.Warn("the access log cannot be written", "error", err)
	}
}
