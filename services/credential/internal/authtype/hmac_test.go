package authtype_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/credential/internal/authtype"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
)

func TestWhatIsKeptOfAnHMAC(t *testing.T) {
	for name, c := range map[string]struct{ given, want string }{
		"the defaults": {`{}`, `{"scheme":"aksk","access_key":"cred_1","clock_skew_seconds":300,"allowed_algorithms":["hmac-sha256"],"require_digest":false,"replay_protection":true}`},
		"signature": {
			`{"scheme":"signature","access_key":"my-access-key"}`,
			`{"scheme":"signature","access_key":"my-access-key","clock_skew_seconds":300,"allowed_algorithms":["hmac-sha256","hmac-sha512"],"require_digest":false,"replay_protection":true}`,
		},
		"signature, with all chosen": {
			`{"scheme":"signature","access_key":"AK/+=~","clock_skew_seconds":0,"allowed_algorithms":["hmac-sha512","hmac-sha1"],"require_digest":true,"replay_protection":false}`,
			`{"scheme":"signature","access_key":"AK/+=~","clock_skew_seconds":0,"allowed_algorithms":["hmac-sha1","hmac-sha512"],"require_digest":true,"replay_protection":false}`,
		},
		"rfc9421": {
			`{"scheme":"rfc9421","access_key":"` + strings.Repeat("k", 256) + `","clock_skew_seconds":3600,"allowed_algorithms":["hmac-sha256"]}`,
			`{"scheme":"rfc9421","access_key":"` + strings.Repeat("k", 256) + `","clock_skew_seconds":3600,"allowed_algorithms":["hmac-sha256"],"require_digest":false,"replay_protection":true}`,
		},
		"nulls": {
			`{"scheme":null,"access_key":null,"secret_key":null,"clock_skew_seconds":null,"allowed_algorithms":null,"require_digest":null,"replay_protection":null}`,
			`{"scheme":"aksk","access_key":"cred_1","clock_skew_seconds":300,"allowed_algorithms":["hmac-sha256"],"require_digest":false,"replay_protection":true}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			made, err := authtype.HMAC{}.Issue("cred_1", config(c.given))
			if err != nil || string(made.Config) != c.want {
				t.Fatalf("it is %s: %v", made.Config, err)
			}
		})
	}
}

func TestSecretKeysOfAnHMAC(t *testing.T) {
	for _, key := range []string{"my-secret-key", "12345678", strings.Repeat("s", 512), "schlüssel ✓"} {
		given := authtype.Config{"secret_key": must(json.Marshal(key)), "access_key": json.RawMessage(`"AK"`)}
		made, err := authtype.HMAC{}.Issue("cred_1", given)
		if err != nil {
			t.Fatal(err)
		}
		if proof := made.Prove(secret.New()); proof.Kind != secret.ProofShared || string(proof.Key) != key || made.Hint != "" || made.Digested != nil {
			t.Fatalf("%q is proved by %s, its hint is %q", key, proof.Kind, made.Hint)
		}
		if shown := string(must(json.Marshal(made.Shown))); shown != `{"access_key":"AK","secret_key":`+string(given["secret_key"])+`}` {
			t.Fatalf("shown %s", shown)
		}
		rotated, err := authtype.HMAC{}.Rotate(made.Config, authtype.Config{"secret_key": given["secret_key"]})
		if err != nil || string(rotated.Prove(secret.New()).Key) != key || string(rotated.Config) != string(made.Config) {
			t.Fatalf("rotated to %s: %v", rotated.Config, err)
		}
	}
}

func TestBadConfigsOfHMAC(t *testing.T) {
	for name, c := range map[string]struct{ given, at string }{
		"an unknown scheme":               {`{"scheme":"sigv4"}`, "scheme"},
		"an empty access key":             {`{"access_key":""}`, "access_key"},
		"a long access key":               {`{"access_key":"` + strings.Repeat("k", 257) + `"}`, "access_key"},
		"an access key with a comma":      {`{"access_key":"a,b"}`, "access_key"},
		"an access key with a space":      {`{"access_key":"a b"}`, "access_key"},
		"an access key with a quote":      {`{"access_key":"a\"b"}`, "access_key"},
		"an access key with a backslash":  {`{"access_key":"a\\b"}`, "access_key"},
		"an access key with a semicolon":  {`{"access_key":"a;b"}`, "access_key"},
		"an access key that is not ASCII": {`{"access_key":"clé"}`, "access_key"},
		"an empty secret key":             {`{"secret_key":""}`, "secret_key"},
		"a long secret key":               {`{"secret_key":"` + strings.Repeat("s", 513) + `"}`, "secret_key"},
		"a secret key of two lines":       {`{"secret_key":"12345678\n12345678"}`, "secret_key"},
		"a secret key that is a number":   {`{"secret_key":1234567890}`, "secret_key"},
		"a skew before now":               {`{"clock_skew_seconds":-1}`, "clock_skew_seconds"},
		"a skew over an hour":             {`{"clock_skew_seconds":3601}`, "clock_skew_seconds"},
		"a skew of half a second":         {`{"clock_skew_seconds":0.5}`, "clock_skew_seconds"},
		"no algorithm":                    {`{"allowed_algorithms":[]}`, "allowed_algorithms"},
		"an unknown algorithm":            {`{"scheme":"signature","allowed_algorithms":["hmac-md5"]}`, "allowed_algorithms"},
		"sha1 for aksk":                   {`{"allowed_algorithms":["hmac-sha1"]}`, "allowed_algorithms"},
		"sha512 for rfc9421":              {`{"scheme":"rfc9421","allowed_algorithms":["hmac-sha512"]}`, "allowed_algorithms"},
		"an algorithm twice":              {`{"allowed_algorithms":["hmac-sha256","hmac-sha256"]}`, "allowed_algorithms"},
		"an algorithm that is no list":    {`{"allowed_algorithms":"hmac-sha256"}`, "allowed_algorithms"},
		"require_digest as a text":        {`{"require_digest":"yes"}`, "require_digest"},
		"replay_protection as a number":   {`{"replay_protection":1}`, "replay_protection"},
		"a key":                           {`{"key":"0123456789abcdef"}`, "key"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := authtype.HMAC{}.Issue("cred_1", config(c.given))
			refused(t, err, domain.ErrInvalid, "body.config."+c.at, config(c.given))
		})
	}
}

func TestSettingsOfAnHMACChange(t *testing.T) {
	signature := `{"scheme":"signature","allowed_algorithms":["hmac-sha1"],"require_digest":true,"replay_protection":false,"clock_skew_seconds":9}`
	for name, c := range map[string]struct{ given, patch, want, at string }{
		"the skew":              {`{}`, `{"clock_skew_seconds":0}`, `"clock_skew_seconds":0,`, ""},
		"the usual skew":        {signature, `{"clock_skew_seconds":null}`, `"clock_skew_seconds":300`, ""},
		"the usual algorithms":  {signature, `{"allowed_algorithms":null}`, `["hmac-sha256","hmac-sha512"]`, ""},
		"other algorithms":      {signature, `{"allowed_algorithms":["hmac-sha512"]}`, `["hmac-sha512"]`, ""},
		"no digest":             {signature, `{"require_digest":false}`, `"require_digest":false,"replay_protection":false`, ""},
		"replay protection":     {signature, `{"replay_protection":null}`, `"require_digest":true,"replay_protection":true`, ""},
		"the scheme":            {signature, `{"scheme":"rfc9421"}`, `"scheme":"rfc9421","access_key":"cred_1","clock_skew_seconds":9,"allowed_algorithms":["hmac-sha256"]`, ""},
		"the usual scheme":      {signature, `{"scheme":null}`, `"scheme":"aksk"`, ""},
		"scheme and algorithms": {`{}`, `{"scheme":"signature","allowed_algorithms":["hmac-sha512"]}`, `["hmac-sha512"]`, ""},
		"the same scheme":       {signature, `{"scheme":"signature"}`, `["hmac-sha1"]`, ""},
		"algorithms not its":    {signature, `{"scheme":"aksk","allowed_algorithms":["hmac-sha1"]}`, "", "allowed_algorithms"},
		"a bad skew":            {`{}`, `{"clock_skew_seconds":4000}`, "", "clock_skew_seconds"},
	} {
		t.Run(name, func(t *testing.T) {
			made, err := authtype.HMAC{}.Issue("cred_1", config(c.given))
			if err != nil {
				t.Fatal(err)
			}
			after, err := authtype.HMAC{}.Configure(made.Config, config(c.patch))
			if c.want == "" {
				refused(t, err, domain.ErrInvalid, "body.config."+c.at, config(c.patch))
			} else if err != nil || !strings.Contains(string(after), c.want) {
				t.Fatalf("it is %s: %v", after, err)
			}
		})
	}
}
