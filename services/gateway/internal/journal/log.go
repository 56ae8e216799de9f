package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// Log is a journal that is being appended to.
//
// Appending is memory alone; Sync is when it lasts. Several that sync at the
// same moment share one write and one fsync.
type Log struct {
	mu       sync.Mutex
	done     *sync.Cond // a sync has ended
	file     *os.File
	path     string
	id       ID
	buffer   []byte
	spare    []byte
	appended uint64 // frames
	synced   uint64
	syncing  bool
	size     int64
	err      error // of the disk; the log is of no use after it
}

// Create begins an empty journal; an existing one is lost.
func Create(path string, id ID) (*Log, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("begin journal: %w", err)
	}
	if _, err := f.Write(headerOf(id)); err != nil {
		return nil, errors.Join(fmt.Errorf("begin journal: %w", err), f.Close())
	}
	if err := errors.Join(f.Sync(), SyncDir(filepath.Dir(path))); err != nil {
		return nil, errors.Join(fmt.Errorf("begin journal: %w", err), f.Close())
	}
	return newLog(f, path, id, int64(headerSize)), nil
}

// Continue appends to a journal after its good bytes, as Read told them, and
// cuts off the rest.
func Continue(path string, id ID, good int64) (*Log, error) {
	if good < int64(headerSize) {
		return Create(path, id)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("continue journal: %w", err)
	}
	if err := f.Truncate(good); err != nil {
		return nil, errors.Join(fmt.Errorf("continue journal: %w", err), f.Close())
	}
	if _, err := f.Seek(good, 0); err != nil {
		return nil, errors.Join(fmt.Errorf("continue journal: %w", err), f.Close())
	}
	if err := f.Sync(); err != nil {
		return nil, errors.Join(fmt.Errorf("continue journal: %w", err), f.Close())
	}
	return newLog(f, path, id, good), nil
}

func newLog(f *os.File, path string, id ID, size int64) *Log {
	l := &Log{file: f, path: path, id: id, size: size}
	l.done = sync.NewCond(&l.mu)
	return l
}

// Append adds a frame, which lasts after the next Sync.
func (l *Log) Append(payload []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return // it will be told by Sync
	}
	before := len(l.buffer)
	l.buffer = appendFrame(l.buffer, payload)
	l.size += int64(len(l.buffer) - before)
	l.appended++
}

// Size answers the journal's bytes, with those that are not synced yet.
func (l *Log) Size() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.size
}

// Waiting answers the bytes that are in memory alone.
func (l *Log) Waiting() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.buffer)
}

// Sync returns once everything that was appended before the call is on disk. An
// error is final: the log takes nothing more.
func (l *Log) Sync() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for target := l.appended; l.synced < target && l.err == nil; {
		if l.syncing {
			l.done.Wait()
			continue
		}
		l.write()
	}
	return l.err
}

// write is one turn of writing and syncing all that is there, without the lock.
func (l *Log) write() {
	buffer, reached := l.buffer, l.appended
	l.buffer, l.syncing = l.spare[:0], true
	l.mu.Unlock()
	_, err := l.file.Write(buffer)
	if err == nil {
		err = l.file.Sync()
	}
	l.mu.Lock()
	if l.syncing = false; err != nil {
		l.err = fmt.Errorf("write journal: %w", err)
	} else {
		l.synced = reached
	}
	if cap(buffer) <= 4<<20 { // a replay's buffer is not kept for ever
		l.spare = buffer
	}
	l.done.Broadcast()
}

// Rotate syncs the journal and begins another one at path. Who appends must be
// held off meanwhile.
func (l *Log) Rotate(path string) error {
	if err := l.Sync(); err != nil {
		return err
	}
	next, err := Create(path, l.id)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.file
	l.file, l.path, l.size = next.file, path, next.size
	return old.Close()
}

// Close syncs and ends the journal.
func (l *Log) Close() error {
	err := l.Sync()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = os.ErrClosed
	}
	return errors.Join(err, l.file.Close())
}
