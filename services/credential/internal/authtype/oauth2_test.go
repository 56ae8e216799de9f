package authtype_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/tidegate-io/tidegate/services/credential/internal/authtype"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
)

// scopes are so many different ones of a length, as JSON.
func scopes(number, length int) string {
	all := make([]string, number)
	for i := range all {
		all[i] = fmt.Sprintf("%0*d", length, i)
	}
	return string(must(json.Marshal(all)))
}

func TestWhatIsKeptOfAnOAuth2Client(t *testing.T) {
	for name, c := range map[string]struct{ given, want string }{
		"the defaults": {`{}`, `{"client_id":"cred_1","scopes":[],"token_ttl_seconds":3600,"refresh_ttl_seconds":2592000}`},
		"all chosen": {
			`{"client_id":"https://client.example/id","scopes":["read","write:all","a'!~"],"token_ttl_seconds":60,"refresh_ttl_seconds":0}`,
			`{"client_id":"https://client.example/id","scopes":["read","write:all","a'!~"],"token_ttl_seconds":60,"refresh_ttl_seconds":0}`,
		},
		"the bounds": {
			`{"client_id":"` + strings.Repeat("c", 256) + `","scopes":` + scopes(15, 128) + `,"token_ttl_seconds":86400,"refresh_ttl_seconds":31536000}`,
			`{"client_id":"` + strings.Repeat("c", 256) + `","scopes":` + scopes(15, 128) + `,"token_ttl_seconds":86400,"refresh_ttl_seconds":31536000}`,
		},
		"many scopes": {`{"scopes":` + scopes(64, 3) + `}`, `{"client_id":"cred_1","scopes":` + scopes(64, 3) + `,"token_ttl_seconds":3600,"refresh_ttl_seconds":2592000}`},
		"nulls": {
			`{"client_id":null,"client_secret":null,"client_secret_hash":null,"scopes":null,"token_ttl_seconds":null,"refresh_ttl_seconds":null}`,
			`{"client_id":"cred_1","scopes":[],"token_ttl_seconds":3600,"refresh_ttl_seconds":2592000}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			made, err := authtype.OAuth2{}.Issue("cred_1", config(c.given))
			if err != nil || string(made.Config) != c.want {
				t.Fatalf("it is %s: %v", made.Config, err)
			}
		})
	}
}

func TestBadConfigsOfOAuth2(t *testing.T) {
	for name, c := range map[string]struct{ given, at string }{
		"an empty client id":            {`{"client_id":""}`, "client_id"},
		"a long client id":              {`{"client_id":"` + strings.Repeat("c", 257) + `"}`, "client_id"},
		"a client id with a space":      {`{"client_id":"a b"}`, "client_id"},
		"a client id that is not ASCII": {`{"client_id":"clé"}`, "client_id"},
		"a client id that is a number":  {`{"client_id":7}`, "client_id"},
		"a short client secret":         {`{"client_secret":"1234567"}`, "client_secret"},
		"a long client secret":          {`{"client_secret":"` + strings.Repeat("s", 257) + `"}`, "client_secret"},
		"a client secret not in ASCII":  {`{"client_secret":"schlüssel-12345678"}`, "client_secret"},
		"a secret and a hash":           {`{"client_secret":"12345678","client_secret_hash":"$2b$04$"}`, "client_secret_hash"},
		"a hash that is none":           {`{"client_secret_hash":"5f4dcc3b5aa765d61d8327deb882cf99"}`, "client_secret_hash"},
		"scopes as a text":              {`{"scopes":"read write"}`, "scopes"},
		"an empty scope":                {`{"scopes":[""]}`, "scopes"},
		"a scope with a space":          {`{"scopes":["read write"]}`, "scopes"},
		"a scope with a quote":          {`{"scopes":["a\"b"]}`, "scopes"},
		"a scope with a backslash":      {`{"scopes":["a\\b"]}`, "scopes"},
		"a scope that is not ASCII":     {`{"scopes":["lesé"]}`, "scopes"},
		"a scope twice":                 {`{"scopes":["a","a"]}`, "scopes"},
		"a long scope":                  {`{"scopes":["` + strings.Repeat("s", 129) + `"]}`, "scopes"},
		"too many scopes":               {`{"scopes":` + scopes(65, 3) + `}`, "scopes"},
		"scopes too long together":      {`{"scopes":` + scopes(16, 128) + `}`, "scopes"},
		"a token before now":            {`{"token_ttl_seconds":-1}`, "token_ttl_seconds"},
		"a token over a day":            {`{"token_ttl_seconds":86401}`, "token_ttl_seconds"},
		"a token for ever":              {`{"token_ttl_seconds":0}`, "token_ttl_seconds"},
		"a refresh before now":          {`{"refresh_ttl_seconds":-1}`, "refresh_ttl_seconds"},
		"a refresh over a year":         {`{"refresh_ttl_seconds":31536001}`, "refresh_ttl_seconds"},
		"a password":                    {`{"password":"12345678"}`, "password"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := authtype.OAuth2{}.Issue("cred_1", config(c.given))
			refused(t, err, domain.ErrInvalid, "body.config."+c.at, config(c.given))
		})
	}
}

func TestSettingsOfAnOAuth2ClientChange(t *testing.T) {
	given := `{"client_id":"c","scopes":["read"],"token_ttl_seconds":60,"refresh_ttl_seconds":0}`
	for patch, want := range map[string]string{
		`{"scopes":["write"]}`:                       `{"client_id":"c","scopes":["write"],"token_ttl_seconds":60,"refresh_ttl_seconds":0}`,
		`{"scopes":null}`:                            `{"client_id":"c","scopes":[],"token_ttl_seconds":60,"refresh_ttl_seconds":0}`,
		`{"token_ttl_seconds":null}`:                 `{"client_id":"c","scopes":["read"],"token_ttl_seconds":3600,"refresh_ttl_seconds":0}`,
		`{"refresh_ttl_seconds":9,"client_id":"c"}`:  `{"client_id":"c","scopes":["read"],"token_ttl_seconds":60,"refresh_ttl_seconds":9}`,
		`{"scopes":["a b"]}`:                         "",
		`{"token_ttl_seconds":1}`:                    `{"client_id":"c","scopes":["read"],"token_ttl_seconds":1,"refresh_ttl_seconds":0}`,
		`{"token_ttl_seconds":0}`:                    "",
		`{"refresh_ttl_seconds":31536001}`:           "",
		`{"refresh_ttl_seconds":1,"colour":"green"}`: "",
	} {
		t.Run(patch, func(t *testing.T) {
			made, err := authtype.OAuth2{}.Issue("cred_1", config(given))
			if err != nil {
				t.Fatal(err)
			}
			after, err := authtype.OAuth2{}.Configure(made.Config, config(patch))
			if (err == nil) != (want != "") || err == nil && string(after) != want {
				t.Fatalf("it is %s: %v", after, err)
			}
		})
	}
}
