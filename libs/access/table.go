package access

import (
	"math"
	"sync/atomic"
)

// table finds values by the hash of their key: open addressing, one writer, any
// number of readers, no locks. What has been entered stays; a value is replaced
// whole. Keys are the values' own: whoever looks compares them.
//
// It is split in parts that grow one at a time, so that no single Apply pays for
// copying a million entries. A reader that holds a part's older slots reads what
// was true when it began.
type table[T any] struct {
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
//
// mark is a number that goes with the value, for whoever needs no more than that
// to know: following a pointer costs more than everything else here.
type slot[T any] struct {
	hash  atomic.Uint64
	value atomic.Pointer[T]
	mark  atomic.Int64
}

// probe walks the values that have a hash: nearly always the one, or none.
//
//	for p := t.probe(hash); p.next(); {
//		if p.value.ID == id {
//			return p.value
//		}
//	}
type probe[T any] struct {
	value *T
	mark  int64
	slots []slot[T]
	hash  uint64
	at    uint64
}

func (t *table[T]) probe(hash uint64) probe[T] {
	p := probe[T]{hash: hash, at: hash}
	held := t.parts[hash>>56].slots.Load()
	if held == nil {
		return p
	}
	p.slots = *held
	// A third of all values are not in their first slot, but hardly any further
	// than their fourth. Passing over the others' slots without a branch, which
	// nobody could predict, lets the processor go on to what comes after while
	// it waits for memory.
	mask := uint64(len(p.slots) - 1)
	first := differ(p.slots[hash&mask].hash.Load(), hash)
	second := first & differ(p.slots[(hash+1)&mask].hash.Load(), hash)
	third := second & differ(p.slots[(hash+2)&mask].hash.Load(), hash)
	p.at += first + second + third
	return p
}

// differ answers 0 when two numbers are equal, else 1.
func differ(a, b uint64) uint64 {
	x := a ^ b
	return (x | -x) >> 63
}

func (p *probe[T]) next() bool {
	mask := uint64(len(p.slots) - 1)
	for len(p.slots) > 0 {
		at := &p.slots[p.at&mask]
		p.at++
		switch at.hash.Load() {
		case p.hash:
			p.mark, p.value = at.mark.Load(), at.value.Load()
			return true
		case 0:
			return false
		}
	}
	return false
}

// put enters next in the place of before; nil: it is new.
func (t *table[T]) put(hash uint64, before, next *T) { t.putMarked(hash, before, next, unmarked) }

// unmarked is the mark of values that are to be looked at.
const unmarked = math.MinInt64

// putMarked is put with a mark. It is written last and read first: whoever reads
// meanwhile may see the mark of before with next, but never the mark of next
// with before.
func (t *table[T]) putMarked(hash uint64, before, next *T, mark int64) {
	p := &t.parts[hash>>56]
	held := p.slots.Load()
	if held == nil || before == nil && p.used >= len(*held)/8*7 {
		held = p.grow(held)
	}
	slots := *held
	mask := uint64(len(slots) - 1)
	for i := hash; ; i++ {
		at := &slots[i&mask]
		switch found := at.hash.Load(); {
		case found == 0:
			at.value.Store(next)
			at.mark.Store(mark)
			at.hash.Store(hash)
			p.used++
			return
		case found == hash && at.value.Load() == before:
			at.mark.Store(unmarked)
			at.value.Store(next)
			at.mark.Store(mark)
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
		grown[to&mask].mark.Store(from.mark.Load())
		grown[to&mask].hash.Store(hash)
	}
	p.slots.Store(&grown)
	return &grown
}

// all yields every value, in no order. What is entered meanwhile may be missed.
func (t *table[T]) all(yield func(*T) bool) {
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

// mix joins two hashes into one.
func mix(a, b uint64) uint64 {
	const odd = 0x9e3779b97f4a7c15 // 2^64 divided by the golden ratio
	return (a*odd^b)*odd | hashed
}

// scramble spreads a number that is not 0 over all bits. No two numbers become
// the same, so that what has the scrambled number has the number (the finalizer
// of MurmurHash3).
func scramble(n uint64) uint64 {
	n ^= n >> 33
	n *= 0xff51afd7ed558ccd
	n ^= n >> 33
	n *= 0xc4ceb9fe1a85ec53
	return n ^ n>>33
}
