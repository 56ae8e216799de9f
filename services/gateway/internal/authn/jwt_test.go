package authn_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/services/gateway/internal/authn"
	"github.com/tidegate-io/tidegate/services/gateway/internal/header"
	"github.com/tidegate-io/tidegate/services/gateway/internal/material"
)

const refused = "credential_invalid"

// RFC 7515, appendices A.1 to A.3: one payload, three algorithms.
func TestTheTokensOfRFC7515(t *testing.T) {
	decode := func(text string) []byte {
		b, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	number := func(text string) *big.Int { return new(big.Int).SetBytes(decode(text)) }
	const payload = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
	for algorithm, c := range map[string]struct {
		token string
		proof material.Proof
	}{
		"HS256": {
			"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + payload + ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
			material.Proof{Key: decode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")},
		},
		"RS256": {
			"eyJhbGciOiJSUzI1NiJ9." + payload + ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
			material.Proof{Public: &rsa.PublicKey{E: 65537, N: number("ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ")}},
		},
		"ES256": {
			"eyJhbGciOiJFUzI1NiJ9." + payload + ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
			material.Proof{Public: publicOf(t, "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")},
		},
	} {
		t.Run(algorithm, func(t *testing.T) {
			d := newDesk()
			c.proof.Version = 1
			d.jwt("joe", map[string]any{"algorithm": algorithm}, c.proof)
			if got := d.shows("Bearer "+c.token, time.Unix(1300819379, 999_999_999)); got != "joe" {
				t.Errorf("in its last second: %s", got)
			}
			if got := d.shows("Bearer "+c.token, time.Unix(1300819380, 0)); got != "joe token_expired" {
				t.Errorf("when it has expired: %s", got)
			}
		})
	}
}

func TestACredentialTakesItsOwnAlgorithmAlone(t *testing.T) {
	for has := range algorithms {
		d := newDesk()
		_, proof := signingKey(has)
		d.jwt("joe", map[string]any{"algorithm": has}, proof)
		for says := range algorithms {
			sign, _ := signingKey(says)
			want := refused
			if says == has {
				want = "joe"
			}
			if got := d.bears(compact(t, says, sign, `{"alg":"`+says+`"}`, `{"iss":"joe"}`)); got != want {
				t.Errorf("%s, where the credential has %s: %s", says, has, got)
			}
		}
	}
}

// Each attack stands beside the same token without it, which is accepted: what is
// refused is refused for the twist.
func TestAttacksOnTokens(t *testing.T) {
	d := newDesk()
	sign := map[string]any{}
	for algorithm := range algorithms {
		var proof material.Proof
		sign[algorithm], proof = signingKey(algorithm)
		d.jwt(strings.ToLower(algorithm), map[string]any{"algorithm": algorithm}, proof)
	}
	head := func(more string) string { return `{"alg":"HS256"` + more + `}` }
	body := func(more string) string { return `{"iss":"hs256"` + more + `}` }
	hs := func(head, payload string) string { return compact(t, "HS256", sign["HS256"], head, payload) }
	es := func(change func(r, s *big.Int) []byte) string {
		token := compact(t, "ES256", sign["ES256"], `{"alg":"ES256"}`, `{"iss":"es256"}`)
		signed, signature := token[:strings.LastIndexByte(token, '.')], token[strings.LastIndexByte(token, '.')+1:]
		raw, _ := base64.RawURLEncoding.DecodeString(signature)
		return signed + "." + base64.RawURLEncoding.EncodeToString(change(new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])))
	}
	fixed := func(r, s *big.Int, size int) []byte {
		return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
	}
	unsigned := func(head, signature string) string {
		return encoded(head) + "." + encoded(body("")) + "." + signature
	}
	publicDER, _ := x509.MarshalPKIXPublicKey(keys()["RSA"].Public())
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER})
	saltless := func(salt int) string {
		method := &jwt.SigningMethodRSAPSS{SigningMethodRSA: jwt.SigningMethodPS256.SigningMethodRSA, Options: &rsa.PSSOptions{SaltLength: salt}}
		signed := encoded(`{"alg":"PS256"}`) + "." + encoded(`{"iss":"ps256"}`)
		signature, err := method.Sign(signed, sign["PS256"])
		if err != nil {
			t.Fatal(err)
		}
		return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
	}
	plain := hs(head(""), body(""))
	if got := d.bears(plain); got != "hs256" {
		t.Fatalf("the plain token: %s", got)
	}
	lastOf := func(text string) string { // the same bits, and one more that counts for nothing
		const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
		at := strings.IndexByte(alphabet, text[len(text)-1])
		return text[:len(text)-1] + alphabet[at|1:at|1+1]
	}
	header, rest, _ := strings.Cut(plain, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	members := func(n int) string { // n members in all
		var b strings.Builder
		b.WriteString(`{"iss":"hs256"`)
		for i := range n - 1 {
			b.WriteString(`,"m` + strings.Repeat("x", i%3) + string(rune('a'+i%26)) + big.NewInt(int64(i)).String() + `":0`)
		}
		return b.String() + "}"
	}

	type attack struct{ twisted, straight, holder string }
	attacks := map[string]attack{
		// Another algorithm than the credential's.
		"HS256 with the public key (PEM) as secret": {
			compact(t, "HS256", publicPEM, `{"alg":"HS256"}`, `{"iss":"rs256"}`), compact(t, "RS256", sign["RS256"], `{"alg":"RS256"}`, `{"iss":"rs256"}`), "rs256"},
		"HS256 with the public key (DER) as secret": {
			compact(t, "HS256", publicDER, `{"alg":"HS256"}`, `{"iss":"rs256"}`), compact(t, "RS256", sign["RS256"], `{"alg":"RS256"}`, `{"iss":"rs256"}`), "rs256"},
		"RS256 where the credential has PS256": {compact(t, "RS256", sign["RS256"], `{"alg":"RS256"}`, `{"iss":"ps256"}`), compact(t, "PS256", sign["PS256"], `{"alg":"PS256"}`, `{"iss":"ps256"}`), "ps256"},
		"PS256 that says RS256":                {compact(t, "PS256", sign["PS256"], `{"alg":"RS256"}`, `{"iss":"rs256"}`), compact(t, "RS256", sign["RS256"], `{"alg":"RS256"}`, `{"iss":"rs256"}`), "rs256"},
		"HS512 that says HS256":                {compact(t, "HS512", sign["HS512"], head(""), body("")), plain, "hs256"},
		"an algorithm in lower case":           {hs(`{"alg":"hs256"}`, body("")), plain, "hs256"},
		"an algorithm that is no text":         {hs(`{"alg":["HS256"]}`, body("")), plain, "hs256"},
		"no algorithm":                         {hs(`{"typ":"JWT"}`, body("")), plain, "hs256"},
		"an empty secret":                      {compact(t, "HS256", []byte{}, head(""), body("")), plain, "hs256"},
		"another's secret":                     {compact(t, "HS256", []byte("another secret, which is as long"), head(""), body("")), plain, "hs256"},
		"another's key under its name":         {hs(head(""), `{"iss":"hs384"}`), plain, "hs256"},
		"PSS with a salt of another length":    {saltless(20), saltless(rsa.PSSSaltLengthEqualsHash), "ps256"},
		"PSS without a salt":                   {saltless(0), saltless(32), "ps256"},
		"a signature in DER":                   {es(func(r, s *big.Int) []byte { b, _ := asn1.Marshal(struct{ R, S *big.Int }{r, s}); return b }), es(func(r, s *big.Int) []byte { return fixed(r, s, 32) }), "es256"},
		"r and s of 0":                         {es(func(_, _ *big.Int) []byte { return make([]byte, 64) }), es(func(r, s *big.Int) []byte { return fixed(r, s, 32) }), "es256"},
		"r and s of the order":                 {es(func(_, _ *big.Int) []byte { n := elliptic.P256().Params().N; return fixed(n, n, 32) }), es(func(r, s *big.Int) []byte { return fixed(r, s, 32) }), "es256"},
		"r and s padded to 66 bytes":           {es(func(r, s *big.Int) []byte { return fixed(r, s, 66) }), es(func(r, s *big.Int) []byte { return fixed(r, s, 32) }), "es256"},
		"r and s with a byte more":             {es(func(r, s *big.Int) []byte { return append(fixed(r, s, 32), 0) }), es(func(r, s *big.Int) []byte { return fixed(r, s, 32) }), "es256"},
		"r and s with a byte less":             {es(func(r, s *big.Int) []byte { return fixed(r, s, 32)[:63] }), es(func(r, s *big.Int) []byte { return fixed(r, s, 32) }), "es256"},
		"r alone":                              {es(func(r, s *big.Int) []byte { return fixed(r, s, 32)[:32] }), es(func(r, s *big.Int) []byte { return fixed(r, s, 32) }), "es256"},
		"half of an HMAC":                      {plain[:len(plain)-22], plain, "hs256"},
		"an HMAC with a byte more":             {unsigned(head(""), base64.RawURLEncoding.EncodeToString(append(decoded(t, signature), 0))), plain, "hs256"},
		"another payload under a signature":    {header + "." + encoded(body(`,"admin":true`)) + "." + signature, hs(head(""), body(`,"admin":true`)), "hs256"},
		"another header under a signature":     {encoded(head(`,"kid":"x"`)) + "." + payload + "." + signature, hs(head(`,"kid":"x"`), body("")), "hs256"},
		// What a header asks for and is not understood.
		"crit":                              {hs(head(`,"crit":["exp"]`), body("")), hs(head(`,"Crit":["exp"]`), body("")), "hs256"},
		"an empty crit":                     {hs(head(`,"crit":[]`), body("")), plain, "hs256"},
		"a crit of null":                    {hs(head(`,"crit":null`), body("")), plain, "hs256"},
		"a crit that is spelt with escapes": {hs(head(`,"\u0063rit":["x"]`), body("")), plain, "hs256"},
		"b64 of false":                      {hs(head(`,"b64":false`), body("")), hs(head(`,"b64":true`), body("")), "hs256"},
		"b64 of false, named in crit":       {hs(head(`,"b64":false,"crit":["b64"]`), body("")), hs(head(`,"b64":true`), body("")), "hs256"},
		"b64 of null":                       {hs(head(`,"b64":null`), body("")), hs(head(`,"b64":true`), body("")), "hs256"},
		"zip":                               {hs(head(`,"zip":"DEF"`), body("")), plain, "hs256"},
		"enc":                               {hs(head(`,"enc":"A128GCM"`), body("")), plain, "hs256"},
		"a kid that is no text":             {hs(head(`,"kid":1`), body("")), hs(head(`,"kid":"1"`), body("")), "hs256"},
		"a typ that is no text":             {hs(head(`,"typ":{}`), body("")), hs(head(`,"typ":"JWT"`), body("")), "hs256"},
		// More than one way to read it.
		"iss twice":                        {hs(head(""), `{"iss":"hs256","iss":"hs256"}`), hs(head(""), `{"iss":"hs256","issuer":"hs256"}`), "hs256"},
		"iss twice, once in escapes":       {hs(head(""), `{"iss":"hs256","\u0069ss":"hs256"}`), hs(head(""), `{"\u0069ss":"hs256"}`), "hs256"},
		"exp twice":                        {hs(head(""), body(`,"exp":9999999999,"exp":9999999999`)), hs(head(""), body(`,"exp":9999999999`)), "hs256"},
		"a member twice in a nested one":   {hs(head(""), body(`,"a":[{"b":{"c":1,"c":1}}]`)), hs(head(""), body(`,"a":[{"b":{"c":1,"d":1}},{"c":1}]`)), "hs256"},
		"alg twice":                        {hs(`{"alg":"HS256","alg":"HS256"}`, body("")), plain, "hs256"},
		"a member twice, nested in header": {hs(head(`,"jwk":{"k":"","k":""}`), body("")), hs(head(`,"jwk":{"k":""}`), body("")), "hs256"},
		"a lone surrogate":                 {hs(head(""), body(`,"a":"\ud800"`)), hs(head(""), body(`,"a":"\ud83d\ude00"`)), "hs256"},
		"surrogates the wrong way round":   {hs(head(""), body(`,"a":"\ude00\ud83d"`)), hs(head(""), body(`,"a":"\ud83d\ude00"`)), "hs256"},
		"a surrogate before a letter":      {hs(head(""), body(`,"a":"\ud83d\u0041"`)), hs(head(""), body(`,"a":"\u0041"`)), "hs256"},
		"bytes that are not UTF-8":         {hs(head(""), body(",\"a\":\"\xff\"")), hs(head(""), body(`,"a":"ÿ"`)), "hs256"},
		"a byte order mark":                {hs(head(""), "\ufeff"+body("")), plain, "hs256"},
		"something after the payload":      {hs(head(""), body("")+"{}"), hs(head(""), body("")+" "), "hs256"},
		"a payload in a list":              {hs(head(""), "["+body("")+"]"), plain, "hs256"},
		"a payload that is null":           {hs(head(""), "null"), plain, "hs256"},
		"a comma too many":                 {hs(head(""), `{"iss":"hs256",}`), plain, "hs256"},
		"a comment":                        {hs(head(""), `{"iss":"hs256"/**/}`), plain, "hs256"},
		"another form feed than JSON has":  {hs(head(""), "{\f\"iss\":\"hs256\"}"), hs(head(""), "{\n\"iss\":\"hs256\"}"), "hs256"},
		"a number beyond all":              {hs(head(""), body(`,"n":1e999`)), hs(head(""), body(`,"n":1e300`)), "hs256"},
		"a great many members":             {hs(head(""), members(513)), hs(head(""), members(512)), "hs256"},
		"deeply nested":                    {hs(head(""), body(`,"a":`+strings.Repeat("[", 32)+strings.Repeat("]", 32))), hs(head(""), body(`,"a":`+strings.Repeat("[", 31)+strings.Repeat("]", 31))), "hs256"},
		"an iss that is no text":           {hs(head(""), `{"iss":["hs256"]}`), plain, "hs256"},
		// Dates.
		"an exp that is a text":     {hs(head(""), body(`,"exp":"9999999999"`)), hs(head(""), body(`,"exp":9999999999`)), "hs256"},
		"an exp of 1e99":            {hs(head(""), body(`,"exp":1e99`)), hs(head(""), body(`,"exp":1e10`)), "hs256"},
		"an exp of null":            {hs(head(""), body(`,"exp":null`)), plain, "hs256"},
		"an exp of true":            {hs(head(""), body(`,"exp":true`)), plain, "hs256"},
		"an exp of -1":              {hs(head(""), body(`,"exp":-1`)), hs(head(""), body(`,"exp":9999999999`)), "hs256"},
		"an exp in the year 10000":  {hs(head(""), body(`,"exp":253402300800`)), hs(head(""), body(`,"exp":253402300799`)), "hs256"},
		"an exp in a list":          {hs(head(""), body(`,"exp":[9999999999]`)), hs(head(""), body(`,"exp":9999999999`)), "hs256"},
		"an exp that is -0 as text": {hs(head(""), body(`,"exp":""`)), hs(head(""), body(`,"exp":9999999999.5`)), "hs256"},
		"an nbf that is a text":     {hs(head(""), body(`,"nbf":"0"`)), hs(head(""), body(`,"nbf":0`)), "hs256"},
		"an nbf of 1e99":            {hs(head(""), body(`,"nbf":1e99`)), hs(head(""), body(`,"nbf":1e9`)), "hs256"},
		"an nbf of -1":              {hs(head(""), body(`,"nbf":-1`)), hs(head(""), body(`,"nbf":0`)), "hs256"},
		// Another spelling of the same bytes, or none at all.
		"padding":                              {header + "." + payload + "." + signature + "=", plain, "hs256"},
		"trailing bits in the signature":       {header + "." + payload + "." + lastOf(signature), plain, "hs256"},
		"the other alphabet":                   {header + "." + payload + "." + strings.NewReplacer("-", "+", "_", "/").Replace(longWith(t, "-", hs)), longWith(t, "-", hs), "hs256"},
		"a line break in the signature":        {header + "." + payload + "." + signature[:4] + "\n" + signature[4:], plain, "hs256"},
		"a space in the signature":             {header + "." + payload + "." + signature[:4] + " " + signature[4:], plain, "hs256"},
		"a NUL behind it":                      {plain + "\x00", plain, "hs256"},
		"no signature":                         {header + "." + payload + ".", plain, "hs256"},
		"two parts":                            {header + "." + payload, plain, "hs256"},
		"a dot more":                           {plain + ".", plain, "hs256"},
		"a dot before":                         {"." + plain, plain, "hs256"},
		"five parts, as a JWE":                 {plain + "..", plain, "hs256"},
		"no header":                            {"." + payload + "." + signature, plain, "hs256"},
		"no payload":                           {header + ".." + signature, plain, "hs256"},
		"a megabyte of dots":                   {strings.Repeat(".", 1<<20), plain, "hs256"},
		"more than 16 KiB":                     {hs(head(""), body(`,"a":"`+strings.Repeat("x", 12<<10)+`"`)), hs(head(""), body(`,"a":"`+strings.Repeat("x", 11<<10)+`"`)), "hs256"},
		"a management token's audience":        {hs(head(""), body(`,"aud":"tidegate-management"`)), hs(head(""), body(`,"aud":"management"`)), "hs256"},
		"a management token's among audiences": {hs(head(""), body(`,"aud":["a","tidegate-management"]`)), hs(head(""), body(`,"aud":["a","b"]`)), "hs256"},
		"an access token's type and audience":  {hs(head(`,"typ":"at+jwt"`), body(`,"aud":"tidegate-gateway"`)), hs(head(`,"typ":"at+jwt"`), body(`,"aud":"mine"`)), "hs256"},
	}
	for _, none := range []string{"none", "None", "NONE", "nOnE", "", "null", " none", "none ", "n\u043ene", "HS256\\u0000", "HS0", "A128KW", "dir"} {
		attacks["none as "+none] = attack{unsigned(`{"alg":"`+none+`"}`, ""), plain, "hs256"}
		attacks["none, with a signature, as "+none] = attack{unsigned(`{"alg":"`+none+`"}`, signature), plain, "hs256"}
		attacks["none, signed with the secret, as "+none] = attack{hs(`{"alg":"`+none+`"}`, body("")), plain, "hs256"}
	}
	for name, a := range attacks {
		t.Run(name, func(t *testing.T) {
			if got := d.bears(a.twisted); got != refused && got != "credential_missing" {
				t.Errorf("the twisted token: %s", got)
			}
			if got := d.bears(a.straight); got != a.holder {
				t.Errorf("the straight token: %s, want %s", got, a.holder)
			}
		})
	}
}

