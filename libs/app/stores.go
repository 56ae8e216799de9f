package app

import (
	"context"
	"fmt"

	"github.com/tidegate-io/tidegate/libs/es"
)

// openSQL opens a service's database.
func openSQL(_ context.Context, _ Config, schema es.Schema) (es.Store, error) {
	return nil, fmt.Errorf("open the store of %s: no adapter", schema.Service)
}
