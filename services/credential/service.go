// Package credential is the credential service: what callers prove themselves
// with. Its only exported symbol is Service; README.md says what it takes and
// what it tells.
package credential

import (
	"context"
	"sync"

	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/services/credential/internal/api"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
	"github.com/tidegate-io/tidegate/services/credential/internal/oauth"
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
		Views:      []es.View{views.Credentials, views.SigningKeys},
		References: []es.Reference{views.Consumers, views.Usages},
		Ring:       true,
		Policies: func(d app.Deps) []es.Reactor {
			return []es.Reactor{es.Bind(policies.RevokeWithConsumer, handler(d), d.Store)}
		},
		Routes: func(d app.Deps) error {
			api.Register(d.API, api.Config{
				Store: d.Store, Credentials: handler(d), Ring: d.Ring, Clock: d.Clock, CatchUp: d.Subscriber.CatchUp, SigningKeys: keys(d),
			})
			oauth.Register(d.API, oauth.Config{
				Store: d.Store, Registry: d.Registry, Ring: d.Ring, Clock: d.Clock, Log: d.Log,
				Keys: keys(d), URL: d.Config.PublicURL, CatchUp: d.Subscriber.CatchUp,
			})
			return nil
		},
		Resealer: func(d app.Deps) httpapi.Resealer {
			return api.Resealer{Reader: d.Store, Ring: d.Ring, Private: oauth.PrivateAAD}
		},
		Prepare: func(_ context.Context, d app.Deps) error {
			d.Health.Require("signing keys", keys(d).Ready)
			return nil
		},
		Reclaim: func(ctx context.Context, d app.Deps, ids []string) error {
			return api.Reclaim(ctx, api.Config{Store: d.Store, Credentials: handler(d), Ring: d.Ring}, ids)
		},
		Start: func(ctx context.Context, d app.Deps) error {
			var background sync.WaitGroup
			defer background.Wait()
			background.Go(func() { keys(d).Run(ctx) })
			return policies.Expiry{Reader: d.Store, Credentials: handler(d), Clock: d.Clock, Log: d.Log}.Run(ctx)
		},
		Back: func(ctx context.Context, d app.Deps) error {
			return d.Bus.ServeUsage(ctx, usage.Taker{Store: d.Store, Clock: d.Clock}.Take)
		},
	}
}

// keys are those that sign access tokens.
func keys(d app.Deps) *oauth.Keys { return oauth.NewKeys(d.Store, d.Registry, d.Ring, d.Clock, d.Log) }

func handler(d app.Deps) *es.Handler[domain.State, domain.Command] {
	return es.NewHandler(d.Store, d.Registry, domain.Decider, domain.Effects)
}
