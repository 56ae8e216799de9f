// Package api is the catalogue's management API: /v1/services.
package api

import (
	"context"
	"time"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/services/catalog/internal/domain"
	"github.com/tidegate-io/tidegate/services/catalog/internal/views"
)

// Config is what the API works with.
type Config struct {
	Store    es.Store
	Services *es.Handler[domain.State, domain.Command]
	Clock    func() time.Time
}

// API is the catalogue's operations.
type API struct {
	store    es.Store
	services *es.Handler[domain.State, domain.Command]
	clock    func() time.Time
}

// Register adds the operations to a server.
func Register(s *httpapi.Server, cfg Config) {
	a := &API{store: cfg.Store, services: cfg.Services, clock: cfg.Clock}
	s.Taken(domain.RouteScope, domain.ErrRouteTaken.At("body.routes"))
	a.registerServices(s)
}

// find answers a service to a caller who may do this with it.
func (a *API) find(ctx context.Context, id string, verb httpapi.Verb) (views.Service, error) {
	s, err := es.Get[views.Service](ctx, a.store, views.Services.Name, id)
	if err != nil {
		return s, err
	}
	return s, httpapi.Authorize(ctx, httpapi.Access{
		Object: httpapi.Service, Verb: verb, ProviderTeam: s.Concerns.ProviderTeam, Public: s.Public(),
	})
}

// ownTeam answers the team of something new: the one that was named, or the
// caller's only one. Administrators may name any or none.
func ownTeam(ctx context.Context, named string) (string, error) {
	caller := httpapi.CallerFrom(ctx)
	switch {
	case caller.Is(httpapi.Admin) || caller.In(named):
		return named, nil
	case named != "" || len(caller.Teams) == 0:
		return "", httpapi.ErrForbidden
	case len(caller.Teams) > 1:
		return "", domain.ErrInvalid.At("body.team").Saying("You belong to several teams: name one.")
	}
	return caller.Teams[0], nil
}
