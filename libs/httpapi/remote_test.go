package httpapi_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
)

func TestKeysOfAnIdentityProviderComeAndGo(t *testing.T) {
	t.Parallel()
	older, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	newer, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	provider := newIDP(t)
	provider.publish(ecJWK("older", older))
	remote := httpapi.Remote(httpapi.RemoteConfig{Issuer: "https://id.example", JWKSURL: provider.URL})
	begin := time.Now()
	now := begin
	remote.SetClock(func() time.Time { return now })
	ask := func(kid string, key *ecdsa.PrivateKey) error {
		_, err := remote.Authenticate(t.Context(), sign(t, jwt.SigningMethodES256, key, map[string]any{"kid": kid}, claims(jwt.MapClaims{"exp": now.Add(time.Hour).Unix()})))
		return err
	}
	expect := func(what string, got, want error, fetched int32) {
		t.Helper()
		if !errors.Is(got, want) || provider.fetched.Load() != fetched {
			t.Fatalf("%s: %v, want %v; fetched %d times, want %d", what, got, want, provider.fetched.Load(), fetched)
		}
	}
	expect("the first token", ask("older", older), nil, 1)

	provider.publish(ecJWK("older", older), ecJWK("newer", newer))
	expect("a new key right after a fetch", ask("newer", newer), httpapi.ErrUnauthenticated, 1)
	now = now.Add(11 * time.Second)
	expect("a new key a little later", ask("newer", newer), nil, 2)

	now = now.Add(11 * time.Second)
	for range 5 {
		_ = ask("none", older)
	}
	expect("keys that nobody published", ask("none", older), httpapi.ErrUnauthenticated, 3)

	provider.publish(ecJWK("newer", newer))
	expect("a withdrawn key, soon", ask("older", older), nil, 3)
	now = now.Add(16 * time.Minute)
	expect("a withdrawn key, later", ask("older", older), httpapi.ErrUnauthenticated, 4)

	provider.mu.Lock()
	provider.status = http.StatusBadGateway
	provider.mu.Unlock()
	now = now.Add(16 * time.Minute)
	expect("the provider is away", ask("newer", newer), nil, 5)
	expect("and is not asked again at once", ask("newer", newer), nil, 5)
	expect("a key that cannot be asked for", ask("older", older), es.ErrUnavailable, 5)
	now = now.Add(25 * time.Hour)
	expect("the provider has been away for a day", ask("newer", newer), es.ErrUnavailable, 6)
}

func TestManyCallersFetchTheKeysOnce(t *testing.T) {
	t.Parallel()
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	provider := newIDP(t)
	provider.publish(ecJWK("ec", key))
	remote := httpapi.Remote(httpapi.RemoteConfig{Issuer: "https://id.example", JWKSURL: provider.URL})
	token := sign(t, jwt.SigningMethodES256, key, map[string]any{"kid": "ec"}, claims(nil))
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := remote.Authenticate(t.Context(), token); err != nil {
				t.Errorf("refused: %v", err)
			}
		})
	}
	all.Wait()
	if got := provider.fetched.Load(); got != 1 {
		t.Errorf("fetched %d times", got)
	}
}

func TestTheBuiltInKeySetIsOneThatOthersRead(t *testing.T) {
	t.Parallel()
	issuer := builtIn(t, t.TempDir()+"/issuer.pem")
	server := serveBytes(t, issuer.JWKS())
	remote := httpapi.Remote(httpapi.RemoteConfig{Issuer: httpapi.BuiltInIssuer, JWKSURL: server, Audience: httpapi.BuiltInAudience})
	token, err := issuer.Token("alice", []httpapi.Role{httpapi.Admin}, nil, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if caller, err := remote.Authenticate(t.Context(), token); err != nil || !caller.Is(httpapi.Admin) {
		t.Errorf("caller %+v, error %v", caller, err)
	}
}
