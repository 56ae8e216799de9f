package secret

import (
	"context"
	"time"
)

// Driver is how the file of a key ring rests. It is asked when a ring is read or
// changed, and never when a secret is sealed, opened or digested.
//
// Errors wrap ErrUnavailable when trying again may help. None repeats what was
// to be wrapped, or a token.
type Driver interface {
	// Wrap answers what is written to the file for a ring.
	Wrap(ctx context.Context, ring []byte) ([]byte, error)
	// Unwrap answers the ring of what Wrap answered.
	Unwrap(ctx context.Context, wrapped []byte) ([]byte, error)
	// Plain says that the file is the ring itself, so that nobody else may read
	// it.
	Plain() bool
}

// driverTime bounds what a driver is waited for when nobody else does.
const driverTime = 20 * time.Second

// File keeps the ring as it is, in a file that only its owner can read.
type File struct{}

var _ Driver = File{}

// Wrap answers the ring.
func (File) Wrap(_ context.Context, ring []byte) ([]byte, error) { return ring, nil }

// Unwrap answers the ring.
func (File) Unwrap(_ context.Context, wrapped []byte) ([]byte, error) { return wrapped, nil }

// Plain is true.
func (File) Plain() bool { return true }

// Source is where a key ring is.
type Source struct {
	Path   string
	Driver Driver // nil: File
	// Create makes a ring of fresh keys when there is no file.
	Create bool
}

// Open reads a key ring. Errors wrap ErrPermissions, ErrRing, ErrUnavailable or
// the file system's.
func Open(ctx context.Context, from Source) (*Ring, error) {
	r := &Ring{path: from.Path, driver: from.Driver}
	if r.driver == nil {
		r.driver = File{}
	}
	return r, r.open(ctx, from.Create)
}
