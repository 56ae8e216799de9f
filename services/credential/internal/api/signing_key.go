package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/services/credential/internal/signing"
	"github.com/tidegate-io/tidegate/services/credential/internal/views"
)

// SigningKeys are the keys that sign access tokens, as this package works with
// them.
type SigningKeys interface {
	// Set answers them; signing.ErrNone while there are none.
	Set(ctx context.Context) (views.SigningKeySet, error)
	// Rotate has the next key sign in the place of the current one, replacing,
	// which verifies on for the overlap.
	Rotate(ctx context.Context, replacing string, overlap time.Duration, opts ...es.Option) error
}

// SigningKey is a key that signs access tokens, did, or will.
type SigningKey struct {
	KID       string     `json:"kid" doc:"Its thumbprint (RFC 7638)."`
	Status    string     `json:"status" enum:"next,current,previous" doc:"next: published, and not used yet. current: it signs. previous: it verifies until not_after."`
	Since     time.Time  `json:"since" doc:"When it took this place."`
	NotAfter  *time.Time `json:"not_after" nullable:"true" doc:"When it verifies no more."`
	CreatedAt time.Time  `json:"created_at"`
}

func (a *API) registerSigningKeys(s *httpapi.Server) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	example := httpapi.Page[SigningKey]{Items: []SigningKey{
		{KID: "oLBIX2BQfVVdnUTDHqlkTZjGJhyPvhoVeCEEfpzRaQE", Status: credential.KeyNext, Since: at, CreatedAt: at},
		{KID: "7sxuqJ2rNYvC7TFqrCPi7NiyDxyxgKyiHPFCfCyERfg", Status: credential.KeyCurrent, Since: at, CreatedAt: at.AddDate(0, -3, 0)},
	}}
	httpapi.Register(s, httpapi.Operation{
		ID: "list-signing-keys", Method: http.MethodGet, Path: "/v1/signing-keys", Tag: "oauth2",
		Summary:     "List the keys that sign access tokens",
		Description: "Next, current and previous. They are rotated every 90 days by themselves.",
		Answer:      example, Refusals: []*es.Refusal{signing.ErrNone},
	}, a.listSigningKeys)
	httpapi.Register(s, httpapi.Operation{
		ID: "rotate-signing-keys", Method: http.MethodPost, Path: "/v1/signing-keys/rotate", Tag: "oauth2",
		Summary: "Rotate the keys that sign access tokens",
		Description: "The next key signs from now on, and a new one comes after it. The one that signed verifies on for the overlap, by default 25 hours: " +
			"as long as its tokens can live. With overlap_seconds 0 every earlier key ends at once, and with it all access tokens that it signed.",
		Body: map[string]any{"overlap_seconds": 90000}, Answer: example,
		Refusals: []*es.Refusal{signing.ErrNone, signing.ErrTooSoon.In(credential.KeyNext)},
	}, a.rotateSigningKeys)
}

func (a *API) listSigningKeys(ctx context.Context, _ *struct{}) (*httpapi.Object[httpapi.Page[SigningKey]], error) {
	if err := httpapi.Authorize(ctx, httpapi.Access{Object: httpapi.KeyRing, Verb: httpapi.Read}); err != nil {
		return nil, err
	}
	set, err := a.signingKeys.Set(ctx)
	if err != nil {
		return nil, err
	}
	return showSigningKeys(set), nil
}

type rotateSigningKeysInput struct {
	Body *struct {
		OverlapSeconds *int64 `json:"overlap_seconds,omitempty" minimum:"0" maximum:"90000" doc:"How long the key that signed still verifies; 90000 when left out."`
	}
}

func (a *API) rotateSigningKeys(ctx context.Context, in *rotateSigningKeysInput) (*httpapi.Object[httpapi.Page[SigningKey]], error) {
	if err := httpapi.Authorize(ctx, httpapi.Access{Object: httpapi.KeyRing, Verb: httpapi.Write}); err != nil {
		return nil, err
	}
	overlap := signing.MaxOverlap
	if in.Body != nil && in.Body.OverlapSeconds != nil {
		overlap = time.Duration(*in.Body.OverlapSeconds) * time.Second
	}
	set, err := a.signingKeys.Set(ctx)
	if err != nil {
		return nil, err
	}
	state := signing.State{Keys: set.Keys}
	if err := a.noticed(ctx, state.At(credential.KeyNext)); err != nil {
		return nil, err
	}
	rotated, err := httpapi.Command(ctx,
		func(opts ...es.Option) error {
			return a.signingKeys.Rotate(ctx, state.At(credential.KeyCurrent).KID, overlap, opts...)
		},
		func(ctx context.Context, r es.Reader) (*httpapi.Object[httpapi.Page[SigningKey]], error) {
			set, err := es.Get[views.SigningKeySet](ctx, r, views.SigningKeys.Name, signing.ID)
			return showSigningKeys(set), err
		})
	if errors.Is(err, signing.ErrRotated) {
		return nil, es.ErrConflict
	}
	return rotated, err
}

// noticed waits the moment in which gateways learn of a key that was published
// only just now.
func (a *API) noticed(ctx context.Context, next credential.SigningKey) error {
	wait := min(next.Since.Add(signing.Notice).Sub(a.clock()), signing.Notice)
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func showSigningKeys(set views.SigningKeySet) *httpapi.Object[httpapi.Page[SigningKey]] {
	page := httpapi.Page[SigningKey]{Items: []SigningKey{}}
	for _, key := range set.Keys {
		page.Items = append(page.Items, SigningKey{
			KID: key.KID, Status: key.Status, Since: key.Since, NotAfter: key.NotAfter, CreatedAt: set.CreatedAt[key.KID],
		})
	}
	return httpapi.NewObject(set.Version, page)
}
