package app

import (
	"context"
	"fmt"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/secret"
)

// Reclaim has a service's objects hold what they claim, after its database took
// in events of the bus. ids are those of the objects; nil: all of them.
func Reclaim(ctx context.Context, cfg Config, s Service, store es.Store, ids []string) error {
	if s.Reclaim == nil {
		return nil
	}
	deps := Deps{Config: cfg, Registry: Registry(), Store: store, Clock: time.Now}
	var err error
	if s.Ring {
		source, err := cfg.KeyringSource()
		if err == nil {
			deps.Ring, err = secret.Open(ctx, source)
		}
		if err != nil {
			return err
		}
	}
	if ids == nil {
		if ids, err = aggregates(ctx, store); err != nil {
			return fmt.Errorf("list what the %s service has: %w", s.Name, err)
		}
	}
	return s.Reclaim(ctx, deps, ids)
}

// aggregates answers the ids of all objects that a service has events of, in
// order of their first.
func aggregates(ctx context.Context, feed es.Feed) ([]string, error) {
	const page = 500
	var ids []string
	seen := map[string]bool{}
	for position := int64(0); ; {
		records, err := feed.Since(ctx, position, page)
		if err != nil || len(records) == 0 {
			return ids, err
		}
		for _, record := range records {
			position = record.Position
			e, err := events.Decode(record.Body)
			if err != nil {
				return nil, err
			}
			if id := e.Aggregate(); !seen[id] {
				seen[id], ids = true, append(ids, id)
			}
		}
	}
}