func decoded(t testing.TB, part string) []byte {
	b, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// longWith answers a token whose text has a letter of the alphabet.
func longWith(t testing.TB, letter string, sign func(head, payload string) string) string {
	for i := range 100 {
		token := sign(`{"alg":"HS256"}`, `{"iss":"hs256","n":`+big.NewInt(int64(i)).String()+`}`)
		if strings.Contains(token, letter) {
			return token
		}
	}
	t.Fatal("no token has it")
	return ""
}

// What a token brings along about its key is nothing to go by: it does no harm,
// and it does no good.
func TestAKeyThatATokenBringsAlongIsPassedOver(t *testing.T) {
	d := newDesk()
	_, proof := signingKey("ES256")
	d.jwt("joe", map[string]any{"algorithm": "ES256"}, proof)
	attacker, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	point, _ := attacker.PublicKey.Bytes()
	jwk, _ := json.Marshal(map[string]string{
		"kty": "EC", "crv": "P-256", "x": base64.RawURLEncoding.EncodeToString(point[1:33]), "y": base64.RawURLEncoding.EncodeToString(point[33:]),
	})
	der, _ := x509.MarshalPKIXPublicKey(&attacker.PublicKey)
	for _, more := range []string{
		`"jwk":` + string(jwk), `"x5c":["` + base64.StdEncoding.EncodeToString(der) + `"]`,
		`"jku":"http://127.0.0.1:1/jwks.json"`, `"x5u":"http://127.0.0.1:1/cert.pem"`, `"x5t":"AAAA"`, `"kid":"../../dev/null"`, `"kid":"' OR 1=1"`,
	} {
		head := `{"alg":"ES256",` + more + `}`
		if got := d.bears(compact(t, "ES256", attacker, head, `{"iss":"joe"}`)); got != refused {
			t.Errorf("%s, signed with the attacker's key: %s", more, got)
		}
		if got := d.bears(compact(t, "ES256", keys()["P-256"], head, `{"iss":"joe"}`)); got != "joe" {
			t.Errorf("%s, signed with the right key: %s", more, got)
		}
	}
}

func TestAKeyThatDoesNotFitVerifiesNothing(t *testing.T) {
	small, _ := rsa.GenerateKey(rand.Reader, 1024)
	for name, c := range map[string]struct {
		algorithm string
		proof     material.Proof
		sign      any
	}{
		"an empty secret":                {"HS256", material.Proof{Key: []byte{}}, []byte{}},
		"no key at all":                  {"HS256", material.Proof{}, []byte{}},
		"the hash of a password":         {"HS256", material.Proof{Hash: "$argon2id$"}, []byte("$argon2id$")},
		"a public key for HS256":         {"HS256", material.Proof{Public: keys()["RSA"].Public()}, []byte{}},
		"a secret for RS256":             {"RS256", material.Proof{Key: []byte(sharedSecret)}, keys()["RSA"]},
		"RSA of 1024 bits":               {"RS256", material.Proof{Public: small.Public()}, small},
		"a key that could not be read":   {"ES256", material.Proof{Public: nil}, keys()["P-256"]},
		"an RSA key for ES256":           {"ES256", material.Proof{Public: keys()["RSA"].Public()}, keys()["P-256"]},
		"an Ed25519 key that is cut off": {"EdDSA", material.Proof{Public: keys()["Ed25519"].Public().(ed25519.PublicKey)[:31]}, keys()["Ed25519"]},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk()
			c.proof.Version = 1
			d.jwt("joe", map[string]any{"algorithm": c.algorithm}, c.proof)
			if got := d.bears(compact(t, c.algorithm, c.sign, `{"alg":"`+c.algorithm+`"}`, `{"iss":"joe"}`)); got != refused {
				t.Error(got)
			}
		})
	}
	// The smaller curve's r and s have room in the larger's signature.
	t.Run("a key of another curve than the algorithm's", func(t *testing.T) {
		d := newDesk()
		d.jwt("joe", map[string]any{"algorithm": "ES512"}, material.Proof{Version: 1, Public: keys()["P-384"].Public()})
		signed := encoded(`{"alg":"ES512"}`) + "." + encoded(`{"iss":"joe"}`)
		digest := sha512.Sum512([]byte(signed))
		r, s, _ := ecdsa.Sign(rand.Reader, keys()["P-384"].(*ecdsa.PrivateKey), digest[:])
		raw := append(r.FillBytes(make([]byte, 66)), s.FillBytes(make([]byte, 66))...)
		if jwt.SigningMethodES512.Verify(signed, raw, keys()["P-384"].Public()) != nil {
			t.Fatal("the signature is not right to begin with")
		}
		if got := d.bears(signed + "." + base64.RawURLEncoding.EncodeToString(raw)); got != refused {
			t.Error(got)
		}
	})
}

