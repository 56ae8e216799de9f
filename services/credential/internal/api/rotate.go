package api

import (
	"context"
	"errors"
	"time"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/services/credential/internal/authtype"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
)

type rotateInput struct {
	CredentialID
	Body *struct {
		OverlapSeconds int64           `json:"overlap_seconds,omitempty" minimum:"0" maximum:"2592000" default:"0" doc:"How long the secret before is still accepted; 0: not at all."`
		Config         authtype.Config `json:"config,omitempty" doc:"The new secret, as the type takes it; generated when left out."`
	}
}

// rotations bounds how often a secret is made anew because another rotation was
// faster.
const rotations = 8

// rotate makes the next version of the secret outside the append, for the
// version that it saw; when another rotation was faster it makes another.
func (a *API) rotate(ctx context.Context, in *rotateInput) (*httpapi.Object[Issued], error) {
	var overlap time.Duration
	var config authtype.Config
	if in.Body != nil {
		overlap, config = time.Duration(in.Body.OverlapSeconds)*time.Second, in.Body.Config
	}
	for attempt := 1; ; attempt++ {
		rotated, err := a.rotateOnce(ctx, in.ID, overlap, config)
		if !errors.Is(err, domain.ErrRotatedMeanwhile) {
			return rotated, err
		}
		if attempt == rotations {
			return nil, es.ErrConflict
		}
	}
}

func (a *API) rotateOnce(ctx context.Context, id string, overlap time.Duration, config authtype.Config) (*httpapi.Object[Issued], error) {
	c, err := a.find(ctx, id, httpapi.Write)
	if err != nil {
		return nil, err
	}
	authType, err := authtype.Named(c.Type)
	if err != nil {
		return nil, err
	}
	made, err := authType.Rotate(c.Settings, config)
	if err != nil {
		return nil, err
	}
	command := domain.Rotate{SecretVersion: c.NextVersion(), Overlap: overlap, Now: a.clock()}
	kept, err := a.keep(id, command.SecretVersion, made)
	if err != nil {
		return nil, err
	}
	rotated, err := httpapi.Command(ctx,
		func(opts ...es.Option) error {
			_, err := a.credentials.Handle(ctx, id, command, append(opts, kept...)...)
			return err
		},
		func(ctx context.Context, r es.Reader) (*httpapi.Object[Issued], error) {
			shown, err := present(ctx, r, id)
			if err != nil {
				return nil, err
			}
			return httpapi.NewObject(shown.Version, Issued{Credential: shown}), nil
		})
	if err != nil {
		return nil, err
	}
	rotated.Body.Secret = made.Shown
	return rotated, nil
}
