package api

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/services/subscription/internal/views"
)

// references judges what a request names against all that the owners had
// acknowledged. When an owner cannot be asked, what is known here and live is
// accepted; what could have changed meanwhile is unavailable, never unknown.
type references struct {
	reader es.Reader
	silent map[string]bool // sources whose owner cannot be asked
}

// sources of the facts.
const (
	consumers   = "consumer"
	services    = "catalog"
	credentials = "credential"
)

// judge asks the owners, all at once.
func (a *API) judge(ctx context.Context, sources ...string) references {
	var mu sync.Mutex
	var asking sync.WaitGroup
	silent := map[string]bool{}
	for _, source := range sources {
		asking.Go(func() {
			if err := a.catchUp(ctx, source); err != nil {
				mu.Lock()
				defer mu.Unlock()
				silent[source] = true
			}
		})
	}
	asking.Wait()
	return references{reader: a.store, silent: silent}
}

// missing answers the refusal of what is not there, or not known to be there.
func (f references) missing(source, location string) error {
	if f.silent[source] {
		return httpapi.ErrReferenceUnavailable.At(location)
	}
	return httpapi.ErrUnknownReference.At(location)
}

// consumer answers a live consumer. Whether the caller may know of it is the
// caller's to judge.
func (f references) consumer(ctx context.Context, id string) (views.Consumer, error) {
	const location = "body.consumer_id"
	c, live, err := es.Known[views.Consumer](ctx, f.reader, views.ConsumerKind, id)
	switch {
	case errors.Is(err, es.ErrNotFound):
		return c, f.missing(consumers, location)
	case err == nil && !live: // for good
		return c, httpapi.ErrUnknownReference.At(location)
	}
	return c, err
}

// service answers a service that may be subscribed to by what mayKnow lets
// through.
func (f references) service(ctx context.Context, id string, mayKnow func(views.Service) bool) (views.Service, error) {
	const location = "body.service_id"
	s, live, err := es.Known[views.Service](ctx, f.reader, views.ServiceKind, id)
	switch {
	case errors.Is(err, es.ErrNotFound), err == nil && live && !mayKnow(s):
		return s, f.missing(services, location)
	case err == nil && !live: // for good
		return s, httpapi.ErrUnknownReference.At(location)
	}
	return s, err
}

// plan answers a service's plan by its id, or the one that it has for who names
// none.
func (f references) plan(s views.Service, id string) (catalog.Plan, error) {
	plan, known := s.Plan(id)
	switch {
	case known:
		return plan, nil
	case id == "":
		return plan, httpapi.Invalid("body.plan_id", "expected one of the service's plans: it has several, and none is named default")
	}
	return plan, f.missing(services, "body.plan_id")
}

// credentials judges that each is a live one of the consumer's.
func (f references) credentials(ctx context.Context, consumerID string, ids *[]string) error {
	if ids == nil {
		return nil
	}
	for i, id := range *ids {
		location := credentialAt(i)
		c, live, err := es.Known[views.Credential](ctx, f.reader, views.CredentialKind, id)
		switch {
		case errors.Is(err, es.ErrNotFound):
			return f.missing(credentials, location)
		case err != nil:
			return err
		case !live || c.ConsumerID != consumerID:
			return httpapi.ErrUnknownReference.At(location)
		}
	}
	return nil
}

func credentialAt(i int) string { return fmt.Sprintf("body.credential_ids[%d]", i) }

// required are the credentials that must still be live in the append.
func required(ids *[]string) []es.Ref {
	if ids == nil {
		return nil
	}
	refs := make([]es.Ref, len(*ids))
	for i, id := range *ids {
		refs[i] = es.Ref{Kind: views.CredentialKind, ID: id}
	}
	return refs
}

// located says which credential of a list it was that did not hold.
func located(err error, ids *[]string) error {
	var missing *es.ReferenceError
	if ids == nil || !errors.As(err, &missing) || missing.Ref.Kind != views.CredentialKind {
		return err
	}
	for i, id := range *ids {
		if id == missing.Ref.ID {
			return httpapi.ErrUnknownReference.At(credentialAt(i))
		}
	}
	return err
}
