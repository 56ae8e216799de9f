package api

import (
	"bytes"
	"context"
	"errors"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/services/consumer/internal/domain"
	"github.com/tidegate-io/tidegate/services/consumer/internal/views"
)

type updateInput struct {
	ConsumerID
	Body consumerPatch
}

type consumerPatch struct {
	Name        httpapi.Optional[string]            `json:"name,omitzero" minLength:"1" maxLength:"256" nullable:"false"`
	Description httpapi.Optional[string]            `json:"description,omitzero" maxLength:"4096"`
	Labels      httpapi.Optional[map[string]string] `json:"labels,omitzero"`
	Contact     httpapi.Optional[Contact]           `json:"contact,omitzero"`
	Limits      httpapi.Optional[LimitsInput]       `json:"limits,omitzero"`
}

// errContactMoved: the contact with which a patch was merged was replaced.
var errContactMoved = errors.New("the contact was replaced meanwhile")

// merges bounds how often a contact is merged anew.
const merges = 8

// update merges. A contact is merged in clear, so outside the domain: when it
// was replaced meanwhile, it is merged again.
func (a *API) update(ctx context.Context, in *updateInput) (*httpapi.Object[Consumer], error) {
	for attempt := 1; ; attempt++ {
		updated, err := a.updateOnce(ctx, in)
		if !errors.Is(err, errContactMoved) {
			return updated, err
		}
		if attempt == merges {
			return nil, es.ErrConflict
		}
	}
}

func (a *API) updateOnce(ctx context.Context, in *updateInput) (*httpapi.Object[Consumer], error) {
	if !in.Body.Contact.Set {
		return a.command(ctx, in.ID, domain.Update{Change: in.Body.apply})
	}
	current, err := a.find(ctx, in.ID, httpapi.Write)
	if err != nil {
		return nil, err
	}
	sealed, kept, err := a.mergeContact(ctx, current, in.Body.Contact)
	if err != nil {
		return nil, err
	}
	return a.command(ctx, in.ID, domain.Update{Change: func(p domain.Profile) (domain.Profile, error) {
		if !bytes.Equal(p.ContactSealed, current.Profile.ContactSealed) {
			return p, errContactMoved
		}
		p.ContactSealed = sealed
		return in.Body.apply(p)
	}}, kept...)
}

// mergeContact answers the contact after the patch, sealed. One that stays as
// it is keeps its seal.
func (a *API) mergeContact(ctx context.Context, c views.Consumer, patch httpapi.Optional[Contact]) (sealed []byte, keep []es.Option, err error) {
	present := consumerOf(c)
	if err := a.reveal(ctx, a.store, &present); err != nil {
		return nil, nil, err
	}
	var before Contact
	if present.Contact != nil {
		before = *present.Contact
	}
	after := before
	merge(&after, patch)
	if after == before && present.Contact != nil {
		return c.Profile.ContactSealed, nil, nil
	}
	return a.seal(c.Concerns.ConsumerID, &after)
}

// apply answers the profile after the patch, but for its contact.
func (p consumerPatch) apply(to domain.Profile) (domain.Profile, error) {
	merge(&to.Name, p.Name)
	merge(&to.Description, p.Description)
	merge(&to.Labels, p.Labels)
	limits := inputOf(to.Limits)
	merge(&limits, p.Limits)
	to.Limits = limits.domain()
	return to, nil
}

func merge[T any](field *T, patch httpapi.Optional[T]) {
	if merged, err := patch.Apply(*field); err == nil { // it has passed validation
		*field = merged
	}
}
