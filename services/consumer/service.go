// Package consumer is the consumer service: who calls. Its only exported symbol
// is Service; README.md says what it takes and what it tells.
package consumer

import (
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/libs/es"
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
				Consumers: es.NewHandler(d.Store, d.Registry, domain.Decider, domain.Effects),
				Ring:      d.Ring,
				Clock:     d.Clock,
			})
			return nil
		},
	}
}