func TestWhereATokenMayBe(t *testing.T) {
	d := newDesk()
	_, proof := signingKey("HS256")
	at := func(id, in, name string) {
		d.placed(id, credential.TypeJWT, credential.Placement{In: in, Name: name}, jwtConfig(id, nil))
		d.state.Proofs.Put(id, proof)
	}
	at("auth", "header", "Authorization")
	at("head", "header", "x-jwt")
	at("query", "query", "jwt")
	at("cookie", "cookie", "sid")
	of := func(id string) string { return hs256(t, `{"iss":"`+id+`"}`) }
	for name, c := range map[string]struct {
		request authn.Request
		want    string
	}{
		"Authorization, after Bearer":      {header1("Authorization", "Bearer "+of("auth")), "auth"},
		"Authorization, after bearer":      {header1("authorization", "bearer  "+of("auth")), "auth"},
		"Authorization, bare":              {header1("Authorization", of("auth")), refused},
		"Authorization, after JWT":         {header1("Authorization", "JWT "+of("auth")), refused},
		"Authorization, a word after it":   {header1("Authorization", "Bearer "+of("auth")+" x"), refused},
		"Authorization, Bearer twice":      {header1("Authorization", "Bearer Bearer "+of("auth")), refused},
		"Authorization, of the header's":   {header1("Authorization", "Bearer "+of("head")), refused},
		"a header, bare":                   {header1("X-Jwt", of("head")), "head"},
		"a header, after Bearer":           {header1("X-JWT", "Bearer "+of("head")), "head"},
		"a header, of Authorization's":     {header1("X-Jwt", of("auth")), refused},
		"a query parameter":                {authn.Request{Query: "a=b&jwt=" + of("query"), At: noon}, "query"},
		"a query parameter, after Bearer":  {authn.Request{Query: "jwt=Bearer%20" + of("query"), At: noon}, "query"},
		"a query parameter, with escapes":  {authn.Request{Query: "jwt=" + strings.ReplaceAll(of("query"), ".", "%2e"), At: noon}, "query"},
		"a query parameter, of a cookie's": {authn.Request{Query: "jwt=" + of("cookie"), At: noon}, refused},
		"a cookie":                         {header1("Cookie", "a=b; sid="+of("cookie")), "cookie"},
		"a cookie, of the query's":         {header1("Cookie", "sid="+of("query")), refused},
		"a header and a query parameter of two callers": {
			authn.Request{Query: "jwt=" + of("query"), Fields: header1("X-Jwt", of("head")).Fields, At: noon}, refused},
		"a bad one and a good one": {authn.Request{Query: "jwt=a.b.c", Fields: header1("X-Jwt", of("head")).Fields, At: noon}, "head"},
	} {
		for _, time := range []string{"the first time", "from memory"} {
			if got := show(d.verifier, d, c.request); got != c.want {
				t.Errorf("%s, %s: %s, want %s", name, time, got, c.want)
			}
		}
	}
}

