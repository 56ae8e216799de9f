// Package consumer is the consumer service: who calls. Its only exported symbol
// is Service; README.md says what it takes and what it tells.
package consumer

import (
	"context"

	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/services/consumer/internal/api"
	"github.com/tidegate-io/tidegate/services/consumer/internal/domain"
	"github.com/tidegate-io/tidegate/services/consumer/internal/views"
)

// Service is the consumer service's wiring. Of subscriptions it wants to know
// which providers may see a consumer.
func Service() app.Service {
	return app.Service{
		Name:       "consumer",
		Writes:     consumer.Events,
		Reads:      []string{"subscription"},
		Views:      []es.View{views.Consumers},
		References: []es.Reference{views.Subscribers},
		Ring:       true,
		Routes: func(d app.Deps) error {
			api.Register(d.API, api.Config{
				Store:     d.Store,
				Consumers: handler(d),
				Ring:      d.Ring,
				Clock:     d.Clock,
			})
			return nil
		},
		Resealer: func(d app.Deps) httpapi.Resealer { return api.Resealer{Ring: d.Ring} },
		Reclaim: func(ctx context.Context, d app.Deps, ids []string) error {
			return handler(d).Reclaim(ctx, ids, nil, func(ctx context.Context, id string, s domain.State) (es.Effects, error) {
				key := domain.ContactKey(id)
				kept, err := d.Store.Material(ctx, key)
				if _, there := kept[key]; err != nil || !there || len(s.Profile.ContactSealed) > 0 {
					return es.Effects{}, err
				}
				return es.Effects{Material: []es.Material{{Key: key, Erase: true}}}, nil // the contact was erased since
			})
		},
	}
}

func handler(d app.Deps) *es.Handler[domain.State, domain.Command] {
	return es.NewHandler(d.Store, d.Registry, domain.Decider, domain.Effects)
}
