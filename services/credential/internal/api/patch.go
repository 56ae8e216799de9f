package api

import (
	"context"
	"time"

	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/services/credential/internal/authtype"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
)

type updateInput struct {
	CredentialID
	Body credentialPatch
}

type credentialPatch struct {
	ID              httpapi.Optional[string]          `json:"id,omitzero" nullable:"false" doc:"It never changes: any other value is refused."`
	ConsumerID      httpapi.Optional[string]          `json:"consumer_id,omitzero" nullable:"false" doc:"It never changes: any other value is refused."`
	Type            httpapi.Optional[string]          `json:"type,omitzero" nullable:"false" doc:"It never changes: any other value is refused."`
	Name            httpapi.Optional[string]          `json:"name,omitzero" minLength:"1" maxLength:"256" nullable:"false"`
	Placement       httpapi.Optional[Placement]       `json:"placement,omitzero" doc:"Null: the type's default."`
	Config          httpapi.Optional[authtype.Config] `json:"config,omitzero" doc:"What is neither an identifier nor a secret."`
	ExpiresAt       httpapi.Optional[time.Time]       `json:"expires_at,omitzero" doc:"In the future; null: never."`
	HideCredentials httpapi.Optional[bool]            `json:"hide_credentials,omitzero"`
}

func (a *API) update(ctx context.Context, in *updateInput) (*httpapi.Object[Credential], error) {
	c, err := a.find(ctx, in.ID, httpapi.Write)
	if err != nil {
		return nil, err
	}
	switch p := in.Body; {
	case p.ID.Set && p.ID.Value != in.ID:
		return nil, domain.ErrIdentifierImmutable.At("body.id")
	case p.ConsumerID.Set && p.ConsumerID.Value != c.Concerns.ConsumerID:
		return nil, domain.ErrIdentifierImmutable.At("body.consumer_id")
	case p.Type.Set && p.Type.Value != c.Type:
		return nil, domain.ErrTypeImmutable.At("body.type")
	}
	authType, err := authtype.Named(c.Type)
	if err != nil {
		return nil, err
	}
	return a.command(ctx, in.ID, domain.Update{Now: a.clock(), Change: func(s domain.Settings) (domain.Settings, error) {
		return in.Body.apply(authType, s)
	}})
}

// apply answers the settings after the patch, as the type lets them be.
func (p credentialPatch) apply(authType authtype.Type, s domain.Settings) (domain.Settings, error) {
	merge(&s.Name, p.Name)
	merge(&s.HideCredentials, p.HideCredentials)
	switch {
	case p.ExpiresAt.Null:
		s.ExpiresAt = nil
	case p.ExpiresAt.Set:
		s.ExpiresAt = &p.ExpiresAt.Value
	}
	var err error
	if p.Placement.Set {
		if s.Placement, err = authType.Place(p.placement(s.Placement)); err != nil {
			return s, err
		}
	}
	if p.Config.Set {
		s.Config, err = authType.Configure(s.Config, p.Config.Value)
	}
	return s, err
}

// placement answers what is asked for; nil: the default.
func (p credentialPatch) placement(current domain.Placement) *domain.Placement {
	if p.Placement.Null {
		return nil
	}
	asked := Placement(current)
	merge(&asked, p.Placement)
	return (*domain.Placement)(&asked)
}

func merge[T any](field *T, patch httpapi.Optional[T]) {
	if merged, err := patch.Apply(*field); err == nil { // it has passed validation
		*field = merged
	}
}