func header1(name, value string) authn.Request {
	return authn.Request{Fields: []header.Field{{Name: name, Value: value}}, At: noon}
}

func TestHowATokenNamesItsCredential(t *testing.T) {
	d := newDesk()
	_, proof := signingKey("HS256")
	d.jwt("by_iss", map[string]any{"key": "https://issuer.example"}, proof)
	d.jwt("by_sub", map[string]any{"key": "subject", "key_claim": "sub"}, proof)
	d.jwt("by_kid", map[string]any{"key": "key-1", "key_claim": "kid"}, proof)
	d.jwt("by_own", map[string]any{"key": "tenant-1", "key_claim": "https://example.com/tenant"}, proof)
	d.jwt("decoy", map[string]any{"key": "decoy", "key_claim": "iss"}, material.Proof{Version: 1, Key: []byte("another")})
	for name, c := range map[string]struct{ head, payload, want string }{
		"by iss":                           {``, `{"iss":"https://issuer.example"}`, "by_iss"},
		"by iss, with escapes":             {``, `{"iss":"https:\/\/issuer.example"}`, "by_iss"},
		"by sub":                           {``, `{"iss":"somebody","sub":"subject"}`, "by_sub"},
		"by kid":                           {`,"kid":"key-1"`, `{"iss":"somebody"}`, "by_kid"},
		"by kid, in the payload":           {``, `{"kid":"key-1"}`, "by_kid"},
		"by a claim of its own":            {``, `{"https://example.com/tenant":"tenant-1"}`, "by_own"},
		"by another claim than it has":     {``, `{"sub":"https://issuer.example"}`, refused},
		"by a kid that names another's":    {`,"kid":"subject"`, `{}`, refused},
		"by nothing":                       {``, `{}`, refused},
		"by nothing that is known":         {``, `{"iss":"nobody"}`, refused},
		"by two, of which one verifies":    {``, `{"iss":"decoy","sub":"subject"}`, "by_sub"},
		"by two that both verify":          {``, `{"iss":"https://issuer.example","sub":"subject"}`, refused},
		"by a nested claim":                {``, `{"a":{"iss":"https://issuer.example"}}`, refused},
		"by iss, after a great many texts": {``, `{` + manyTexts(400) + `"iss":"https://issuer.example"}`, "by_iss"},
	} {
		token := compact(t, "HS256", []byte(sharedSecret), `{"alg":"HS256"`+c.head+`}`, c.payload)
		for _, time := range []string{"the first time", "again"} {
			if got := d.bears(token); got != c.want {
				t.Errorf("%s, %s: %s, want %s", name, time, got, c.want)
			}
		}
	}
}

