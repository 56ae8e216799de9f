package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/tidegate-io/tidegate/libs/es"
)

// RemoteConfig names an identity provider.
type RemoteConfig struct {
	Issuer   string // the iss of its tokens
	JWKSURL  string
	Audience string       // empty: aud is not looked at
	Client   *http.Client // nil: one with a time-out of 5 s
}

// How the key set is fetched.
const (
	keysFresh    = 15 * time.Minute // a key that was withdrawn is used no longer than this
	keysStale    = 24 * time.Hour   // and while the provider is out of reach, than this
	keysInterval = 10 * time.Second // between two fetches, whatever kids callers send
	keysTimeout  = 5 * time.Second
	keysSize     = 1 << 20
)

// RemoteIssuer judges tokens of an identity provider by its published keys.
//
// The set is fetched when it is first needed, again after keysFresh, and when a
// token names a key that is not in it, at most once in keysInterval. While the
// provider is out of reach the last set serves; without one, tokens cannot be
// judged (es.ErrUnavailable).
type RemoteIssuer struct {
	cfg RemoteConfig
	now func() time.Time
	tokenRules

	mu      sync.Mutex
	keys    map[string]publicKey
	fetched time.Time // when keys were fetched
	tried   time.Time // when a fetch was last begun
	failure error     // of the last fetch
}

// Remote answers the issuer that cfg names. It fetches nothing yet.
func Remote(cfg RemoteConfig) *RemoteIssuer {
	if cfg.Client == nil {
		cfg.Client = &http.Client{Timeout: keysTimeout}
	}
	r := &RemoteIssuer{cfg: cfg, now: time.Now}
	const leeway = 10 * time.Second // between two machines' clocks
	r.tokenRules = tokenRules{issuer: cfg.Issuer, audience: cfg.Audience, leeway: leeway, now: func() time.Time { return r.now() }}
	return r
}

// Authenticate judges a token.
func (r *RemoteIssuer) Authenticate(ctx context.Context, token string) (Caller, error) {
	return r.judge(token, func(kid string) (publicKey, error) { return r.key(ctx, kid) })
}

// key answers the key of a kid. Those who wait for the same fetch wait for the
// lock.
func (r *RemoteIssuer) key(ctx context.Context, kid string) (publicKey, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key, known := r.keys[kid]
	age := r.now().Sub(r.fetched)
	if known && age < keysFresh {
		return key, nil
	}
	if r.now().Sub(r.tried) >= keysInterval {
		r.refresh(ctx)
		key, known = r.keys[kid]
		age = r.now().Sub(r.fetched)
	}
	switch {
	case known && age < keysStale:
		return key, nil
	case r.failure != nil:
		return publicKey{}, fmt.Errorf("%w: %w", es.ErrUnavailable, r.failure)
	default:
		return publicKey{}, errUnknownKey
	}
}

func (r *RemoteIssuer) refresh(ctx context.Context) {
	r.tried = r.now()
	// The caller that triggers the fetch may go; the others wait for it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keysTimeout)
	defer cancel()
	keys, err := r.fetch(ctx)
	r.failure = err
	if err == nil {
		r.keys, r.fetched = keys, r.tried
	}
}

func (r *RemoteIssuer) fetch(ctx context.Context) (map[string]publicKey, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.cfg.JWKSURL, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("fetch the key set: %w", err)
	}
	response, err := r.cfg.Client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("fetch the key set: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch the key set from %s: status %d", r.cfg.JWKSURL, response.StatusCode)
	}
	raw, err := io.ReadAll(io.LimitReader(response.Body, keysSize+1))
	if err != nil {
		return nil, fmt.Errorf("fetch the key set: %w", err)
	}
	if len(raw) > keysSize {
		return nil, errors.New("fetch the key set: it is larger than 1 MiB")
	}
	return parseJWKS(raw)
}

var (
	_ Authenticator = (*RemoteIssuer)(nil)
	_ Authenticator = (*Issuer)(nil)
)
