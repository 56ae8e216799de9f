// Package api is the consumer service's management API.
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

// API is what the operations need.
type API struct {
	Store     es.Store
	Consumers *es.Handler[domain.State, domain.Command]
	Ring      *secret.Ring
	Now       func() time.Time
}

// Register adds every operation.
func (a API) Register(s *httpapi.Server) {
	a.registerConsumers(s)
	httpapi.RegisterHistory(s, httpapi.HistoryConfig{
		Path: "/v1/consumers/{id}/history", Category: domain.Decider.Category, Streams: a.Store,
		May: func(ctx context.Context, id string) error {
			_, err := a.authorized(ctx, id, httpapi.Read)
			return err
		},
	})
}

// authorized answers a consumer to which the caller may do this. What a
// provider sees of its subscribers is no reading: it is ErrForbidden.
func (a API) authorized(ctx context.Context, id string, verb httpapi.Verb) (views.Consumer, error) {
	c, err := es.Get[views.Consumer](ctx, a.Store, views.Consumers.Name, id)
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
func (a API) glimpsed(ctx context.Context, id string) (bool, error) {
	caller := httpapi.CallerFrom(ctx)
	if !caller.Is(httpapi.Provider) {
		return false, nil
	}
	subscriber, err := views.SubscriberOf(ctx, a.Store, id)
	return err == nil && subscriber.Of(caller.Teams), err
}
