// Package material holds what is needed to verify secrets, by digest and by
// credential.
//
// It knows nothing of who may do what: an entry names a credential and the
// version of its secret, and authenticates nobody until the rule says that this
// version is live.
package material

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"iter"
	"maps"
	"sync/atomic"
	"unsafe"
)

// Index finds a credential by the digest of its secret. One goroutine writes,
// any number read without a lock. Nothing that a reader can see is ever changed:
// entries are added, or left behind when they are removed, and what was left
// behind goes when the index is made anew.
type Index struct {
	table atomic.Pointer[table]

	// The writer's own.
	keys map[Key]uint32
	used uint32 // entries in the table, live or left behind
}

// Key is the truncated hash of a material key ("<credential id>.<version>"): 128
// bits do not collide, and hold no pointers for the collector to follow.
type Key [16]byte

// KeyOf hashes a material key.
func KeyOf(materialKey string) Key {
	sum := sha256.Sum256([]byte(materialKey))
	return Key(sum[:len(Key{})])
}

// entry is one line of the processor's cache: a look-up among a million waits
// for memory, and for nothing else. Half of an HMAC finds as surely as all of it
// (RFC 2104, 5), and the id lies in place, so that there is no pointer to follow,
// for the collector either.
type entry struct {
	digest  [sha256.Size / 2]byte
	version int32
	length  uint8
	id      [longestID]byte
}

// longestID is how many bytes the id of a credential may have; ours have 31.
const longestID = 43

func (e *entry) credential() string { return unsafe.String(&e.id[0], int(e.length)) }

// The table is open addressing over numbers of entries, which lie in chunks that
// never move.
type table struct {
	cells  []atomic.Uint32 // 0: never used; else the entry's number + first
	chunks []atomic.Pointer[chunk]
}

const (
	gone      = 1 // an entry was here
	first     = 2
	chunkSize = 1 << 12
	smallest  = 1 << 10
)

type chunk [chunkSize]entry

func newTable(entries int) *table {
	size := smallest
	for size < 2*entries {
		size *= 2
	}
	return &table{cells: make([]atomic.Uint32, size), chunks: make([]atomic.Pointer[chunk], size/2/chunkSize+1)}
}

// NewIndex makes an empty index.
func NewIndex() *Index {
	i := &Index{keys: map[Key]uint32{}}
	i.table.Store(newTable(0))
	return i
}

// Lookup answers whose secret has a digest. It allocates nothing. The compare is
// constant-time, though who can choose digests has the pepper already.
func (i *Index) Lookup(digest *[sha256.Size]byte) (credential string, version int, ok bool) {
	t := i.table.Load()
	mask := uint64(len(t.cells) - 1)
	for at := binary.LittleEndian.Uint64(digest[:]) & mask; ; at = (at + 1) & mask {
		switch cell := t.cells[at].Load(); cell {
		case 0:
			return "", 0, false
		case gone:
		default:
			e := t.entry(cell - first)
			if subtle.ConstantTimeCompare(e.digest[:], digest[:len(e.digest)]) == 1 {
				return e.credential(), int(e.version), true
			}
		}
	}
}

func (t *table) entry(number uint32) *entry {
	return &t.chunks[number/chunkSize].Load()[number%chunkSize]
}

// Len answers how many digests are in force. It is the writer's to ask.
func (i *Index) Len() int { return len(i.keys) }

// Has says whether a key has a digest in force. It is the writer's to ask.
func (i *Index) Has(k Key) bool {
	_, ok := i.keys[k]
	return ok
}

// Keys yields the keys that have a digest in force. They are the writer's to ask.
func (i *Index) Keys() iter.Seq[Key] { return maps.Keys(i.keys) }

// Put brings a version's digest into force, in place of an earlier one, which
// goes once the new one is there; false: the credential's id is longer than any
// that there is.
func (i *Index) Put(k Key, credential string, version int, digest [sha256.Size]byte) bool {
	if len(credential) > longestID {
		return false
	}
	e := entry{digest: [sha256.Size / 2]byte(digest[:]), version: int32(version), length: uint8(len(credential))}
	copy(e.id[:], credential)
	if number, ok := i.keys[k]; ok && *i.table.Load().entry(number) == e {
		return true
	}
	if t := i.table.Load(); int(i.used) >= len(t.cells)/2 {
		i.grow()
	}
	earlier, had := i.keys[k] // its number is another when the table was made anew
	i.keys[k] = i.add(i.table.Load(), e)
	if had {
		i.leave(earlier)
	}
	return true
}

// Remove takes a version's digest out of force.
func (i *Index) Remove(k Key) {
	if number, ok := i.keys[k]; ok {
		i.leave(number)
		delete(i.keys, k)
	}
}

// leave has no reader find an entry any more.
func (i *Index) leave(number uint32) {
	t := i.table.Load()
	mask := uint64(len(t.cells) - 1)
	at := binary.LittleEndian.Uint64(t.entry(number).digest[:]) & mask
	for t.cells[at].Load() != number+first {
		at = (at + 1) & mask
	}
	t.cells[at].Store(gone)
}

// add writes an entry that no reader sees, and then the cell that shows it.
func (i *Index) add(t *table, e entry) uint32 {
	number := i.used
	i.used++
	c := t.chunks[number/chunkSize].Load()
	if c == nil {
		c = new(chunk)
		t.chunks[number/chunkSize].Store(c)
	}
	c[number%chunkSize] = e
	mask := uint64(len(t.cells) - 1)
	at := binary.LittleEndian.Uint64(e.digest[:]) & mask
	for t.cells[at].Load() != 0 {
		at = (at + 1) & mask
	}
	t.cells[at].Store(number + first)
	return number
}

// grow makes the table anew with what is in force, and room for as much again.
func (i *Index) grow() {
	old, next := i.table.Load(), newTable(2*len(i.keys)+1)
	i.used = 0
	for k, number := range i.keys {
		i.keys[k] = i.add(next, *old.entry(number))
	}
	i.table.Store(next)
}
