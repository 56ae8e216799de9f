package access

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

type entry struct {
	key   int
	value int
}

func find(t *table[entry], hash uint64, key int) *entry {
	for p := t.probe(hash); p.next(); {
		if p.value.key == key {
			return p.value
		}
	}
	return nil
}

func TestTable(t *testing.T) {
	for name, hash := range map[string]func(int) uint64{
		"with good hashes":                  func(k int) uint64 { return mix(uint64(k), 1) },
		"with one hash for all":             func(int) uint64 { return hashed },
		"with hashes that share their part": func(k int) uint64 { return uint64(k)&0xffff | hashed },
		"with hashes at the end of a part":  func(int) uint64 { return 0xffff | hashed },
	} {
		t.Run("finds what was entered "+name, func(t *testing.T) {
			var held table[entry]
			const n = 2000
			for k := range n {
				if find(&held, hash(k), k) != nil {
					t.Fatal("there before it was entered")
				}
				held.put(hash(k), nil, &entry{k, 1})
			}
			for k := range n {
				held.put(hash(k), find(&held, hash(k), k), &entry{k, 2})
			}
			count := 0
			for e := range held.all {
				count++
				if got := find(&held, hash(e.key), e.key); got != e || got.value != 2 {
					t.Fatalf("%d is %+v", e.key, got)
				}
			}
			if count != n {
				t.Fatalf("%d entries", count)
			}
		})
	}
	t.Run("stops walking when told", func(t *testing.T) {
		var held table[entry]
		held.put(hashed, nil, &entry{1, 1})
		held.put(hashed|1, nil, &entry{2, 1})
		for range held.all {
			return
		}
		t.Fatal("nothing was yielded")
	})
}

func TestTableReadersNeverMissWhatWasEntered(t *testing.T) {
	var held table[entry]
	var entered atomic.Int64
	const n = 50_000
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for at := int64(0); at < n; {
				if at >= entered.Load() {
					continue
				}
				e := find(&held, mix(uint64(at), 7), int(at))
				if e == nil || e.key != int(at) || e.value < 1 {
					t.Errorf("%d is %+v", at, e)
					return
				}
				at++
			}
		})
	}
	for k := range n {
		first := &entry{k, 1}
		held.put(mix(uint64(k), 7), nil, first)
		entered.Store(int64(k + 1))
		held.put(mix(uint64(k), 7), first, &entry{k, 2})
	}
	readers.Wait()
}

func TestEventIDs(t *testing.T) {
	for text, want := range map[string]string{
		"0192f5a0-1234-7abc-8def-0123456789ab": "0192f5a0-1234-7abc-8def-0123456789ab",
		"e1":                                   "",
		"":                                     "",
		fmt.Sprintf("%036d", 0):                "",
	} {
		h := history{event: parseUUID(text)}
		if got := h.EventID(); got != want {
			t.Errorf("%q comes back as %q", text, got)
		}
	}
}
