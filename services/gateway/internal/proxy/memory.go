package proxy

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

// memory lends the buffers that bodies are read ahead into. They come in sizes
// that are powers of two; of all that are out at a time, of every connection, the
// sum is bounded: what would exceed it is refused, and nobody waits.
//
// A buffer is lent as a body arrives, not as it is announced: to take memory from
// others, a caller must send it.
type memory struct {
	total int64
	lent  atomic.Int64
	pools [64]sync.Pool
}

// smallest is the least that is lent.
const smallest = 4 << 10

// take answers an empty buffer for at least so many bytes; nil: there is no room.
func (m *memory) take(size int) []byte {
	class := bits.Len(uint(max(size, smallest) - 1))
	if m.lent.Add(1<<class) > m.total {
		m.lent.Add(-1 << class)
		return nil
	}
	if b, ok := m.pools[class].Get().(*[]byte); ok {
		return (*b)[:0]
	}
	return make([]byte, 0, 1<<class)
}

// give takes a buffer back.
func (m *memory) give(b []byte) {
	if cap(b) == 0 {
		return
	}
	class := bits.Len(uint(cap(b) - 1))
	m.pools[class].Put(&b)
	m.lent.Add(-1 << class)
}

// BodiesAhead answers how much memory bodies take that are read ahead, in bytes.
func (p *Proxy) BodiesAhead() int64 { return p.memory.lent.Load() }
