package authtype_test

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/credential/internal/authtype"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
)

// keys are key pairs by what they are, made once.
var keys = sync.OnceValue(func() map[string]crypto.Signer {
	made := map[string]crypto.Signer{}
	for name, curve := range map[string]elliptic.Curve{
		"P-224": elliptic.P224(), "P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521(),
	} {
		made[name] = must(ecdsa.GenerateKey(curve, rand.Reader))
	}
	_, made["Ed25519"], _ = ed25519.GenerateKey(rand.Reader)
	made["RSA"] = must(rsa.GenerateKey(rand.Reader, 2048))
	return made
})

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func encodePEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// public is the PEM of a public key in its usual form.
func public(key any) string { return encodePEM("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(key))) }

// with makes a config of a JWT credential.
func with(members map[string]any) authtype.Config {
	all := map[string]any{"key": "billing"}
	maps.Copy(all, members)
	return config(string(must(json.Marshal(all))))
}

type object = map[string]any

func TestEachAlgorithmTakesKeysOfItsKind(t *testing.T) {
	fits := map[string]string{
		"RS256": "RSA", "RS384": "RSA", "RS512": "RSA", "PS256": "RSA", "PS384": "RSA", "PS512": "RSA",
		"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "EdDSA": "Ed25519",
	}
	for algorithm, kind := range fits {
		t.Run(algorithm, func(t *testing.T) {
			for name, key := range keys() {
				given := with(object{"algorithm": algorithm, "public_key": public(key.Public())})
				made, err := authtype.JWT{}.Issue("cred_1", given)
				if name != kind {
					refused(t, err, domain.ErrInvalid, "body.config.public_key", given)
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				var kept authtype.JWTConfig
				if err := json.Unmarshal(made.Config, &kept); err != nil || kept.PublicKey != public(key.Public()) || kept.Algorithm != algorithm {
					t.Fatalf("it is kept as %s: %v", made.Config, err)
				}
				if shown := string(must(json.Marshal(made.Shown))); shown != `{"key":"billing"}` || !strings.HasPrefix(made.Hint, "sha256:") {
					t.Fatalf("shown %s, hint %s", shown, made.Hint)
				}
				if proof := made.Prove(secret.New()); proof.Kind != secret.ProofPublic || !bytes.Equal(proof.Key, must(x509.MarshalPKIXPublicKey(key.Public()))) {
					t.Fatalf("it is proved by %s", proof.Kind)
				}
			}
		})
	}
}

func TestFormsOfPublicKeys(t *testing.T) {
	rsaKey := keys()["RSA"].(*rsa.PrivateKey)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	certificate := encodePEM("CERTIFICATE", must(x509.CreateCertificate(rand.Reader, template, template, rsaKey.Public(), rsaKey)))
	pkcs1 := encodePEM("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey))
	plain := public(rsaKey.Public())
	for name, text := range map[string]string{
		"PKIX": plain, "PKCS #1": pkcs1, "a certificate": certificate, "with blank lines around": "\n\n" + plain + "\n \n",
		"with lines that end as on Windows": strings.ReplaceAll(plain, "\n", "\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			made, err := authtype.JWT{}.Issue("", with(object{"algorithm": "RS256", "public_key": text}))
			if err != nil || !strings.Contains(string(made.Config), string(must(json.Marshal(plain)))) {
				t.Fatalf("it is kept as %s: %v", made.Config, err)
			}
		})
	}
	refusals := map[string]string{
		"nothing":              "",
		"no PEM":               "not a key at all",
		"two keys":             plain + plain,
		"a key and more":       plain + "and more",
		"something before it":  "# my key\n" + plain,
		"a request":            encodePEM("CERTIFICATE REQUEST", []byte{1, 2, 3}),
		"garbage in a PEM":     encodePEM("PUBLIC KEY", []byte("garbage")),
		"an empty PEM":         encodePEM("PUBLIC KEY", nil),
		"a PEM cut off":        plain[:len(plain)/2],
		"a megabyte":           strings.Repeat(plain, 2000),
		"another kind of key":  public(must(ecdh.X25519().GenerateKey(rand.Reader)).Public()),
		"an RSA key of 1024":   public(&rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 1023, 1), E: 65537}),
		"an RSA key of 2047":   public(&rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 2046, 1), E: 65537}),
		"an RSA key of 16384":  public(&rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 16383, 1), E: 65537}),
		"an exponent of 1":     public(&rsa.PublicKey{N: rsaKey.N, E: 1}),
		"an even exponent":     public(&rsa.PublicKey{N: rsaKey.N, E: 4}),
		"an even modulus":      public(&rsa.PublicKey{N: new(big.Int).Add(rsaKey.N, big.NewInt(1)), E: 3}),
		"an elliptic key":      public(keys()["P-256"].Public()),
		"an RSA key elsewhere": encodePEM("CERTIFICATE", x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey)),
	}
	for name, text := range refusals {
		t.Run(name, func(t *testing.T) {
			given := with(object{"algorithm": "RS256", "public_key": text})
			_, err := authtype.JWT{}.Issue("", given)
			refused(t, err, domain.ErrInvalid, "body.config.public_key", given)
		})
	}
}

