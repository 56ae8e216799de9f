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

// rotate makes the next version of the secret outside the append, for the
// credential as it saw it; when another call was faster it makes another.
func (a *API) rotate(ctx context.Context, in *rotateInput) (*httpapi.Object[Issued], error) {
	var overlap time.Duration
	var config authtype.Config
	if in.Body != nil {
		overlap, config = time.Duration(in.Body.OverlapSeconds)*time.Second, in.Body.Config
	}
	return again(func() (*httpapi.Object[Issued], error) { return a.rotateOnce(ctx, in.ID, overlap, config) })
}

// attempts bounds how often something is made anew because another call was
// faster.
const attempts = 8

// again runs what was made for a credential as it was seen, until it still is so.
func again[T any](try func() (T, error)) (T, error) {
	for attempt := 1; ; attempt++ {
		answer, err := try()
		if !errors.Is(err, domain.ErrMeanwhile) {
			return answer, err
		}
		if attempt == attempts {
			return answer, es.ErrConflict
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
	made, err := authType.Rotate(c.Settings.Config, config)
	if err != nil {
		return nil, err
	}
	if made.Fits != nil {
		if err := made.Fits(c.Settings.Placement); err != nil {
			return nil, err
		}
	}
	command := domain.Rotate{SecretVersion: c.NextVersion(), For: c.Settings, Config: made.Config, Overlap: overlap, Now: a.clock()}
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
			return httpapi.NewObject(shown.Version, Issued{Credential: shown, Warnings: made.Warnings}), nil
		})
	if err != nil {
		return nil, err
	}
	rotated.Body.Secret = made.Shown
	return rotated, nil
}
