package access

import "sync/atomic"

// table finds values by key: open addressing, one writer, any number of readers,
// no locks. A key once entered stays; its value is replaced whole.
//
// It is split in parts that grow one at a time, so that no single Apply pays for
// copying a million entries. A reader that holds a part's older slots reads what
// was true when it began.
type table[K, T any] struct {
	same  func(*T, K) bool
	parts [parts]part[T]
}

const (
	parts     = 256 // chosen by the hash's top byte
	firstSize = 8   // slots of a part when it is first used; a power of two
	// hashed is set in every hash: 0 marks a slot that is free. It is a bit that
	// chooses neither part nor, in a table of fewer than 2^40 entries, slot.
	hashed = 1 << 40
)

type part[T any] struct {
	slots atomic.Pointer[[]slot[T]]
	used  int // the writer's
}

// slot holds the hash beside the value, so that a value is looked at only when
// it is almost certainly the right one. Its value is there before its hash.
type slot[T any] struct {
	hash  atomic.Uint64
	value atomic.Pointer[T]
}

// get answers the value of a key, or nil.
func (t *table[K, T]) get(hash uint64, key K) *T {
	held := t.parts[hash>>56].slots.Load()
	if held == nil {
		return nil
	}
	slots := *held
	mask := uint64(len(slots) - 1)
	for i := hash; ; i++ {
		at := &slots[i&mask]
		switch at.hash.Load() {
		case hash:
			if v := at.value.Load(); t.same(v, key) {
				return v
			}
		case 0:
			return nil
		}
	}
}

// set enters or replaces the value of a key.
func (t *table[K, T]) set(hash uint64, key K, value *T) {
	p := &t.parts[hash>>56]
	held := p.slots.Load()
	if held == nil || p.used >= len(*held)/8*7 {
		held = p.grow(held)
	}
	slots := *held
	mask := uint64(len(slots) - 1)
	for i := hash; ; i++ {
		at := &slots[i&mask]
		switch at.hash.Load() {
		case hash:
			if t.same(at.value.Load(), key) {
				at.value.Store(value)
				return
			}
		case 0:
			at.value.Store(value)
			at.hash.Store(hash)
			p.used++
			return
		}
	}
}

// grow copies a part into twice the room and only then lets readers see it.
func (p *part[T]) grow(held *[]slot[T]) *[]slot[T] {
	if held == nil {
		held = &[]slot[T]{}
	}
	grown := make([]slot[T], max(firstSize, 2*len(*held)))
	mask := uint64(len(grown) - 1)
	for i := range *held {
		from := &(*held)[i]
		hash := from.hash.Load()
		if hash == 0 {
			continue
		}
		to := hash
		for grown[to&mask].hash.Load() != 0 {
			to++
		}
		grown[to&mask].value.Store(from.value.Load())
		grown[to&mask].hash.Store(hash)
	}
	p.slots.Store(&grown)
	return &grown
}

// all yields every value, in no order. What is entered meanwhile may be missed.
func (t *table[K, T]) all(yield func(*T) bool) {
	for i := range t.parts {
		held := t.parts[i].slots.Load()
		if held == nil {
			continue
		}
		for j := range *held {
			if v := (*held)[j].value.Load(); v != nil && !yield(v) {
				return
			}
		}
	}
}

// cell is a stable place for the states of one object, so that others can refer
// to it before anything is known of it. Its state is nil until then.
type cell[T any] struct {
	id    string
	hash  uint64
	state atomic.Pointer[T]
}

// mix joins two hashes into one.
func mix(a, b uint64) uint64 {
	const odd = 0x9e3779b97f4a7c15 // 2^64 divided by the golden ratio
	return (a*odd^b)*odd | hashed
}