func manyTexts(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(`"t` + big.NewInt(int64(i)).String() + `":"text",`)
	}
	return b.String()
}

func TestDatesAndAudience(t *testing.T) {
	d := newDesk()
	_, proof := signingKey("HS256")
	d.jwt("plain", nil, proof)
	d.jwt("lenient", map[string]any{"leeway_seconds": 30}, proof)
	d.jwt("strict", map[string]any{"claims_to_verify": []string{"exp", "nbf"}}, proof)
	d.jwt("audience", map[string]any{"audience": "api"}, proof)
	for name, c := range map[string]struct {
		payload string
		after   time.Duration // noon
		want    string
	}{
		"no dates":                           {`{"iss":"plain"}`, 0, "plain"},
		"before exp":                         {`{"iss":"plain","exp":1772366400}`, -time.Nanosecond, "plain"},
		"at exp":                             {`{"iss":"plain","exp":1772366400}`, 0, "plain token_expired"},
		"at exp, with a fraction":            {`{"iss":"plain","exp":1772366400.9}`, 0, "plain token_expired"},
		"at exp, in another notation":        {`{"iss":"plain","exp":1.7723664e9}`, 0, "plain token_expired"},
		"long after exp":                     {`{"iss":"plain","exp":0}`, 0, "plain token_expired"},
		"before nbf":                         {`{"iss":"plain","nbf":1772366400}`, -time.Nanosecond, "plain token_not_yet_valid"},
		"at nbf":                             {`{"iss":"plain","nbf":1772366400}`, 0, "plain"},
		"at nbf, with a fraction":            {`{"iss":"plain","nbf":1772366400.1}`, 0, "plain token_not_yet_valid"},
		"after both":                         {`{"iss":"plain","nbf":1772366500,"exp":1772366300}`, 0, "plain token_expired"},
		"within the leeway of exp":           {`{"iss":"lenient","exp":1772366400}`, 30*time.Second - 1, "lenient"},
		"beyond the leeway of exp":           {`{"iss":"lenient","exp":1772366400}`, 30 * time.Second, "lenient token_expired"},
		"within the leeway of nbf":           {`{"iss":"lenient","nbf":1772366400}`, -30 * time.Second, "lenient"},
		"beyond the leeway of nbf":           {`{"iss":"lenient","nbf":1772366400}`, -30*time.Second - 1, "lenient token_not_yet_valid"},
		"leeway without dates":               {`{"iss":"lenient"}`, 0, "lenient"},
		"both where both are needed":         {`{"iss":"strict","nbf":0,"exp":9999999999}`, 0, "strict"},
		"exp alone where both are needed":    {`{"iss":"strict","exp":9999999999}`, 0, refused},
		"nbf alone where both are needed":    {`{"iss":"strict","nbf":0}`, 0, refused},
		"the audience":                       {`{"iss":"audience","aud":"api"}`, 0, "audience"},
		"the audience among others":          {`{"iss":"audience","aud":["x", "api" ,"y"]}`, 0, "audience"},
		"another audience":                   {`{"iss":"audience","aud":"API"}`, 0, refused},
		"other audiences":                    {`{"iss":"audience","aud":["apis","ap"]}`, 0, refused},
		"no audience where one is needed":    {`{"iss":"audience"}`, 0, refused},
		"an empty list of audiences":         {`{"iss":"audience","aud":[]}`, 0, refused},
		"the audience beside a number":       {`{"iss":"audience","aud":["api",1]}`, 0, refused},
		"the audience as a member":           {`{"iss":"audience","aud":{"api":"api"}}`, 0, refused},
		"any audience where none is needed":  {`{"iss":"plain","aud":[1,{}]}`, 0, "plain"},
		"another's audience and expired too": {`{"iss":"audience","aud":"x","exp":0}`, 0, refused},
	} {
		token := hs256(t, c.payload)
		for _, time := range []string{"the first time", "from memory"} {
			if got := d.shows("Bearer "+token, noon.Add(c.after)); got != c.want {
				t.Errorf("%s, %s: %s, want %s", name, time, got, c.want)
			}
		}
		forged := compact(t, "HS256", []byte("not the secret"), `{"alg":"HS256"}`, c.payload)
		if got := d.shows("Bearer "+forged, noon.Add(c.after)); got != refused {
			t.Errorf("%s, with a wrong signature: %s", name, got)
		}
	}
}

