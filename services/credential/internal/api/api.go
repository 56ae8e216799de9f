// Package api is the credential service's management API:
// /v1/consumers/{id}/credentials and /v1/credentials.
package api

import (
	"context"
	"errors"
	"time"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
	"github.com/tidegate-io/tidegate/services/credential/internal/views"
)

// Config is what the API works with.
type Config struct {
	Store       es.Store
	Credentials *es.Handler[domain.State, domain.Command]
	Ring        *secret.Ring
	Clock       func() time.Time
	// CatchUp waits until a context's facts are as its owner has them; an error
	// says that the owner cannot be asked.
	CatchUp func(ctx context.Context, source ...string) error
	// SigningKeys are those of access tokens.
	SigningKeys SigningKeys
}

// API is the credential service's operations.
type API struct {
	store       es.Store
	credentials *es.Handler[domain.State, domain.Command]
	ring        *secret.Ring
	clock       func() time.Time
	catchUp     func(ctx context.Context, source ...string) error
	signingKeys SigningKeys
	uses        useCounts
}

// Register adds the operations to a server.
func Register(s *httpapi.Server, cfg Config) {
	a := &API{store: cfg.Store, credentials: cfg.Credentials, ring: cfg.Ring, clock: cfg.Clock, catchUp: cfg.CatchUp, signingKeys: cfg.SigningKeys}
	s.Taken(domain.NameScope, domain.ErrNameTaken.At("body.name"))
	s.Taken(domain.IdentifierScope, domain.ErrTaken.At("body.config"))
	s.Taken(domain.SecretScope, domain.ErrTaken.At("body.config"))
	s.Reference(views.ConsumerKind, "path.id")
	a.registerCredentials(s)
	a.registerSigningKeys(s)
}

// find answers a credential to a caller who may do this with it.
func (a *API) find(ctx context.Context, id string, verb httpapi.Verb) (views.Credential, error) {
	c, err := es.Get[views.Credential](ctx, a.store, views.Credentials.Name, id)
	if err != nil {
		return c, err
	}
	return c, httpapi.Authorize(ctx, httpapi.Access{Object: httpapi.Credential, Verb: verb, Team: c.Concerns.Team})
}

// consumer answers the consumer in the path to a caller who may do this with
// its credentials, and whether it is live. It is judged against all that its
// owner had acknowledged, but for reading what is known is enough; when the
// owner cannot be asked, what is unknown is unavailable.
func (a *API) consumer(ctx context.Context, id string, verb httpapi.Verb) (c views.Consumer, live bool, err error) {
	known := func() error {
		c, live, err = es.Known[views.Consumer](ctx, a.store, views.ConsumerKind, id)
		return err
	}
	if verb != httpapi.Read || errors.Is(known(), es.ErrNotFound) {
		behind := a.catchUp(ctx, "consumer")
		if errors.Is(known(), es.ErrNotFound) && behind != nil {
			return c, false, httpapi.ErrReferenceUnavailable.At("path.id")
		}
	}
	if err != nil {
		return c, false, err
	}
	return c, live, httpapi.Authorize(ctx, httpapi.Access{Object: httpapi.Credential, Verb: verb, Team: c.Team})
}
