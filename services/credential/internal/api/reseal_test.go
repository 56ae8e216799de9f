package api_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/credential/internal/api"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
	"github.com/tidegate-io/tidegate/services/credential/internal/oauth"
)

// turn puts a new key of each use in force and answers the ids of those before.
func (s *service) turn(t *testing.T) (before []string) {
	t.Helper()
	before = s.ring.ActiveIDs()
	for _, use := range []secret.Use{secret.Sealing, secret.Pepper} {
		added, err := s.ring.Add(use)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.ring.Activate(added); err != nil {
			t.Fatal(err)
		}
	}
	return before
}

func (s *service) resealer() api.Resealer {
	return api.Resealer{Reader: s.store, Ring: s.ring, Private: oauth.PrivateAAD}
}

// reseal makes every row again.
func (s *service) reseal(t *testing.T) {
	t.Helper()
	rows, err := s.store.MaterialAfter(t.Context(), "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range rows {
		renewed, claims, err := s.resealer().Renew(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		renewed.Instead = &m
		if _, err := s.store.Append(t.Context(), es.Batch{Expect: es.Any, Material: []es.Material{renewed}, Claims: claims}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatIsMadeAgainVerifiesTheSameSecrets(t *testing.T) {
	s := start(t)
	issued := map[string]document{}
	proofs := map[string]secret.Proof{}
	for name, body := range map[string]string{
		"key":      `{"name":"1","type":"api_key"}`,
		"brought":  `{"name":"2","type":"api_key","config":{"key":"brought-along-0123456789"}}`,
		"password": `{"name":"3","type":"basic"}`,
		"chosen":   `{"name":"4","type":"basic","config":{"password":"correct horse"}}`,
		"shared":   `{"name":"5","type":"jwt","config":{"key":"k5"}}`,
		"hmac":     `{"name":"6","type":"hmac"}`,
		"client":   `{"name":"7","type":"oauth2"}`,
	} {
		issued[name] = s.issue(t, body)
		proofs[name] = s.proof(t, issued[name], 1)
	}
	before := s.turn(t)
	s.reseal(t)
	for _, id := range before {
		if err := s.ring.Retire(id); err != nil {
			t.Fatal(err)
		}
	}
	for name, d := range issued {
		t.Run(name, func(t *testing.T) {
			got := s.proof(t, d, 1)
			m, _ := s.material(t, d, 1)
			if m.Hint != d["secrets"].([]any)[0].(map[string]any)["hint"] {
				t.Errorf("the hint is %q", m.Hint)
			}
			if got.Kind != secret.ProofDigest {
				if !reflect.DeepEqual(got, proofs[name]) {
					t.Error("another proof")
				}
				return
			}
			shown := d.secret(map[string]string{"password": "password", "client": "client_secret"}[name])
			if shown == "" {
				shown = d.secret("api_key")
			}
			if want := secret.DigestProof(s.ring.Digest([]byte(shown))); !reflect.DeepEqual(got, want) {
				t.Error("the digest is not that of the secret under the new pepper")
			}
		})
	}
	t.Run("and signing keys still sign", func(t *testing.T) {
		keys := oauth.NewKeys(s.store, registry, s.ring, s.now, nil)
		if _, private, err := keys.Current(t.Context()); err != nil || private == nil {
			t.Fatalf("got %v", err)
		}
	})
}

func TestASecretHasOneHolderWhateverThePepper(t *testing.T) {
	s := start(t)
	const key = `"config":{"key":"brought-along-0123456789"}`
	first := s.issue(t, `{"name":"first","type":"api_key",`+key+`}`)
	taken := func(when string) {
		t.Helper()
		body := fmt.Sprintf(`{"name":%q,"type":"api_key",%s}`, when, key)
		s.Developer("payments").Post(t, "/v1/consumers/acme/credentials", body).Refused(t, 409, "credential_taken")
	}
	before := s.turn(t)
	taken("while two peppers are live")
	during := s.issue(t, `{"name":"during","type":"api_key","config":{"key":"another-that-was-brought"}}`)
	s.reseal(t)
	taken("after it was made again")
	for _, id := range before {
		if err := s.ring.Retire(id); err != nil {
			t.Fatal(err)
		}
	}
	taken("after the older pepper was destroyed")
	t.Run("and gives it up when it is revoked", func(t *testing.T) {
		for _, d := range []document{first, during} {
			s.Developer("payments").Post(t, d.path()+"/revoke", "").Want(t, 200)
		}
		s.issue(t, `{"name":"again","type":"api_key",`+key+`}`)
		s.issue(t, `{"name":"again too","type":"api_key","config":{"key":"another-that-was-brought"}}`)
	})
}

func TestWhatCannotBeMadeAgainSaysWhy(t *testing.T) {
	s := start(t)
	d := s.issue(t, `{"name":"1","type":"api_key"}`)
	m, _ := s.material(t, d, 1)
	s.turn(t)
	t.Run("a digest whose fingerprint was lost", func(t *testing.T) {
		lost := m
		lost.Kept = nil
		_, _, err := s.resealer().Renew(t.Context(), lost)
		var unrenewable *httpapi.UnrenewableError
		if !errors.As(err, &unrenewable) || !strings.Contains(err.Error(), "rotate the credential") {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("what was kept for another row", func(t *testing.T) {
		moved := m
		moved.Key = domain.MaterialKey(d.text("id"), 2)
		if _, _, err := s.resealer().Renew(t.Context(), moved); !errors.Is(err, secret.ErrSealed) {
			t.Fatalf("got %v", err)
		}
	})
}