// A config that this gateway does not understand whole admits nobody.
func TestAConfigThatIsNotUnderstoodVerifiesNothing(t *testing.T) {
	_, proof := signingKey("HS256")
	for _, config := range []map[string]any{
		{"algorithm": "none"}, {"algorithm": ""}, {"algorithm": "HS1"}, {"algorithm": 1}, {"key_claim": ""}, {"leeway_seconds": -1}, {"leeway_seconds": 1e9},
		{"leeway_seconds": "1"}, {"claims_to_verify": []string{"exp", "iat"}}, {"claims_to_verify": "exp"}, {"audience": []string{"a"}},
	} {
		d := newDesk()
		d.jwt("joe", config, proof)
		if got := d.bears(hs256(t, `{"iss":"joe","exp":9999999999,"aud":"a"}`)); got != refused {
			t.Errorf("%v: %s", config, got)
		}
	}
}

func TestEveryLiveVersionOfASecretIsTried(t *testing.T) {
	d := newDesk()
	first, second, third := []byte("the first secret"), []byte("the second secret"), []byte("the third secret")
	d.jwt("joe", nil, material.Proof{Version: 1, Key: first})
	until := noon.Add(time.Hour)
	d.publish("joe", credential.Rotated{Concerns: events.Concerns{CredentialID: "joe"}, SecretVersion: 2, RetiringVersion: 1, RetiringNotAfter: &until})
	d.state.Proofs.Put("joe", material.Proof{Version: 2, Key: second})
	d.state.Proofs.Put("joe", material.Proof{Version: 3, Key: third}) // before its event
	with := func(key []byte) string { return compact(t, "HS256", key, `{"alg":"HS256"}`, `{"iss":"joe"}`) }
	if old, current, coming := d.bears(with(first)), d.bears(with(second)), d.bears(with(third)); old != "joe" || current != "joe" || coming != refused {
		t.Errorf("%s, %s, %s", old, current, coming)
	}
	if got := d.shows("Bearer "+with(first), until); got == "joe" {
		var found authn.Identity
		d.verifier.Identify(d.state, bothTokens, authn.Request{Fields: header1("Authorization", "Bearer "+with(first)).Fields, At: until}, &found)
		if d.state.Rule.SecretLive("joe", found.Version, until) {
			t.Error("the first secret lives on after its time")
		}
	}
}
