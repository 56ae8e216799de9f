// Package api is the catalogue's management API: /v1/services.
package api

import (
	"context"
	"time"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/services/catalog/internal/domain"
)

// Config is what the API works with.
type Config struct {
	Store    es.Store
	Services *es.Handler[domain.State, domain.Command]
	Clock    func() time.Time
}

// API is the catalogue's operations.
type API struct{ Config }

// Register adds the operations to a server.
func Register(s *httpapi.Server, cfg Config) {
	a := &API{cfg}
	s.Taken(domain.RouteScope, domain.ErrRouteTaken.At("body.routes"))
	a.registerServices(s)
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
