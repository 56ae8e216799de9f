// Package api is the subscription service's management API: /v1/subscriptions
// and /v1/approvals.
package api

import (
	"context"
	"time"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/services/subscription/internal/domain"
	"github.com/tidegate-io/tidegate/services/subscription/internal/views"
)

// Config is what the API works with.
type Config struct {
	Store         es.Store
	Subscriptions *es.Handler[domain.State, domain.Command]
	Clock         func() time.Time
	// Grace is how long after its end a subscription can be renewed.
	Grace time.Duration
	// CatchUp waits until a context's facts are as its owner has them; an error
	// says that the owner cannot be asked.
	CatchUp func(ctx context.Context, source ...string) error
}

// API is the subscription service's operations.
type API struct {
	store         es.Store
	subscriptions *es.Handler[domain.State, domain.Command]
	clock         func() time.Time
	grace         time.Duration
	catchUp       func(ctx context.Context, source ...string) error
}

// Register adds the operations to a server.
func Register(s *httpapi.Server, cfg Config) {
	a := &API{store: cfg.Store, subscriptions: cfg.Subscriptions, clock: cfg.Clock, grace: cfg.Grace, catchUp: cfg.CatchUp}
	s.Taken(domain.LiveScope, domain.ErrSubscribed)
	s.Reference(views.ConsumerKind, "body.consumer_id")
	s.Reference(views.ServiceKind, "body.service_id")
	s.Reference(views.CredentialKind, "body.credential_ids")
	a.registerSubscriptions(s)
	a.registerDecisions(s)
	a.registerApprovals(s)
}

// find answers a subscription to a caller who may do this with it.
func (a *API) find(ctx context.Context, id string, verb httpapi.Verb) (views.Subscription, error) {
	s, err := es.Get[views.Subscription](ctx, a.store, views.Subscriptions.Name, id)
	if err != nil {
		return s, err
	}
	return s, httpapi.Authorize(ctx, httpapi.Access{
		Object: httpapi.Subscription, Verb: verb, Team: s.Concerns.Team, ProviderTeam: s.Concerns.ProviderTeam,
	})
}
