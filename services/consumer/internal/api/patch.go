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
	ID   string `path:"id" maxLength:"512"`
	Body struct {
		Name        httpapi.Optional[string]            `json:"name,omitzero" minLength:"1" maxLength:"256" nullable:"false"`
		Description httpapi.Optional[string]            `json:"description,omitzero" maxLength:"4096"`
		Labels      httpapi.Optional[map[string]string] `json:"labels,omitzero"`
		Contact     httpapi.Optional[Contact]           `json:"contact,omitzero"`
		Limits      httpapi.Optional[limitsInput]       `json:"limits,omitzero"`
	}
}

// errContactMoved: the contact with which a patch was merged was replaced.
var errContactMoved = errors.New("the contact was replaced meanwhile")

// merges bounds how often a contact is merged anew.
const merges = 8

// update merges. A contact is merged in clear, so outside the domain: when it was
// replaced meanwhile, it is merged again.
func (a *API) update(ctx context.Context, in *updateInput) (*httpapi.Object[Consumer], error) {
	for attempt := 1; ; attempt++ {
		current, err := a.find(ctx, in.ID, httpapi.Write)
		if err != nil {
			return nil, err
		}
		sealed, material, err := a.mergeContact(ctx, current, in.Body.Contact)
		if err != nil {
			return nil, err
		}
		object, err := a.act(ctx, in.ID, domain.Update{Change: func(p domain.Profile) (domain.Profile, error) {
			if in.Body.Contact.Set {
				if !bytes.Equal(p.ContactSealed, current.Profile.ContactSealed) {
					return p, errContactMoved
				}
				p.ContactSealed = sealed
			}
			return in.apply(p)
		}}, es.WithMaterial(material...))
		if !errors.Is(err, errContactMoved) || attempt == merges {
			return object, err
		}
	}
}

// mergeContact answers the contact after the patch, sealed. One that stays as
// it is keeps its seal.
func (a *API) mergeContact(ctx context.Context, c views.Consumer, patch httpapi.Optional[Contact]) ([]byte, []es.Material, error) {
	if !patch.Set {
		return nil, nil, nil
	}
	present := consumerOf(c)
	if err := a.reveal(ctx, &present); err != nil {
		return nil, nil, err
	}
	var before Contact
	if present.Contact != nil {
		before = *present.Contact
	}
	after, err := patch.Apply(before)
	if err != nil {
		return nil, nil, err
	}
	if after == before && present.Contact != nil {
		return c.Profile.ContactSealed, nil, nil
	}
	return a.seal(c.Concerns.ConsumerID, &after)
}

// apply merges everything but the contact.
func (in *updateInput) apply(p domain.Profile) (domain.Profile, error) {
	var err error
	if p.Name, err = in.Body.Name.Apply(p.Name); err != nil {
		return p, err
	}
	if p.Description, err = in.Body.Description.Apply(p.Description); err != nil {
		return p, err
	}
	if p.Labels, err = in.Body.Labels.Apply(p.Labels); err != nil {
		return p, err
	}
	limits, err := in.Body.Limits.Apply(inputOf(p.Limits))
	p.Limits = limits.domain()
	return p, err
}
