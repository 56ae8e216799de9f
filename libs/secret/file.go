package secret

import (
	"bytes"
	"context"
	"crypto/sha256"
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
	return Open(context.Background(), Source{Path: path, Create: true})
}

// Load reads a key ring that must be there. Errors wrap ErrPermissions, ErrRing
// or the file system's.
func Load(path string) (*Ring, error) {
	return Open(context.Background(), Source{Path: path})
}

func (r *Ring) open(ctx context.Context, creating bool) error {
	_, err := r.reload(ctx)
	if !creating || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := r.write(ctx, fresh(), os.Link); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make key ring %s: %w", r.path, err)
	}
	_, err = r.reload(ctx)
	return err
}

// Reload reads the file again and puts its keys in force. When it fails, the
// ring stays as it was. One that has not changed costs a glance.
func (r *Ring) Reload() error {
	ctx, cancel := context.WithTimeout(context.Background(), driverTime)
	defer cancel()
	_, err := r.reload(ctx)
	return err
}

func (r *Ring) reload(ctx context.Context) (changed bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.path == "" {
		return false, nil
	}
	raw, err := r.read()
	if err == nil && r.keys.Load() != nil && sha256.Sum256(raw) == r.seen {
		return false, nil
	}
	var all []key
	if err == nil {
		all, err = r.unwrap(ctx, raw)
	}
	if err != nil {
		return false, fmt.Errorf("read key ring %s: %w", r.path, err)
	}
	r.seen = sha256.Sum256(raw)
	r.set(all)
	return true, nil
}

// read answers the file's bytes, which only its owner may have.
func (r *Ring) read() ([]byte, error) {
	f, err := os.Open(r.path)
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
	if r.driver.Plain() {
		if err := private(r.path, info); err != nil {
			return nil, err
		}
	}
	return io.ReadAll(io.LimitReader(f, maxFileSize))
}

func (r *Ring) unwrap(ctx context.Context, raw []byte) ([]key, error) {
	plain, err := r.driver.Unwrap(ctx, raw)
	if err != nil {
		return nil, err
	}
	return decode(plain)
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

// write makes the file whole under another name, forces it to disk, and gives it
// its name by place (os.Link: fs.ErrExist when there is one; os.Rename: over the
// one that is there); so that nobody ever reads half of it, not even after a
// power cut.
func (r *Ring) write(ctx context.Context, all []key, place func(from, to string) error) error {
	if err := validate(all); err != nil {
		return err
	}
	plain, err := json.MarshalIndent(file{Format: fileFormat, Keys: all}, "", "  ")
	if err != nil {
		return err
	}
	wrapped, err := r.driver.Wrap(ctx, append(plain, '\n'))
	if err != nil {
		return err
	}
	dir := filepath.Dir(r.path)
	tmp, err := os.CreateTemp(dir, ".keyring-*") // 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // when it was renamed, it is gone
	_, err = tmp.Write(wrapped)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := place(tmp.Name(), r.path); err != nil {
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
