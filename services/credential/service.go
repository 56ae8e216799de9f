// Package credential is the credential service: what callers prove themselves
// with. Its only exported symbol is Service; README.md says what it takes and
// what it tells.
package credential

import (
	"context"

	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/services/credential/internal/api"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
	"github.com/tidegate-io/tidegate/services/credential/internal/policies"
	"github.com/tidegate-io/tidegate/services/credential/internal/usage"
	"github.com/tidegate-io/tidegate/services/credential/internal/views"
)

// Service is the credential service's wiring.
func Service() app.Service {
	return app.Service{
		Name:       "credential",
		Writes:     credential.Events,
		Reads:      []string{"consumer"},
		Views:      []es.View{views.Credentials},
		References: []es.Reference{views.Consumers, views.Usages},
		Ring:       true,
		Policies: func(d app.Deps) []es.Reactor {
			return []es.Reactor{es.Bind(policies.RevokeWithConsumer, handler(d), d.Store)}
		},
		Routes: func(d app.Deps) error {
			api.Register(d.API, api.Config{
				Store: d.Store, Credentials: handler(d), Ring: d.Ring, Clock: d.Clock, CatchUp: d.Subscriber.CatchUp,
			})
			return nil
		},
		Reclaim: func(ctx context.Context, d app.Deps, ids []string) error {
			return api.Reclaim(ctx, api.Config{Store: d.Store, Credentials: handler(d), Ring: d.Ring}, ids)
		},
		Start: func(ctx context.Context, d app.Deps) error {
			return policies.Expiry{Reader: d.Store, Credentials: handler(d), Clock: d.Clock, Log: d.Log}.Run(ctx)
		},
		Back: func(ctx context.Context, d app.Deps) error {
			return d.Bus.ServeUsage(ctx, usage.Taker{Store: d.Store, Clock: d.Clock}.Take)
		},
	}
}

func handler(d app.Deps) *es.Handler[domain.State, domain.Command] {
	return es.NewHandler(d.Store, d.Registry, domain.Decider, domain.Effects)
}
