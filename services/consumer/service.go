// Package consumer is the service that knows who calls.
package consumer

import (
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/services/consumer/internal/api"
	"github.com/tidegate-io/tidegate/services/consumer/internal/domain"
	"github.com/tidegate-io/tidegate/services/consumer/internal/views"
)

// Service is the consumer service.
func Service() app.Service {
	return app.Service{
		Name:       "consumer",
		Writes:     consumer.Events,
		Reads:      []string{"subscription"},
		Views:      []es.View{views.Consumers},
		References: []es.Reference{views.Subscribers},
		Ring:       true,
		Routes:     routes,
	}
}

func routes(d app.Deps) error {
	api.API{
		Store:     d.Store,
		Consumers: es.NewHandler(d.Store, d.Registry, domain.Decider, domain.Effects),
		Ring:      d.Ring,
		Now:       d.Clock,
	}.Register(d.API)
	return nil
}
