package storetest

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/libs/es"
)

// Benchmark measures an adapter: appends by one writer and by sixteen, the load
// of a stream, a document, a page of one term among many documents.
func Benchmark(b *testing.B, a Adapter) {
	open := func(b *testing.B) es.Store {
		s, err := a.Open(b.Context(), a.New(b), Schema(), time.Now)
		noError(b, err)
		b.Cleanup(func() { _ = s.Close() })
		return s
	}
	put := func(b *testing.B, s es.Store, id string) {
		if _, err := s.Append(b.Context(), batchOf(Schema(), id, es.Any, Named{Name: id, Owner: "o" + id[len(id)-1:], Tags: []string{"x"}})); err != nil {
			b.Fatal(err)
		}
	}
	perSecond := func(b *testing.B) { b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s") }

	b.Run("append by one writer", func(b *testing.B) {
		s := open(b)
		for i := 0; b.Loop(); i++ {
			put(b, s, strconv.Itoa(i))
		}
		perSecond(b)
	})
	b.Run("append by sixteen writers", func(b *testing.B) {
		s := open(b)
		var n atomic.Int64
		b.SetParallelism(8)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				put(b, s, strconv.FormatInt(n.Add(1), 10))
			}
		})
		perSecond(b)
	})
	b.Run("load a stream of ten events", func(b *testing.B) {
		s := open(b)
		for range 10 {
			put(b, s, "a1")
		}
		for b.Loop() {
			if all, err := s.Load(b.Context(), "thing-a1", 0); err != nil || len(all) != 10 {
				b.Fatal(len(all), err)
			}
		}
		perSecond(b)
	})
	b.Run("among 20000 documents", func(b *testing.B) {
		s := open(b)
		for i := range 20_000 {
			put(b, s, fmt.Sprintf("t%d", i))
		}
		b.Run("get one", func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				if _, err := s.Get(b.Context(), "things", fmt.Sprintf("t%d", i*7919%20_000)); err != nil {
					b.Fatal(err)
				}
			}
			perSecond(b)
		})
		for name, q := range map[string]es.Query{
			"find a page of one term":              where(in("owner", "o3")),
			"find a page of two terms":             where(in("status", "open"), in("owner", "o3")),
			"find a page of a rare and a wide one": where(in("status", "open"), es.Term{Field: "price", Op: es.AtLeast, Values: []string{"000001"}}),
		} {
			b.Run(name, func(b *testing.B) {
				for b.Loop() {
					if _, err := s.Find(b.Context(), q); err != nil {
						b.Fatal(err)
					}
				}
				perSecond(b)
			})
		}
	})
}
