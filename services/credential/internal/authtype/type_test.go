package authtype_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/credential/internal/authtype"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
)

func TestTypesHaveTheContractsNames(t *testing.T) {
	for _, name := range []string{credential.TypeAPIKey, credential.TypeBasic} {
		if found, err := authtype.Named(name); err != nil || found.Name() != name {
			t.Fatalf("%s: %v %v", name, found, err)
		}
	}
	for _, name := range []string{credential.TypeJWT, credential.TypeHMAC, credential.TypeOAuth2, "", "API_KEY"} {
		if _, err := authtype.Named(name); !errors.Is(err, domain.ErrUnsupportedType) {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

func TestWhatIsShownIsWhatIsProved(t *testing.T) {
	ring := secret.New()
	for _, authType := range authtype.All {
		t.Run(authType.Name(), func(t *testing.T) {
			at, err := authType.Place(nil)
			if err != nil {
				t.Fatal(err)
			}
			first, err := authType.Issue("cred_1", at, nil)
			if err != nil {
				t.Fatal(err)
			}
			second, err := authType.Rotate(domain.Settings{Placement: at, Config: first.Config}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if string(first.Digested) == string(second.Digested) || string(first.Config) != string(second.Config) {
				t.Fatal("a rotation makes another secret and leaves the config")
			}
			for _, made := range []authtype.Made{first, second} {
				shown, err := json.Marshal(made.Shown)
				if err != nil || len(made.Digested) == 0 || !strings.Contains(string(shown), string(made.Digested)) {
					t.Fatalf("the secret is not shown: %v", err)
				}
				if strings.Contains(string(made.Config)+made.Hint+made.Identifier, string(made.Digested)) {
					t.Fatal("the secret is in what everybody sees")
				}
				want := secret.DigestProof(ring.Digest(made.Digested))
				if diff := cmp.Diff(want, made.Prove(ring)); diff != "" {
					t.Fatalf("the proof (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestWhatIsChosenForBasicIsHashedSlowly(t *testing.T) {
	password := json.RawMessage(`"correct horse"`)
	made, err := authtype.Basic{}.Issue("cred_1", domain.Placement{}, authtype.Config{"password": password})
	if err != nil {
		t.Fatal(err)
	}
	proof := made.Prove(secret.New())
	if proof.Kind != secret.ProofArgon2id || !secret.VerifyPassword(proof.PHC, "correct horse") || made.Digested != nil || made.Hint != "" {
		t.Fatalf("it is proved by %s, and its hint is %q", proof.Kind, made.Hint)
	}
}

func TestPlacementsOfAPIKeys(t *testing.T) {
	for name, c := range map[string]struct {
		placement domain.Placement
		fine      bool
	}{
		"a header of one's own":       {domain.Placement{In: "header", Name: "X-My_Key.2"}, true},
		"Authorization":               {domain.Placement{In: "header", Name: "Authorization"}, true},
		"Proxy-Authorization":         {domain.Placement{In: "header", Name: "Proxy-Authorization"}, false},
		"a header of the gateway":     {domain.Placement{In: "header", Name: "x_consumer_custom_id"}, false},
		"X-Forwarded-For, with dots":  {domain.Placement{In: "header", Name: "X.Forwarded.For"}, false},
		"Cookie, as a header":         {domain.Placement{In: "header", Name: "cookie"}, false},
		"TE":                          {domain.Placement{In: "header", Name: "TE"}, false},
		"a header that ends the line": {domain.Placement{In: "header", Name: "X\r\nY"}, false},
		"a header of 129":             {domain.Placement{In: "header", Name: strings.Repeat("x", 129)}, false},
		"a query parameter":           {domain.Placement{In: "query", Name: "api_key"}, true},
		"a field of a form":           {domain.Placement{In: "body", Name: "auth[key]"}, true},
		"a field with a space":        {domain.Placement{In: "body", Name: "auth key"}, false},
		"a cookie":                    {domain.Placement{In: "cookie", Name: "session"}, true},
		"a cookie with an equal sign": {domain.Placement{In: "cookie", Name: "a=b"}, false},
		"nowhere":                     {domain.Placement{In: "trailer", Name: "X"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			placed, err := authtype.APIKey{}.Place(&c.placement)
			if c.fine && (err != nil || placed != c.placement) || !c.fine && !errors.Is(err, domain.ErrInvalid) {
				t.Fatalf("placed %v: %v", placed, err)
			}
		})
	}
}

// FuzzConfig: whatever comes in, a type makes something of it that passes its
// own bounds, or refuses it without showing a value.
func FuzzConfig(f *testing.F) {
	f.Add(`{"key":"0123456789abcdef"}`)
	f.Add(`{"username":"u","password":"correct horse"}`)
	f.Add(`{"key":null,"password":7}`)
	f.Fuzz(func(t *testing.T, text string) {
		var given authtype.Config
		if json.Unmarshal([]byte(text), &given) != nil {
			return
		}
		for _, authType := range authtype.All {
			at, err := authType.Place(nil)
			if err != nil {
				t.Fatal(err)
			}
			made, err := authType.Issue("cred_1", at, given)
			if err != nil {
				if !errors.Is(err, domain.ErrInvalid) {
					t.Fatalf("%s: %v", authType.Name(), err)
				}
				for _, value := range given {
					var plain string
					if json.Unmarshal(value, &plain) == nil && len(plain) > 12 && strings.Contains(err.Error(), plain) {
						t.Fatalf("%s: the refusal shows a value: %v", authType.Name(), err)
					}
				}
				continue
			}
			if len(made.Digested) > 512 || made.Unique != (authType.Name() == credential.TypeAPIKey) || !json.Valid(made.Config) || len(made.Hint) > 20 {
				t.Fatalf("%s made %d bytes, config %s", authType.Name(), len(made.Digested), made.Config)
			}
		}
	})
}
