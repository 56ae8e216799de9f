// Package subscription is the subscription service: which consumer may use
// which service, and what was decided about it. Its only exported symbol is
// Service; README.md says what it takes and what it tells.
package subscription

import (
	"context"

	"github.com/tidegate-io/tidegate/events/subscription"
	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/services/subscription/internal/api"
	"github.com/tidegate-io/tidegate/services/subscription/internal/domain"
	"github.com/tidegate-io/tidegate/services/subscription/internal/policies"
	"github.com/tidegate-io/tidegate/services/subscription/internal/views"
)

// Service is the subscription service's wiring.
func Service() app.Service {
	return app.Service{
		Name:       "subscription",
		Writes:     subscription.Events,
		Reads:      []string{"consumer", "catalog", "credential"},
		Views:      []es.View{views.Subscriptions},
		References: []es.Reference{views.Consumers, views.Services, views.Credentials},
		Policies: func(d app.Deps) []es.Reactor {
			h := handler(d)
			return []es.Reactor{
				es.Bind(policies.EndWithConsumer, h, d.Store),
				es.Bind(policies.EndWithService, h, d.Store),
				es.Bind(policies.DropCredential, h, d.Store),
			}
		},
		Routes: func(d app.Deps) error {
			api.Register(d.API, api.Config{
				Store: d.Store, Subscriptions: handler(d), Clock: d.Clock, Grace: d.Config.RenewGrace, CatchUp: d.Subscriber.CatchUp,
			})
			return nil
		},
		Reclaim: func(ctx context.Context, d app.Deps, ids []string) error {
			return handler(d).Reclaim(ctx, ids, []string{domain.LiveScope}, nil)
		},
		Start: func(ctx context.Context, d app.Deps) error {
			return policies.Expiry{Reader: d.Store, Subscriptions: handler(d), Clock: d.Clock, Log: d.Log}.Run(ctx)
		},
	}
}

func handler(d app.Deps) *es.Handler[domain.State, domain.Command] {
	return es.NewHandler(d.Store, d.Registry, domain.Decider, domain.Effects)
}
