// Package catalog is the catalogue: which services there are, where they are
// reached, and how access to them is granted. Its only exported symbol is
// Service; README.md says what it takes and what it tells.
package catalog

import (
	"context"

	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/services/catalog/internal/api"
	"github.com/tidegate-io/tidegate/services/catalog/internal/domain"
	"github.com/tidegate-io/tidegate/services/catalog/internal/views"
)

// Service is the catalogue's wiring. It reads nobody's events.
func Service() app.Service {
	return app.Service{
		Name:   "catalog",
		Writes: catalog.Events,
		Views:  []es.View{views.Services},
		Routes: func(d app.Deps) error {
			api.Register(d.API, api.Config{
				Store:    d.Store,
				Services: handler(d),
				Clock:    d.Clock,
			})
			return nil
		},
		Reclaim: func(ctx context.Context, d app.Deps, ids []string) error {
			return handler(d).Reclaim(ctx, ids, []string{domain.RouteScope}, nil)
		},
	}
}

func handler(d app.Deps) *es.Handler[domain.State, domain.Command] {
	return es.NewHandler(d.Store, d.Registry, domain.Decider, domain.Effects)
}
