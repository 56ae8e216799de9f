package secret

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// file is the key ring at rest.
type file struct {
	Format int   `json:"format"`
	Keys   []key `json:"keys"`
}

const (
	fileFormat  = 1
	maxFileSize = 1 << 20
)

// LoadOrCreate reads the key ring, or makes one with fresh keys when there is no
// file. Of two processes that make one at once, both get the same.
//
// Whoever loses the file loses what is sealed under it: back it up apart from
// the databases.
func LoadOrCreate(path string) (*Ring, error) {
	ring, err := Load(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return ring, err
	}
	if err := create(path, fresh()); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make key ring %s: %w", path, err)
	}
	return Load(path)
}

// Load reads a key ring that must be there. Errors wrap ErrPermissions, ErrRing
// or the file system's.
func Load(path string) (*Ring, error) {
	all, err := read(path)
	if err != nil {
		return nil, fmt.Errorf("read key ring %s: %w", path, err)
	}
	r := &Ring{path: path}
	r.set(all)
	return r, nil
}

// Reload reads the file again and puts its keys in force. When it fails, the
// ring stays as it was.
func (r *Ring) Reload() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.path == "" {
		return nil
	}
	all, err := read(r.path)
	if err != nil {
		return fmt.Errorf("read key ring %s again: %w", r.path, err)
	}
	r.set(all)
	return nil
}

func read(path string) ([]key, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: not a regular file", ErrRing)
	}
	if loose := info.Mode().Perm() & 0o077; loose != 0 {
		return nil, fmt.Errorf("%w: its mode is %04o; run: chmod 600 %s", ErrPermissions, info.Mode().Perm(), path)
	}
	raw, err := io.ReadAll(io.LimitReader(f, maxFileSize))
	if err != nil {
		return nil, err
	}
	return decode(raw)
}

// decode never repeats what it read: a decoder's own message could.
func decode(raw []byte) ([]key, error) {
	var content file
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&content); err != nil {
		return nil, fmt.Errorf("%w: not the JSON of a key ring", ErrRing)
	}
	if content.Format != fileFormat {
		return nil, fmt.Errorf("%w: format %d is not known, known is %d", ErrRing, content.Format, fileFormat)
	}
	return content.Keys, validate(content.Keys)
}

// create writes the file if it is not there: fs.ErrExist.
func create(path string, all []key) error {
	return write(path, all, os.Link)
}

// replace writes the file over the one that is there.
func replace(path string, all []key) error {
	return write(path, all, os.Rename)
}

// write makes the file whole under another name, forces it to disk, and gives it
// its name by place; so that nobody ever reads half of it, not even after a
// power cut.
func write(path string, all []key, place func(from, to string) error) error {
	if err := validate(all); err != nil {
		return err
	}
	raw, err := json.MarshalIndent(file{Format: fileFormat, Keys: all}, "", "  ")
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, ".keyring-*") // 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // when it was renamed, it is gone
	_, err = tmp.Write(append(raw, '\n'))
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := place(tmp.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
