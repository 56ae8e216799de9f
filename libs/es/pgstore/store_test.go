package pgstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/es/pgstore"
	"github.com/tidegate-io/tidegate/libs/es/pgstore/pgtest"
	"github.com/tidegate-io/tidegate/libs/es/storetest"
)

var adapter = storetest.Adapter{
	New: pgtest.Start,
	Open: func(ctx context.Context, address string, schema es.Schema, now func() time.Time) (es.Store, error) {
		return pgstore.Open(ctx, address, schema, pgstore.WithClock(now))
	},
	Cut: pgtest.Cut,
}

func TestStore(t *testing.T) { storetest.Run(t, adapter) }

func BenchmarkStore(b *testing.B) { storetest.Benchmark(b, adapter) }
