package sqlitestore_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/es/sqlitestore"
	"github.com/tidegate-io/tidegate/libs/es/storetest"
)

var adapter = storetest.Adapter{
	New: func(t testing.TB) string { return filepath.Join(t.TempDir(), "thing.db") },
	Open: func(ctx context.Context, address string, schema es.Schema, now func() time.Time) (es.Store, error) {
		return sqlitestore.Open(ctx, address, schema, sqlitestore.WithClock(now))
	},
}

func TestStore(t *testing.T) { storetest.Run(t, adapter) }

func BenchmarkStore(b *testing.B) { storetest.Benchmark(b, adapter) }
