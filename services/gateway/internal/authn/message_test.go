package authn_test

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/services/gateway/internal/authn"
	"github.com/tidegate-io/tidegate/services/gateway/internal/gatewaytest"
)

// testRequest is the request of RFC 9421, appendix B.2.
var testRequest = gatewaytest.Message{
	Method: "POST", Target: "/foo?param=Value&Pet=dog", Host: "example.com", Body: `{"hello": "world"}`,
	Headers: []string{
		"Date", "Tue, 20 Apr 2021 02:07:55 GMT", "Content-Type", "application/json",
		"Content-Digest", "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:",
		"Content-Length", "18",
	},
}

func base(t *testing.T, m gatewaytest.Message, input string) string {
	t.Helper()
	text, ok := authn.SignatureBase(&authn.Request{Method: m.Method, Raw: m.Target, Host: m.Host, Fields: m.Fields()}, input)
	if !ok {
		t.Fatalf("%s has no signature base", input)
	}
	return text
}

func decode(t *testing.T, text string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSignatureBasesOfTheStandard(t *testing.T) {
	t.Run("B.2.5, hmac-sha256", func(t *testing.T) {
		got := base(t, testRequest, `("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"`)
		want := "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@authority\": example.com\n\"content-type\": application/json\n" +
			"\"@signature-params\": (\"date\" \"@authority\" \"content-type\");created=1618884473;keyid=\"test-shared-secret\""
		if got != want {
			t.Errorf("%s", got)
		}
		mac := hmac.New(sha256.New, decode(t, "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="))
		mac.Write([]byte(got))
		if got := base64.StdEncoding.EncodeToString(mac.Sum(nil)); got != "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=" {
			t.Error(got)
		}
	})
	t.Run("B.2.6, whose signature anybody can check", func(t *testing.T) {
		got := base(t, testRequest, `("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"`)
		key, err := x509.ParsePKIXPublicKey(decode(t, "MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs="))
		if err != nil {
			t.Fatal(err)
		}
		if !ed25519.Verify(key.(ed25519.PublicKey), []byte(got), decode(t, "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==")) {
			t.Errorf("the standard's signature is over another text than\n%s", got)
		}
	})
	for name, c := range map[string]struct{ target, input, want string }{
		"2.2.8, one value":          {"/path?param=value&foo=bar&baz=batman&qux=", `"@query-param";name="baz"`, "batman"},
		"2.2.8, an empty value":     {"/path?param=value&foo=bar&baz=batman&qux=", `"@query-param";name="qux"`, ""},
		"2.2.8, escapes":            {"/parameters?var=this%20is%20a%20big%0Amultiline%20value&bar=with+plus+whitespace&fa%C3%A7ade%22%3A%20=something", `"@query-param";name="var"`, "this%20is%20a%20big%0Amultiline%20value"},
		"2.2.8, plus is a space":    {"/parameters?var=1&bar=with+plus+whitespace", `"@query-param";name="bar"`, "with%20plus%20whitespace"},
		"2.2.8, a name of escapes":  {"/parameters?fa%C3%A7ade%22%3A%20=something", `"@query-param";name="fa%C3%A7ade%22%3A%20"`, "something"},
		"2.2.7, the query":          {"/path?param=value&foo=bar&baz=bat%2Dman", `"@query"`, "?param=value&foo=bar&baz=bat%2Dman"},
		"2.2.7, an empty query":     {"/path?", `"@query"`, "?"},
		"2.2.7, none":               {"/path", `"@query"`, "?"},
		"2.2.6, the path":           {"/path?param=value", `"@path"`, "/path"},
		"2.2.5, the request target": {"/path?param=value", `"@request-target"`, "/path?param=value"},
		"2.2.4, the scheme":         {"/path", `"@scheme"`, "https"},
		"2.2.2, the target URI":     {"/path?param=value", `"@target-uri"`, "https://WWW.Example.com:443/path?param=value"},
		"2.2.3, the authority":      {"/path", `"@authority"`, "www.example.com"},
		"2.1, a list in two lines":  {"/", `"x-list"`, "one, two,  three"},
		"2.1, an empty header":      {"/", `"x-empty"`, ""},
	} {
		m := gatewaytest.Message{Method: "GET", Target: c.target, Host: "WWW.Example.com:443", Headers: []string{"X-List", "one", "x-list", "two,  three", "X-Empty", ""}}
		if got, want := base(t, m, "("+c.input+")"), c.input+": "+c.want+"\n\"@signature-params\": ("+c.input+")"; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestWhatCannotBeCoveredIsRefused(t *testing.T) {
	for _, input := range []string{
		`("x-absent")`, `("@status")`, `("@unknown")`, `("Date")`, `("date" "date")`, `("date";sf)`, `("date";key="a")`, `("date";req)`, `("date";tr)`, `("date";bs)`,
		`("@query-param")`, `("@query-param";name="absent")`, `("@query-param";name="Two")`, `("@query-param";name="Pet" "@query-param";name="Pet")`,
		`("@query-param";name=:AA==:)`, `("@method";name="x")`, `(date)`, `(1)`, `("")`, `("x y")`, `("@signature-params")`,
	} {
		m := testRequest
		m.Target += "&Two=1&Two=2"
		if got, ok := authn.SignatureBase(&authn.Request{Method: m.Method, Raw: m.Target, Host: m.Host, Fields: m.Fields()}, input); ok {
			t.Errorf("%s gives %q", input, got)
		}
	}
}

func TestSignaturesByRFC9421(t *testing.T) {
	d := newDesk()
	s := d.sign("cred", `{"scheme":"rfc9421","access_key":"k","replay_protection":false}`, "secret one", "secret two")
	strict := d.sign("strict", `{"scheme":"rfc9421","access_key":"strict","replay_protection":false,"require_digest":true}`, "secret")
	get := gatewaytest.Message{Method: "GET", Target: "/a?b=c", Host: "h:8000", Headers: []string{"X-H", "v"}}
	body := gatewaytest.Message{Method: "POST", Target: "/a", Host: "h", Body: "the body"}
	least := []string{"@method", "@target-uri"}
	sign := func(m gatewaytest.Message, params string, covered ...string) gatewaytest.Message {
		return s.RFC9421("sig1", m, signedAt, params, covered...)
	}
	params := func(text string) gatewaytest.Message {
		return sign(get, fmt.Sprintf(text, signedAt.Unix()), least...)
	}
	change := func(m gatewaytest.Message, edit func(*gatewaytest.Message)) gatewaytest.Message {
		m = m.With()
		edit(&m)
		return m
	}
	right := sign(get, "", least...)
	sum := sha512.Sum512([]byte(body.Body))
	by512 := "sha-512=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
	cases{
		"right":                             {right, ""},
		"path and query":                    {sign(get, "", "@method", "@path", "@query"), ""},
		"everything":                        {sign(get, "", "@method", "@path", "@query", "@authority", "@scheme", "@target-uri", "@request-target", "host", "x-h"), ""},
		"an older secret":                   {gatewaytest.MACSigner{AccessKey: "k", Secret: "secret one"}.RFC9421("s", get, signedAt, "", least...), ""},
		"another secret":                    {gatewaytest.MACSigner{AccessKey: "k", Secret: "x"}.RFC9421("s", get, signedAt, "", least...), invalid},
		"no method":                         {sign(get, "", "@target-uri"), invalid},
		"no target":                         {sign(get, "", "@method"), invalid},
		"a path without its query":          {sign(get, "", "@method", "@path"), invalid},
		"a query without its path":          {sign(get, "", "@method", "@query"), invalid},
		"no algorithm":                      {params(`;created=%d;keyid="k"`), ""},
		"another algorithm":                 {params(`;created=%d;keyid="k";alg="rsa-pss-sha512"`), invalid},
		"an algorithm as a token":           {params(`;created=%d;keyid="k";alg=hmac-sha256`), invalid},
		"no date":                           {sign(get, `;keyid="k"`, least...), invalid},
		"a date that is no number":          {sign(get, `;created="1";keyid="k"`, least...), invalid},
		"no key":                            {params(`;created=%d`), invalid},
		"a key that is no text":             {params(`;created=%d;keyid=k`), invalid},
		"at the end of the skew":            {sign(get, fmt.Sprintf(`;created=%d;keyid="k"`, signedAt.Unix()+300), least...), ""},
		"behind the end of the skew":        {sign(get, fmt.Sprintf(`;created=%d;keyid="k"`, signedAt.Unix()-301), least...), invalid},
		"a year 10^15":                      {sign(get, `;created=999999999999999;keyid="k"`, least...), invalid},
		"expires later":                     {sign(get, fmt.Sprintf(`;created=%d;expires=%d;keyid="k"`, signedAt.Unix(), signedAt.Unix()+1), least...), ""},
		"expires now":                       {sign(get, fmt.Sprintf(`;created=%d;expires=%d;keyid="k"`, signedAt.Unix(), signedAt.Unix()), least...), invalid},
		"a nonce":                           {params(`;created=%d;keyid="k";nonce="n"`), ""},
		"a nonce that is no text":           {params(`;created=%d;keyid="k";nonce=:AA==:`), invalid},
		"a tag":                             {params(`;created=%d;keyid="k";tag="app"`), ""},
		"another method":                    {change(right, func(m *gatewaytest.Message) { m.Method = "PUT" }), invalid},
		"another target":                    {change(right, func(m *gatewaytest.Message) { m.Target = "/a?b=d" }), invalid},
		"another host":                      {change(right, func(m *gatewaytest.Message) { m.Host = "i" }), invalid},
		"a header that was signed, changed": {change(sign(get, "", "@method", "@target-uri", "x-h"), func(m *gatewaytest.Message) { m.Headers[1] = "w" }), invalid},
		"parameters written otherwise": {change(right, func(m *gatewaytest.Message) {
			m.Headers[3] = strings.NewReplacer("sig1=(", "sig1=(  ", `" "`, `"   "`, ";created", "; created").Replace(m.Headers[3])
		}), ""},
		"no input":                  {change(right, func(m *gatewaytest.Message) { m.Headers[2] = "X-Other" }), invalid},
		"an input of another label": {change(right, func(m *gatewaytest.Message) { m.Headers[3] = "sig2" + m.Headers[3][4:] }), invalid},
		"an input twice":            {right.With("Signature-Input", right.Headers[3]), invalid},
		"a signature twice":         {right.With("Signature", right.Headers[5]), invalid},
		"two labels in two lines":   {right.With("Signature-Input", `other=("date")`, "Signature", "other=:AAAA:"), ""},
		"two labels in one line": {change(right, func(m *gatewaytest.Message) {
			m.Headers[3] = `o=("x");a, ` + m.Headers[3]
			m.Headers[5] = "o=:AAAA: , " + m.Headers[5]
		}), ""},
		"two of ours":                {s.RFC9421("two", right, signedAt, "", "@method", "@target-uri", "x-h"), ""},
		"a line that cannot be read": {right.With("Signature-Input", `other=(`), invalid},
		"a signature that is a text": {change(right, func(m *gatewaytest.Message) { m.Headers[5] = strings.ReplaceAll(m.Headers[5], ":", `"`) }), invalid},
		"too many labels": {change(right, func(m *gatewaytest.Message) {
			m.Headers[5] += ", a=:AA==:, b=:AA==:, c=:AA==:, d=:AA==:, e=:AA==:, f=:AA==:, g=:AA==:, h=:AA==:"
		}), invalid},
		"a body with its digest":           {sign(body.ContentDigest(), "", "@method", "@target-uri", "content-digest"), ""},
		"a body with another digest":       {sign(otherBody(body.ContentDigest()), "", "@method", "@target-uri", "content-digest"), invalid},
		"a body without a digest":          {sign(body, "", least...), invalid},
		"a body with a digest not covered": {sign(body.ContentDigest(), "", least...), invalid},
		"a digest of 512 bits":             {sign(body.With("Content-Digest", by512), "", "@method", "@target-uri", "content-digest"), ""},
		"two digests":                      {sign(body.With("Content-Digest", by512+", "+value(body.ContentDigest())), "", "@method", "@target-uri", "content-digest"), ""},
		"two digests, one of which is not": {sign(body.With("Content-Digest", by512+", "+value(otherBody(body).ContentDigest())), "", "@method", "@target-uri", "content-digest"), invalid},
		"a digest of a kind nobody knows":  {sign(body.With("Content-Digest", "md5=:AAAA:"), "", "@method", "@target-uri", "content-digest"), invalid},
		"no body, and its digest":          {sign(get.ContentDigest(), "", "@method", "@target-uri", "content-digest"), ""},
		"no body, a digest not covered":    {sign(get.ContentDigest(), "", least...), ""},
		"no body, and the digest of one":   {sign(get.With("Content-Digest", value(body.ContentDigest())), "", "@method", "@target-uri", "content-digest"), invalid},
		"a digest that is required":        {strict.RFC9421("s", get, signedAt, "", least...), invalid},
		"required and there":               {strict.RFC9421("s", get.ContentDigest(), signedAt, "", "@method", "@target-uri", "content-digest"), "strict"},
	}.run(t, d)
}

func TestANonceServesOnce(t *testing.T) {
	d := newDesk()
	s := d.sign("cred", `{"scheme":"rfc9421","access_key":"k"}`, "secret")
	other := d.sign("other", `{"scheme":"rfc9421","access_key":"o"}`, "secret")
	with := func(s gatewaytest.MACSigner, after int64, nonce string) gatewaytest.Message {
		return s.RFC9421("s", example, signedAt, fmt.Sprintf(`;created=%d;keyid="%s"%s`, signedAt.Unix()+after, s.AccessKey, nonce), "@method", "@target-uri")
	}
	for i, c := range []struct {
		message gatewaytest.Message
		want    string
	}{
		{with(s, 0, `;nonce="a"`), "cred"}, {with(s, 0, `;nonce="a"`), "replay_detected"}, {with(s, 1, `;nonce="a"`), "replay_detected"},
		{with(s, 0, `;nonce="b"`), "cred"}, {with(other, 0, `;nonce="a"`), "other"}, {with(s, 0, ""), "cred"}, {with(s, 0, ""), "replay_detected"}, {with(s, 1, ""), "cred"},
	} {
		if got := d.verify(c.message, signedAt.Add(time.Duration(i)*time.Second)); got != c.want {
			t.Errorf("call %d: %s, want %s", i, got, c.want)
		}
	}
}
