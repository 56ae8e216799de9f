// Package journal keeps records on disk: a journal that is appended to, and
// snapshots that are written whole.
//
// Both are files of the same frames, each with its checksum, begun by the
// identity of the store that they belong to, so that a file that strayed in from
// elsewhere is refused. What is synced survives a kill at any moment; what was
// being written is cut off at the next start.
package journal

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
)

var (
	// ErrForeign: the file belongs to another store, or is none of ours.
	ErrForeign = errors.New("the file belongs to another store")
	// ErrTorn: the file ends inside a frame, or a frame's checksum is wrong.
	ErrTorn = errors.New("the file is torn")
)

// ID says to which store a file belongs.
type ID [16]byte

const (
	magic      = "TGFRAME1"
	headerSize = len(magic) + len(ID{})
	frameSize  = 8       // length, checksum
	largest    = 1 << 20 // an event is at most 256 KiB; more means that the length is broken
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func headerOf(id ID) []byte { return append([]byte(magic), id[:]...) }

func appendFrame(dst, payload []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(payload)))
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(payload, castagnoli))
	return append(dst, payload...)
}

// Read gives every whole frame of a file to visit, which must not keep it, and
// answers how many bytes of the file are good. Errors are visit's, or wrap
// ErrForeign, ErrTorn (after all frames before the tear were visited) or
// os.ErrNotExist.
func Read(path string, id ID, visit func(payload []byte) error) (good int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	r := bufio.NewReaderSize(f, 1<<16)
	header := make([]byte, headerSize)
	if n, err := io.ReadFull(r, header); err != nil {
		if n == 0 || string(header[:n]) == string(headerOf(id)[:n]) {
			return 0, fmt.Errorf("%s: %w", path, ErrTorn) // killed while it was made
		}
		return 0, fmt.Errorf("%s: %w", path, ErrForeign)
	}
	if string(header) != string(headerOf(id)) {
		return 0, fmt.Errorf("%s: %w", path, ErrForeign)
	}
	good = int64(headerSize)
	var payload []byte
	for {
		var frame [frameSize]byte
		if _, err := io.ReadFull(r, frame[:]); errors.Is(err, io.EOF) {
			return good, nil
		} else if err != nil {
			return good, fmt.Errorf("%s: %w at byte %d", path, ErrTorn, good)
		}
		size, sum := binary.LittleEndian.Uint32(frame[:4]), binary.LittleEndian.Uint32(frame[4:])
		if size == 0 || size > largest {
			return good, fmt.Errorf("%s: %w at byte %d", path, ErrTorn, good)
		}
		if cap(payload) < int(size) {
			payload = make([]byte, size)
		}
		payload = payload[:size]
		if _, err := io.ReadFull(r, payload); err != nil || crc32.Checksum(payload, castagnoli) != sum {
			return good, fmt.Errorf("%s: %w at byte %d", path, ErrTorn, good)
		}
		if err := visit(payload); err != nil {
			return good, fmt.Errorf("%s: %w", path, err)
		}
		good += int64(frameSize) + int64(size)
	}
}

// Write makes a file whole or not at all: it is written beside, synced and then
// renamed. write is given a function that appends one frame.
func Write(path string, id ID, write func(frame func(payload []byte) error) error) error {
	temporary := path + ".new"
	f, err := os.OpenFile(temporary, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<16)
	var buffer []byte
	_, err = w.Write(headerOf(id))
	if err == nil {
		err = write(func(payload []byte) error {
			buffer = appendFrame(buffer[:0], payload)
			_, err := w.Write(buffer)
			return err
		})
	}
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(temporary))
	}
	if err := os.Rename(temporary, path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return SyncDir(filepath.Dir(path))
}

// SyncDir makes lasting which files a folder holds.
func SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync folder %s: %w", path, err)
	}
	return nil
}
