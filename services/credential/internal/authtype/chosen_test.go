package authtype_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/tidegate-io/tidegate/services/credential/internal/authtype"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
)

func TestAShortPasswordOrSecretKeyIsAcceptedWithAWarning(t *testing.T) {
	for name, c := range map[string]struct {
		kind  authtype.Type
		given string
		short bool
	}{
		"a password of one byte":     {authtype.Basic{}, `{"password":"p"}`, true},
		"a password of seven bytes":  {authtype.Basic{}, `{"password":"s:cret "}`, true},
		"a password of eight bytes":  {authtype.Basic{}, `{"password":"s:creté"}`, false},
		"a generated password":       {authtype.Basic{}, `{}`, false},
		"a secret key of one byte":   {authtype.HMAC{}, `{"secret_key":"s"}`, true},
		"a secret key of seven":      {authtype.HMAC{}, `{"secret_key":"1234567"}`, true},
		"a secret key of eight":      {authtype.HMAC{}, `{"secret_key":"12345678"}`, false},
		"a generated secret key":     {authtype.HMAC{}, `{}`, false},
		"the password of a null one": {authtype.Basic{}, `{"password":null}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			issued, err := c.kind.Issue("cred_1", config(c.given))
			if err != nil {
				t.Fatal(err)
			}
			rotated, err := c.kind.Rotate(issued.Config, config(c.given))
			if err != nil {
				t.Fatal(err)
			}
			for _, made := range []authtype.Made{issued, rotated} {
				if short := slices.Equal(made.Warnings, []string{authtype.WarnSecretShort}); short != c.short || len(made.Warnings) > 1 {
					t.Fatalf("the warnings are %v", made.Warnings)
				}
			}
		})
	}
}

func TestARotationMayRepeatWhatStays(t *testing.T) {
	for name, c := range map[string]struct {
		kind                      authtype.Type
		given, same, other, third string // third: empty when there is no setting
	}{
		"basic": {authtype.Basic{}, `{"username":"joe"}`, `{"username":"joe","password":"another one"}`, `{"username":"ann"}`, ""},
		"jwt": {
			authtype.JWT{}, `{"key":"k"}`, `{"key":"k","algorithm":"HS256","leeway_seconds":0,"secret":"another secret"}`,
			`{"key":"l"}`, `{"algorithm":"HS512"}`,
		},
		"hmac": {
			authtype.HMAC{}, `{"access_key":"a"}`, `{"access_key":"a","allowed_algorithms":["hmac-sha256"],"secret_key":"another key"}`,
			`{"access_key":"b"}`, `{"replay_protection":false}`,
		},
		"oauth2": {
			authtype.OAuth2{}, `{"client_id":"c"}`, `{"client_id":"c","scopes":[],"client_secret":"another one"}`,
			`{"client_id":"d"}`, `{"scopes":["read"]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			made, err := c.kind.Issue("cred_1", config(c.given))
			if err != nil {
				t.Fatal(err)
			}
			rotated, err := c.kind.Rotate(made.Config, config(c.same))
			if err != nil || string(rotated.Config) != string(made.Config) {
				t.Fatalf("it is %s: %v", rotated.Config, err)
			}
			if _, err := c.kind.Rotate(made.Config, config(c.other)); !errors.Is(err, domain.ErrIdentifierImmutable) {
				t.Fatalf("another identifier: %v", err)
			}
			if c.third == "" {
				return
			}
			if _, err := c.kind.Rotate(made.Config, config(c.third)); !errors.Is(err, domain.ErrInvalid) {
				t.Fatalf("another setting: %v", err)
			}
		})
	}
	t.Run("the public key, which then stays", func(t *testing.T) {
		given := with(object{"algorithm": "EdDSA", "public_key": public(keys()["Ed25519"].Public())})
		made, err := authtype.JWT{}.Issue("", given)
		if err != nil {
			t.Fatal(err)
		}
		var all authtype.Config
		if err := json.Unmarshal(made.Config, &all); err != nil {
			t.Fatal(err)
		}
		if rotated, err := (authtype.JWT{}).Rotate(made.Config, all); err != nil || string(rotated.Config) != string(made.Config) {
			t.Fatalf("it is %s: %v", rotated.Config, err)
		}
	})
}