func TestAPrivateKeyIsRefusedAndNotRepeated(t *testing.T) {
	rsaKey, ecKey, edKey := keys()["RSA"].(*rsa.PrivateKey), keys()["P-256"].(*ecdsa.PrivateKey), keys()["Ed25519"]
	pkcs8 := func(key any) []byte { return must(x509.MarshalPKCS8PrivateKey(key)) }
	for name, c := range map[string]struct {
		algorithm string
		text      string
	}{
		"PKCS #8, RSA":               {"RS256", encodePEM("PRIVATE KEY", pkcs8(rsaKey))},
		"PKCS #8, elliptic":          {"ES256", encodePEM("PRIVATE KEY", pkcs8(ecKey))},
		"PKCS #8, Ed25519":           {"EdDSA", encodePEM("PRIVATE KEY", pkcs8(edKey))},
		"PKCS #1":                    {"PS256", encodePEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey))},
		"SEC 1":                      {"ES256", encodePEM("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(ecKey)))},
		"an encrypted one":           {"RS256", encodePEM("ENCRYPTED PRIVATE KEY", []byte{1, 2, 3})},
		"behind the public one":      {"ES256", public(ecKey.Public()) + encodePEM("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(ecKey)))},
		"PKCS #8 under another name": {"ES256", encodePEM("PUBLIC KEY", pkcs8(ecKey))},
		"PKCS #1 under another name": {"RS256", encodePEM("RSA PUBLIC KEY", x509.MarshalPKCS1PrivateKey(rsaKey))},
		"SEC 1 under another name":   {"ES256", encodePEM("CERTIFICATE", must(x509.MarshalECPrivateKey(ecKey)))},
	} {
		t.Run(name, func(t *testing.T) {
			given := with(object{"algorithm": c.algorithm, "public_key": c.text})
			_, err := authtype.JWT{}.Issue("", given)
			refused(t, err, domain.ErrInvalid, "body.config.public_key", given)
			if !strings.Contains(err.Error(), "private key") {
				t.Fatalf("it does not say what is wrong: %v", err)
			}
			for line := range strings.Lines(c.text) {
				if line = strings.TrimSpace(line); len(line) > 20 && strings.Contains(err.Error(), line) {
					t.Fatalf("it repeats the key: %v", err)
				}
			}
		})
	}
}

func TestSharedSecretsOfTokens(t *testing.T) {
	raw := func(n int) []byte { return bytes.Repeat([]byte{0xfb}, n) }
	std, url := base64.StdEncoding.EncodeToString, base64.RawURLEncoding.EncodeToString
	for name, c := range map[string]struct {
		given object
		key   []byte
		short bool
	}{
		"a text":                                      {object{"secret": "correct horse battery staple ok!"}, []byte("correct horse battery staple ok!"), false},
		"a text that is no ASCII":                     {object{"secret": strings.Repeat("é", 16)}, []byte(strings.Repeat("é", 16)), false},
		"one of 8 bytes":                              {object{"secret": "12345678"}, []byte("12345678"), true},
		"one byte less than the hash":                 {object{"secret": strings.Repeat("s", 31)}, []byte(strings.Repeat("s", 31)), true},
		"long enough for HS256 and short for HS384":   {object{"algorithm": "HS384", "secret": strings.Repeat("s", 47)}, []byte(strings.Repeat("s", 47)), true},
		"as long as the hash of HS512":                {object{"algorithm": "HS512", "secret": strings.Repeat("s", 64)}, []byte(strings.Repeat("s", 64)), false},
		"base64":                                      {object{"secret": std(raw(32)), "secret_base64": true}, raw(32), false},
		"base64 that is short once decoded":           {object{"secret": std(raw(31)), "secret_base64": true}, raw(31), true},
		"base64 without padding":                      {object{"secret": strings.TrimRight(std(raw(34)), "="), "secret_base64": true}, raw(34), false},
		"base64 of the other alphabet":                {object{"secret": url(raw(34)), "secret_base64": true}, raw(34), false},
		"base64, said to be none":                     {object{"secret": std(raw(32)), "secret_base64": false}, []byte(std(raw(32))), false},
		"one of 1024 bytes":                           {object{"secret": strings.Repeat("s", 1024)}, []byte(strings.Repeat("s", 1024)), false},
		"one whose other members are explicitly none": {object{"secret": strings.Repeat("s", 32), "public_key": nil, "audience": nil}, []byte(strings.Repeat("s", 32)), false},
	} {
		t.Run(name, func(t *testing.T) {
			made, err := authtype.JWT{}.Issue("", with(c.given))
			if err != nil {
				t.Fatal(err)
			}
			if proof := made.Prove(secret.New()); proof.Kind != secret.ProofShared || !bytes.Equal(proof.Key, c.key) {
				t.Fatalf("the key has %d bytes, want %d", len(proof.Key), len(c.key))
			}
			if short := slices.Equal(made.Warnings, []string{"secret_short"}); short != c.short || len(made.Warnings) > 1 || made.Hint != "" {
				t.Fatalf("warnings %v, hint %q", made.Warnings, made.Hint)
			}
			var shown struct{ Secret string }
			if err := json.Unmarshal(must(json.Marshal(made.Shown)), &shown); err != nil || shown.Secret != c.given["secret"] {
				t.Fatalf("shown %v: %v", made.Shown, err)
			}
		})
	}
	for algorithm, size := range map[string]int{"HS256": 32, "HS384": 48, "HS512": 64} {
		t.Run("a generated base64 of "+algorithm+" is as long as its hash", func(t *testing.T) {
			made, err := authtype.JWT{}.Issue("", with(object{"algorithm": algorithm, "secret_base64": true}))
			if err != nil {
				t.Fatal(err)
			}
			var shown struct{ Secret string }
			if err := json.Unmarshal(must(json.Marshal(made.Shown)), &shown); err != nil {
				t.Fatal(err)
			}
			key := must(base64.StdEncoding.DecodeString(shown.Secret))
			if len(key) != size || !bytes.Equal(key, made.Prove(secret.New()).Key) || len(made.Warnings) > 0 || made.Hint != secret.Hint(shown.Secret) {
				t.Fatalf("the key has %d bytes, warnings %v, hint %s", len(key), made.Warnings, made.Hint)
			}
		})
	}
}

func TestBadConfigsOfJWT(t *testing.T) {
	long := strings.Repeat("k", 513)
	ed := public(keys()["Ed25519"].Public())
	for name, c := range map[string]struct {
		given object
		at    string
	}{
		"no key":                       {object{"key": nil}, "key"},
		"an empty key":                 {object{"key": ""}, "key"},
		"a long key":                   {object{"key": long}, "key"},
		"a key with a bell":            {object{"key": "a\u0007"}, "key"},
		"a key that is a number":       {object{"key": 7}, "key"},
		"an unknown algorithm":         {object{"algorithm": "HS1"}, "algorithm"},
		"none":                         {object{"algorithm": "none"}, "algorithm"},
		"an algorithm in lower case":   {object{"algorithm": "hs256"}, "algorithm"},
		"an empty algorithm":           {object{"algorithm": ""}, "algorithm"},
		"a short secret":               {object{"secret": "1234567"}, "secret"},
		"an empty secret":              {object{"secret": ""}, "secret"},
		"a long secret":                {object{"secret": strings.Repeat("s", 1025)}, "secret"},
		"a secret that is a number":    {object{"secret": 1234567890123456}, "secret"},
		"a secret that is no base64":   {object{"secret": "this is no base64!", "secret_base64": true}, "secret"},
		"base64 of two lines":          {object{"secret": "AAAAAAAA\nAAAAAAAA", "secret_base64": true}, "secret"},
		"base64 of two alphabets":      {object{"secret": "AAAAAAAAAAA+AAA_", "secret_base64": true}, "secret"},
		"base64 padded in the middle":  {object{"secret": "AAAAAAA=AAAAAAAA", "secret_base64": true}, "secret"},
		"base64 padded too much":       {object{"secret": "AAAAAAAAAAAAA===", "secret_base64": true}, "secret"},
		"base64 with bits to spare":    {object{"secret": "AAAAAAAAAAAAAAB=", "secret_base64": true}, "secret"},
		"base64 that is short":         {object{"secret": "AAAAAAAA", "secret_base64": true}, "secret"},
		"secret_base64 as a text":      {object{"secret_base64": "true"}, "secret_base64"},
		"a public key as secret":       {object{"secret": ed}, "secret"},
		"a public key for HS256":       {object{"public_key": ed}, "public_key"},
		"a secret for EdDSA":           {object{"algorithm": "EdDSA", "public_key": ed, "secret": "12345678"}, "secret"},
		"secret_base64 for EdDSA":      {object{"algorithm": "EdDSA", "public_key": ed, "secret_base64": true}, "secret_base64"},
		"no public key for EdDSA":      {object{"algorithm": "EdDSA"}, "public_key"},
		"a public key that is a list":  {object{"algorithm": "EdDSA", "public_key": []string{ed}}, "public_key"},
		"an empty claim":               {object{"key_claim": ""}, "key_claim"},
		"a long claim":                 {object{"key_claim": long}, "key_claim"},
		"a claim with a line feed":     {object{"key_claim": "a\n"}, "key_claim"},
		"the claim exp":                {object{"key_claim": "exp"}, "key_claim"},
		"the claim nbf":                {object{"key_claim": "nbf"}, "key_claim"},
		"the claim iat":                {object{"key_claim": "iat"}, "key_claim"},
		"the claim aud, and audience":  {object{"key_claim": "aud", "audience": "a"}, "key_claim"},
		"an empty audience":            {object{"audience": ""}, "audience"},
		"a long audience":              {object{"audience": long}, "audience"},
		"several audiences":            {object{"audience": []string{"a", "b"}}, "audience"},
		"a claim that is not verified": {object{"claims_to_verify": []string{"exp", "iat"}}, "claims_to_verify"},
		"a claim verified twice":       {object{"claims_to_verify": []string{"exp", "exp"}}, "claims_to_verify"},
		"a claim that is no list":      {object{"claims_to_verify": "exp"}, "claims_to_verify"},
		"a claim that is null":         {object{"claims_to_verify": []any{nil}}, "claims_to_verify"},
		"a leeway before now":          {object{"leeway_seconds": -1}, "leeway_seconds"},
		"a leeway over an hour":        {object{"leeway_seconds": 3601}, "leeway_seconds"},
		"a leeway of half a second":    {object{"leeway_seconds": 0.5}, "leeway_seconds"},
		"a leeway of 1e99":             {object{"leeway_seconds": json.Number("1e99")}, "leeway_seconds"},
		"a leeway as a text":           {object{"leeway_seconds": "5"}, "leeway_seconds"},
	} {
		t.Run(name, func(t *testing.T) {
			given := with(c.given)
			_, err := authtype.JWT{}.Issue("cred_1", given)
			refused(t, err, domain.ErrInvalid, "body.config."+c.at, given)
		})
	}
}

func TestWhatIsKeptOfAJWT(t *testing.T) {
	for name, c := range map[string]struct {
		given object
		want  string
	}{
		"the defaults": {object{}, `{"algorithm":"HS256","key":"billing","key_claim":"iss","leeway_seconds":0}`},
		"all of it": {
			object{"algorithm": "HS512", "key_claim": "sub", "audience": "api", "claims_to_verify": []string{"nbf", "exp"}, "leeway_seconds": 3600},
			`{"algorithm":"HS512","key":"billing","key_claim":"sub","audience":"api","claims_to_verify":["exp","nbf"],"leeway_seconds":3600}`,
		},
		"the bounds": {
			object{"key": strings.Repeat("é", 512), "key_claim": "k", "claims_to_verify": []string{}},
			`{"algorithm":"HS256","key":"` + strings.Repeat("é", 512) + `","key_claim":"k","leeway_seconds":0}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			made, err := authtype.JWT{}.Issue("", with(c.given))
			if err != nil || string(made.Config) != c.want {
				t.Fatalf("it is %s: %v", made.Config, err)
			}
		})
	}
}

func TestSettingsOfAJWTChangeAndItsKeyDoesNot(t *testing.T) {
	rsaKey, ed := public(keys()["RSA"].Public()), public(keys()["Ed25519"].Public())
	shared := object{"algorithm": "HS256", "key_claim": "sub", "audience": "api", "claims_to_verify": []string{"exp"}, "leeway_seconds": 5}
	for name, c := range map[string]struct {
		given object
		patch string
		want  string // empty: refused
		at    string
	}{
		"another hash":        {shared, `{"algorithm":"HS512"}`, `"algorithm":"HS512"`, ""},
		"the usual hash":      {object{"algorithm": "HS512"}, `{"algorithm":null}`, `"algorithm":"HS256"`, ""},
		"from RS to PS":       {object{"algorithm": "RS256", "public_key": rsaKey}, `{"algorithm":"PS512"}`, `"algorithm":"PS512"`, ""},
		"from PS to RS":       {object{"algorithm": "PS256", "public_key": rsaKey}, `{"algorithm":"RS256"}`, `"algorithm":"RS256"`, ""},
		"another claim":       {shared, `{"key_claim":"azp"}`, `"key_claim":"azp"`, ""},
		"the usual claim":     {shared, `{"key_claim":null}`, `"key_claim":"iss"`, ""},
		"any audience":        {shared, `{"audience":null}`, `"key_claim":"sub","claims_to_verify"`, ""},
		"no claim to verify":  {shared, `{"claims_to_verify":null}`, `"audience":"api","leeway_seconds"`, ""},
		"other claims":        {shared, `{"claims_to_verify":["nbf","exp"]}`, `"claims_to_verify":["exp","nbf"]`, ""},
		"no leeway":           {shared, `{"leeway_seconds":null}`, `"leeway_seconds":0`, ""},
		"several at once":     {shared, `{"leeway_seconds":9,"audience":"b"}`, `"audience":"b","claims_to_verify":["exp"],"leeway_seconds":9`, ""},
		"from HS to RS":       {shared, `{"algorithm":"RS256"}`, "", "algorithm"},
		"from RS to HS":       {object{"algorithm": "RS256", "public_key": rsaKey}, `{"algorithm":"HS256"}`, "", "algorithm"},
		"from RS to default":  {object{"algorithm": "RS256", "public_key": rsaKey}, `{"algorithm":null}`, "", "algorithm"},
		"from RS to ES":       {object{"algorithm": "RS256", "public_key": rsaKey}, `{"algorithm":"ES256"}`, "", "algorithm"},
		"from EdDSA to ES":    {object{"algorithm": "EdDSA", "public_key": ed}, `{"algorithm":"ES256"}`, "", "algorithm"},
		"from ES256 to ES384": {object{"algorithm": "ES256", "public_key": public(keys()["P-256"].Public())}, `{"algorithm":"ES384"}`, "", "algorithm"},
		"to none":             {shared, `{"algorithm":"none"}`, "", "algorithm"},
		"to a bad leeway":     {shared, `{"leeway_seconds":-1}`, "", "leeway_seconds"},
		"aud, with audience":  {shared, `{"key_claim":"aud"}`, "", "key_claim"},
		"an unknown setting":  {shared, `{"colour":"red"}`, "", "colour"},
	} {
		t.Run(name, func(t *testing.T) {
			made, err := authtype.JWT{}.Issue("", with(c.given))
			if err != nil {
				t.Fatal(err)
			}
			after, err := authtype.JWT{}.Configure(made.Config, config(c.patch))
			if c.want == "" {
				refused(t, err, domain.ErrInvalid, "body.config."+c.at, config(c.patch))
				return
			}
			if err != nil || !strings.Contains(string(after), c.want) || !strings.Contains(string(after), `"key":"billing"`) {
				t.Fatalf("it is %s: %v", after, err)
			}
		})
	}
}

func TestARotationOfAJWTTakesAKeyOfTheSameKind(t *testing.T) {
	other := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	first, err := authtype.JWT{}.Issue("", with(object{"algorithm": "ES256", "public_key": public(keys()["P-256"].Public()), "leeway_seconds": 5}))
	if err != nil {
		t.Fatal(err)
	}
	rotated, err := authtype.JWT{}.Rotate(first.Config, authtype.Config{"public_key": must(json.Marshal(public(other.Public())))})
	if err != nil {
		t.Fatal(err)
	}
	var kept authtype.JWTConfig
	if err := json.Unmarshal(rotated.Config, &kept); err != nil || kept.PublicKey != public(other.Public()) || kept.LeewaySeconds != 5 {
		t.Fatalf("the config is %s: %v", rotated.Config, err)
	}
	if rotated.Hint == first.Hint || rotated.Prove(secret.New()).Kind != secret.ProofPublic {
		t.Fatalf("the hint is %s", rotated.Hint)
	}
	for name, text := range map[string]string{
		"another curve": public(keys()["P-384"].Public()), "another kind": public(keys()["RSA"].Public()),
		"a private key": encodePEM("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(other))),
	} {
		t.Run(name, func(t *testing.T) {
			given := authtype.Config{"public_key": must(json.Marshal(text))}
			_, err := authtype.JWT{}.Rotate(first.Config, given)
			refused(t, err, domain.ErrInvalid, "body.config.public_key", given)
		})
	}
	t.Run("nothing", func(t *testing.T) {
		_, err := authtype.JWT{}.Rotate(first.Config, nil)
		refused(t, err, domain.ErrInvalid, "body.config.public_key", nil)
	})
	t.Run("a secret", func(t *testing.T) {
		_, err := authtype.JWT{}.Rotate(first.Config, config(`{"secret":"0123456789abcdef"}`))
		refused(t, err, domain.ErrInvalid, "body.config.secret", nil)
	})
	t.Run("of a shared secret, chosen and short", func(t *testing.T) {
		shared, err := authtype.JWT{}.Issue("", with(nil))
		if err != nil {
			t.Fatal(err)
		}
		again, err := authtype.JWT{}.Rotate(shared.Config, config(`{"secret":"c2hvcnQgb25l","secret_base64":true}`))
		if err != nil || string(again.Prove(secret.New()).Key) != "short one" || len(again.Warnings) != 1 || string(again.Config) != string(shared.Config) {
			t.Fatalf("rotated to %v: %v", again.Warnings, err)
		}
	})
}
