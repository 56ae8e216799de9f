package api

import (
	"context"
	"time"

	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/services/credential/internal/authtype"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
	"github.com/tidegate-io/tidegate/services/credential/internal/views"
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
	return again(func() (*httpapi.Object[Credential], error) { return a.updateOnce(ctx, in) })
}

func (a *API) updateOnce(ctx context.Context, in *updateInput) (*httpapi.Object[Credential], error) {
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
	command := domain.Update{Change: func(s domain.Settings) (domain.Settings, error) { return in.Body.apply(authType, s) }}
	if mover, ok := authType.(authtype.Mover); ok && in.Body.Placement.Set {
		if command.Judged, command.Change, err = a.moving(ctx, c, mover, command.Change); err != nil {
			return nil, err
		}
	}
	command.Now = a.clock()
	return a.command(ctx, in.ID, command)
}

// moving has a change refused that takes the credential to where its secrets,
// which are those of one version, do not fit.
func (a *API) moving(
	ctx context.Context, c views.Credential, mover authtype.Mover, change func(domain.Settings) (domain.Settings, error),
) (judged int, safe func(domain.Settings) (domain.Settings, error), err error) {
	shown, err := show(ctx, a.store, c)
	if err != nil {
		return 0, nil, err
	}
	var hints []string
	for _, s := range shown[0].Secrets {
		if s.Status != string(domain.Retired) {
			hints = append(hints, s.Hint)
		}
	}
	return c.NextVersion(), func(s domain.Settings) (domain.Settings, error) {
		after, err := change(s)
		if err == nil && after.Placement.In != s.Placement.In {
			err = mover.Fits(after.Placement, hints...)
		}
		return after, err
	}, nil
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
	usual, err := authType.Place(nil, s.Config)
	if err != nil {
		return s, err
	}
	asked := p.placement(s.Placement, s.Placement == usual)
	if p.Config.Set {
		patch := p.Config.Value
		if p.Config.Null {
			patch = authType.Members().Defaults()
		}
		if s.Config, err = authType.Configure(s.Config, patch); err != nil {
			return s, err
		}
	}
	if p.Placement.Set || p.Config.Set {
		s.Placement, err = authType.Place(asked, s.Config)
	}
	return s, err
}

// placement answers what is asked for; nil: the default, as when it is there and
// nothing is asked for, for another config can have another default.
func (p credentialPatch) placement(current domain.Placement, usual bool) *domain.Placement {
	if p.Placement.Null || usual && !p.Placement.Set {
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
