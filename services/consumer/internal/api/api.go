// Package api is the consumer service's management API: /v1/consumers.
package api

import (
	"context"
	"errors"
	"time"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/consumer/internal/domain"
	"github.com/tidegate-io/tidegate/services/consumer/internal/views"
)

// Config is what the API works with.
type Config struct {
	Store     es.Store
	Consumers *es.Handler[domain.State, domain.Command]
	Ring      *secret.Ring
	Clock     func() time.Time
}

// API is the consumer service's operations.
type API struct {
	store     es.Store
	consumers *es.Handler[domain.State, domain.Command]
	ring      *secret.Ring
	clock     func() time.Time
}

// Register adds the operations to a server.
func Register(s *httpapi.Server, cfg Config) {
	a := &API{store: cfg.Store, consumers: cfg.Consumers, ring: cfg.Ring, clock: cfg.Clock}
	a.registerConsumers(s)
}

// find answers a consumer to a caller who may do this with it. A provider sees
// so little of its subscribers that it may do nothing: ErrForbidden.
func (a *API) find(ctx context.Context, id string, verb httpapi.Verb) (views.Consumer, error) {
	c, err := es.Get[views.Consumer](ctx, a.store, views.Consumers.Name, id)
	if err != nil {
		return c, err
	}
	err = httpapi.Authorize(ctx, httpapi.Access{Object: httpapi.Consumer, Verb: verb, Team: c.Concerns.Team})
	if !errors.Is(err, es.ErrNotFound) {
		return c, err
	}
	glimpsed, failed := a.glimpsed(ctx, id)
	switch {
	case failed != nil:
		return c, failed
	case glimpsed:
		return c, httpapi.ErrForbidden
	}
	return c, err
}

// glimpsed says whether the caller is a provider to one of whose services the
// consumer subscribes: it sees the id, the name and the labels.
func (a *API) glimpsed(ctx context.Context, id string) (bool, error) {
	caller := httpapi.CallerFrom(ctx)
	if !caller.Is(httpapi.Provider) {
		return false, nil
	}
	subscriber, err := views.SubscriberOf(ctx, a.store, id)
	return err == nil && subscriber.Of(caller.Teams), err
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
