package authtype_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/credential/internal/authtype"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
)

// config reads a config as it comes in.
func config(text string) authtype.Config {
	var c authtype.Config
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		panic(err)
	}
	return c
}

// refused demands a refusal at a member of the config that repeats nothing of it.
func refused(t *testing.T, err error, want error, at string, given authtype.Config) {
	t.Helper()
	var refusal *es.Refusal
	if !errors.Is(err, want) || !errors.As(err, &refusal) || refusal.Location != at {
		t.Fatalf("refused with %#v, want %v at %s", err, want, at)
	}
	for member, value := range given {
		var plain string
		if json.Unmarshal(value, &plain) == nil && len(plain) > 12 && strings.Contains(refusal.Detail, plain) {
			t.Fatalf("the refusal repeats %s: %s", member, refusal.Detail)
		}
	}
}

// least is the least config that each type takes.
var least = map[string]string{
	credential.TypeAPIKey: `{}`, credential.TypeBasic: `{}`, credential.TypeJWT: `{"key":"billing"}`,
	credential.TypeHMAC: `{}`, credential.TypeOAuth2: `{}`,
}

func TestTypesHaveTheContractsNames(t *testing.T) {
	for name := range least {
		if found, err := authtype.Named(name); err != nil || found.Name() != name {
			t.Fatalf("%s: %v %v", name, found, err)
		}
	}
	if len(authtype.All) != len(least) {
		t.Fatalf("there are %d types", len(authtype.All))
	}
	for _, name := range []string{"", "API_KEY", "saml"} {
		if _, err := authtype.Named(name); !errors.Is(err, domain.ErrUnsupportedType) {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

func TestEveryMemberIsDescribed(t *testing.T) {
	for _, authType := range authtype.All {
		members := authType.Members()
		for _, name := range slices.Concat(members.Identifiers, members.Secrets, members.Settings) {
			if !strings.Contains(authType.Describe(), "`"+name+"`") {
				t.Errorf("%s does not describe %s", authType.Name(), name)
			}
		}
		if !strings.Contains(authtype.Describe(), authType.Describe()) {
			t.Errorf("%s is not described", authType.Name())
		}
	}
}

func TestWhatIsGeneratedIsWhatIsProved(t *testing.T) {
	ring := secret.New()
	for _, authType := range authtype.All {
		t.Run(authType.Name(), func(t *testing.T) {
			first, err := authType.Issue("cred_1", config(least[authType.Name()]))
			if err != nil {
				t.Fatal(err)
			}
			second, err := authType.Rotate(first.Config, nil)
			if err != nil {
				t.Fatal(err)
			}
			if string(first.Config) != string(second.Config) || generated(t, first) == generated(t, second) {
				t.Fatal("a rotation makes another secret and leaves the config")
			}
			for _, made := range []authtype.Made{first, second} {
				plain := generated(t, made)
				if strings.Contains(string(made.Config)+made.Hint+made.Identifier, plain) || made.Hint != secret.Hint(plain) || len(made.Warnings) > 0 {
					t.Fatalf("the hint is %s, the config %s, warnings %v", made.Hint, made.Config, made.Warnings)
				}
				want := secret.SharedProof([]byte(plain))
				if made.Digested != nil {
					want = secret.DigestProof(ring.Digest([]byte(plain)))
				}
				if diff := cmp.Diff(want, made.Prove(ring)); diff != "" {
					t.Fatalf("the proof (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// generated answers the one generated secret among what is shown.
func generated(t *testing.T, made authtype.Made) (plain string) {
	t.Helper()
	raw, err := json.Marshal(made.Shown)
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range config(string(raw)) {
		var text string
		if json.Unmarshal(value, &text) == nil && secret.Check(text) == nil {
			plain = text
		}
	}
	if plain == "" {
		t.Fatalf("no generated secret is shown: %s", raw)
	}
	return plain
}

func TestAPatchMayRepeatWhatIsShown(t *testing.T) {
	for _, authType := range authtype.All {
		t.Run(authType.Name(), func(t *testing.T) {
			made, err := authType.Issue("cred_1", config(least[authType.Name()]))
			if err != nil {
				t.Fatal(err)
			}
			for what, patch := range map[string]authtype.Config{
				"all of it": config(string(made.Config)), "nothing": {}, "the defaults": authType.Members().Defaults(),
			} {
				same, err := authType.Configure(made.Config, patch)
				if err != nil || string(same) != string(made.Config) {
					t.Fatalf("%s makes %s of %s: %v", what, same, made.Config, err)
				}
			}
		})
	}
}

func TestAPatchChangesNeitherIdentifierNorSecret(t *testing.T) {
	for _, authType := range authtype.All {
		made, err := authType.Issue("cred_1", config(least[authType.Name()]))
		if err != nil {
			t.Fatal(err)
		}
		members := authType.Members()
		for _, name := range slices.Concat(members.Identifiers, members.Secrets) {
			for _, value := range []string{`"another value, 0123456789"`, `null`, `7`, `""`} {
				t.Run(authType.Name()+" "+name+" to "+value, func(t *testing.T) {
					patch := authtype.Config{name: json.RawMessage(value)}
					_, err := authType.Configure(made.Config, patch)
					refused(t, err, domain.ErrIdentifierImmutable, "body.config."+name, patch)
				})
			}
		}
		for _, name := range members.Identifiers {
			_, err := authType.Rotate(made.Config, authtype.Config{name: json.RawMessage(`"x"`)})
			refused(t, err, domain.ErrIdentifierImmutable, "body.config."+name, nil)
		}
		for _, name := range members.Settings {
			_, err := authType.Rotate(made.Config, authtype.Config{name: json.RawMessage(`null`)})
			refused(t, err, domain.ErrInvalid, "body.config."+name, nil)
		}
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
		"the date of the request":     {domain.Placement{In: "header", Name: "x-gateway-date"}, false},
		"a signature":                 {domain.Placement{In: "header", Name: "Signature"}, false},
		"a digest":                    {domain.Placement{In: "header", Name: "content_digest"}, false},
		"scopes":                      {domain.Placement{In: "header", Name: "X-Token-Scopes"}, false},
		"nowhere":                     {domain.Placement{In: "trailer", Name: "X"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			placed, err := authtype.APIKey{}.Place(&c.placement, nil)
			if c.fine && (err != nil || placed != c.placement) || !c.fine && !errors.Is(err, domain.ErrInvalid) {
				t.Fatalf("placed %v: %v", placed, err)
			}
		})
	}
}

func TestPlacementsOfTheOthers(t *testing.T) {
	for _, c := range []struct {
		authType authtype.Type
		config   string
		asked    string
		want     string // empty: refused
	}{
		{authtype.Basic{}, `{}`, "", "header Authorization"},
		{authtype.Basic{}, `{}`, "header authorization", "header Authorization"},
		{authtype.Basic{}, `{}`, "header X-Key", ""},
		{authtype.Basic{}, `{}`, "query a", ""},
		{authtype.Basic{}, `{}`, "cookie a", ""},
		{authtype.Basic{}, `{}`, "body a", ""},
		{authtype.JWT{}, `{}`, "", "header Authorization"},
		{authtype.JWT{}, `{}`, "header X-Token", "header X-Token"},
		{authtype.JWT{}, `{}`, "header Host", ""},
		{authtype.JWT{}, `{}`, "query jwt", "query jwt"},
		{authtype.JWT{}, `{}`, "query a&b", ""},
		{authtype.JWT{}, `{}`, "cookie jwt", "cookie jwt"},
		{authtype.JWT{}, `{}`, "body jwt", ""},
		{authtype.HMAC{}, `{"scheme":"aksk"}`, "", "header Authorization"},
		{authtype.HMAC{}, `{"scheme":"aksk"}`, "header Signature", ""},
		{authtype.HMAC{}, `{"scheme":"signature"}`, "", "header Authorization"},
		{authtype.HMAC{}, `{"scheme":"signature"}`, "header AUTHORIZATION", "header Authorization"},
		{authtype.HMAC{}, `{"scheme":"rfc9421"}`, "", "header Signature"},
		{authtype.HMAC{}, `{"scheme":"rfc9421"}`, "header signature", "header Signature"},
		{authtype.HMAC{}, `{"scheme":"rfc9421"}`, "header Authorization", ""},
		{authtype.HMAC{}, `{"scheme":"aksk"}`, "body a", ""},
		{authtype.OAuth2{}, `{}`, "", "header Authorization"},
		{authtype.OAuth2{}, `{}`, "header X-Token", ""},
		{authtype.OAuth2{}, `{}`, "body a", ""},
	} {
		t.Run(c.authType.Name()+" "+c.config+" "+c.asked, func(t *testing.T) {
			var asked *domain.Placement
			if in, name, ok := strings.Cut(c.asked, " "); ok {
				asked = &domain.Placement{In: in, Name: name}
			}
			at, err := c.authType.Place(asked, json.RawMessage(c.config))
			if c.want == "" {
				if !errors.Is(err, domain.ErrInvalid) {
					t.Fatalf("placed %v: %v", at, err)
				}
				return
			}
			if got := at.In + " " + at.Name; err != nil || got != c.want {
				t.Fatalf("placed in %s: %v", got, err)
			}
		})
	}
}

// FuzzConfig: whatever comes in, a type makes something of it that can be sealed
// and is within its own bounds, or refuses it without showing a value; and what
// it has made it can rotate and configure.
func FuzzConfig(f *testing.F) {
	for _, seed := range []string{
		`{"key":"0123456789abcdef"}`, `{"key_sha256":"` + strings.Repeat("ab", 32) + `"}`,
		`{"username":"u","password":"correct horse"}`, `{"password_hash":"$2b$04$......................................................"}`,
		`{"key":null,"password":7}`,
		`{"key":"k","algorithm":"HS512","secret":"c2hvcnQgb25l","secret_base64":true,"audience":"a","claims_to_verify":["exp"],"leeway_seconds":5}`,
		`{"key":"k","algorithm":"EdDSA","public_key":"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n"}`,
		`{"scheme":"signature","access_key":"AK","secret_key":"my-secret-key","allowed_algorithms":["hmac-sha1"],"clock_skew_seconds":0}`,
		`{"client_id":"c","client_secret":"my client secret","scopes":["read","write"],"token_ttl_seconds":60,"refresh_ttl_seconds":0}`,
	} {
		f.Add(seed, `{"leeway_seconds":null,"scheme":"rfc9421","scopes":["a"],"algorithm":"HS384"}`)
	}
	ring := secret.New()
	f.Fuzz(func(t *testing.T, text, patch string) {
		var given, change authtype.Config
		if json.Unmarshal([]byte(text), &given) != nil || json.Unmarshal([]byte(patch), &change) != nil {
			return
		}
		for _, authType := range authtype.All {
			made, err := authType.Issue("cred_1", given)
			if err != nil {
				unrepeated(t, authType, err, given)
				continue
			}
			holds(t, authType, ring, made)
			if changed, err := authType.Configure(made.Config, change); err != nil {
				unrepeated(t, authType, err, change)
			} else if made.Config = changed; !json.Valid(changed) {
				t.Fatalf("%s has the config %s", authType.Name(), changed)
			}
			if again, err := authType.Rotate(made.Config, nil); err == nil {
				holds(t, authType, ring, again)
			} else if unrepeated(t, authType, err, nil); !strings.Contains(string(made.Config), "public_key") {
				t.Fatalf("%s cannot be rotated: %v", authType.Name(), err)
			}
		}
	})
}

func holds(t *testing.T, authType authtype.Type, ring *secret.Ring, made authtype.Made) {
	t.Helper()
	identifier, unique, err := authType.Unique(domain.Settings{Config: made.Config})
	if err != nil || identifier != made.Identifier || unique != made.Unique || len(made.Hint) > 20 || len(made.Config) > 32<<10 {
		t.Fatalf("%s has the identifier %q, %v, the config %s: %v", authType.Name(), identifier, unique, made.Config, err)
	}
	if _, err := authType.Place(nil, made.Config); err != nil {
		t.Fatalf("%s has no placement: %v", authType.Name(), err)
	}
	if name := authType.Name(); made.Digested == nil && (name == credential.TypeBasic || name == credential.TypeOAuth2) {
		return // argon2id of what was chosen, or a hash that came: slow, and tested elsewhere
	}
	if _, err := ring.SealProof("cred_1.1", made.Prove(ring)); err != nil {
		t.Fatalf("%s cannot be sealed: %v", authType.Name(), err)
	}
}

func unrepeated(t *testing.T, authType authtype.Type, err error, given authtype.Config) {
	t.Helper()
	if !errors.Is(err, domain.ErrInvalid) && !errors.Is(err, domain.ErrIdentifierImmutable) {
		t.Fatalf("%s: %v", authType.Name(), err)
	}
	for _, value := range given {
		var plain string
		if json.Unmarshal(value, &plain) == nil && len(plain) > 16 && strings.Contains(err.Error(), plain) {
			t.Fatalf("%s: the refusal shows a value: %v", authType.Name(), err)
		}
	}
}
