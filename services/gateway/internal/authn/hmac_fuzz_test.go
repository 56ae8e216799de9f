package authn_test

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/services/gateway/internal/authn"
	"github.com/tidegate-io/tidegate/services/gateway/internal/gatewaytest"
	"github.com/tidegate-io/tidegate/services/gateway/internal/header"
)

// Whatever the target, the test's own signer and the gateway lay it out alike.
func FuzzCanonicalRequest(f *testing.F) {
	d := newDesk()
	s := d.sign("cred", `{"access_key":"k","replay_protection":false}`, "secret")
	f.Add("/hello", "a=1&b=2", "v")
	f.Add("/a%2fb//", "z=%7e+&&=&x&%c3%a9=&a=b=c&a=", " v  w ")
	f.Fuzz(func(t *testing.T, path, query, value string) {
		for _, part := range strings.FieldsFunc(query, func(r rune) bool { return r == '&' || r == '=' }) {
			if _, err := url.PathUnescape(part); err != nil {
				return // the gateway decodes what can be decoded
			}
		}
		fields, err := header.Parse(nil, []byte("x: "+value+"\r\n"))
		if err != nil || len(fields) != 1 || strings.ContainsAny(path, "?#") || !strings.HasPrefix(path, "/") || strings.Contains(query, "#") {
			return
		}
		m := gatewaytest.Message{Method: "POST", Target: path + "?" + query, Host: "h", Headers: []string{"x", fields[0].Value}, Body: value}
		if got := d.verify(s.AKSK(m, signedAt, "x", "host"), signedAt); got != "cred" && strings.TrimSpace(fields[0].Value) == fields[0].Value {
			t.Fatalf("%q: %s", m.Target, got)
		}
		if got := d.verify(s.AKSK(m, signedAt.Add(time.Second), "host"), signedAt); got != "cred" {
			t.Fatalf("%q: %s", m.Target, got)
		}
	})
}

// What is made up never holds: the fuzzer does not know the secrets.
func FuzzSignatures(f *testing.F) {
	d := newDesk()
	for i, config := range []string{
		`{"scheme":"aksk","access_key":"a","clock_skew_seconds":0}`, `{"scheme":"signature","access_key":"s","clock_skew_seconds":0}`, `{"scheme":"rfc9421","access_key":"r","clock_skew_seconds":0}`,
	} {
		s := d.sign(string(rune('a'+i)), config, "a secret that is not known")
		s.Secret = "another"
		m := gatewaytest.Message{Method: "GET", Target: "/", Host: "h"}
		for _, made := range []gatewaytest.Message{s.AKSK(m, signedAt, "host"), s.Draft("hmac-sha256", m, signedAt, "date", "host"), s.RFC9421("l", m, signedAt, "", "@method", "@target-uri")} {
			f.Add(made.Headers[1], made.Headers[3], "Authorization")
			f.Add(made.Headers[1], made.Headers[3], "Signature")
		}
	}
	f.Fuzz(func(t *testing.T, first, second, name string) {
		fields := []header.Field{
			{Name: "X-Gateway-Date", Value: first}, {Name: "Date", Value: first}, {Name: "Digest", Value: first}, {Name: "Content-Digest", Value: first},
			{Name: "Signature-Input", Value: first}, {Name: name, Value: second},
		}
		var found authn.Identity
		d.verifier.Identify(d.state, access.TypesOf("hmac"), authn.Request{Method: "GET", Raw: "/?" + first, Host: "h", Fields: fields, At: signedAt, Body: here(second)}, &found)
		if found.Code == access.Allowed {
			t.Fatalf("%q %q holds", first, second)
		}
	})
}

type fieldOf struct {
	name, value string
}

// formOf reads a form with the standard library, in order.
func formOf(content string) (fields []fieldOf) {
	for pair := range strings.SplitSeq(content, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if pair != "" {
			fields = append(fields, fieldOf{name, value})
		}
	}
	return fields
}

// jsonOf reads an object with the standard library, in order.
func jsonOf(content string) (fields []fieldOf, ok bool) {
	decoder := json.NewDecoder(strings.NewReader(content))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') || !json.Valid([]byte(content)) {
		return nil, false
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, false
		}
		var value json.RawMessage
		if decoder.Decode(&value) != nil {
			return nil, false
		}
		fields = append(fields, fieldOf{name.(string), string(value)})
	}
	return fields, true
}

func FuzzFormFields(f *testing.F) {
	f.Add("a=1&b=2&&c")
	f.Add("=&%41=%zz&+=+")
	f.Fuzz(func(t *testing.T, content string) {
		fields, want := authn.Fields(true, content), formOf(content)
		if len(fields) != len(want) {
			t.Fatalf("%q has %d fields, %d were found", content, len(want), len(fields))
		}
		for i, field := range fields {
			if name, err := url.QueryUnescape(want[i].name); err == nil && name != field.Name {
				t.Fatalf("%q: %q is taken for %q", content, want[i].name, field.Name)
			}
			rest := authn.Without(content, field)
			if got := formOf(rest); !slices.Equal(got, slices.Delete(slices.Clone(want), i, i+1)) || len(rest) >= len(content) {
				t.Fatalf("%q without field %d is %q", content, i, rest)
			}
		}
	})
}

func FuzzJSONFields(f *testing.F) {
	f.Add(`{"a":"1","b":[{"a":"}"}] , "c" : -1.0e3}`)
	f.Add(" {\"\\u0061\\\"\" :\ttrue\n}\r")
	f.Add(`{}`)
	f.Fuzz(func(t *testing.T, content string) {
		fields := authn.Fields(false, content)
		want, ok := jsonOf(content)
		if !ok {
			if len(fields) > 0 {
				t.Fatalf("%q: found %+v", content, fields)
			}
			return
		}
		if len(fields) != len(want) {
			t.Fatalf("%q has %d members, %d were found", content, len(want), len(fields))
		}
		for i, field := range fields {
			var value string
			if json.Unmarshal([]byte(want[i].value), &value) != nil || want[i].value[0] != '"' {
				value = ""
			}
			if utf := string(bytes.ToValidUTF8([]byte(content), nil)); utf == content && (field.Name != want[i].name || field.Value != value) {
				t.Fatalf("%q: member %d is taken for %q: %q", content, i, field.Name, field.Value)
			}
			rest := authn.Without(content, field)
			if got, ok := jsonOf(rest); !ok || !slices.Equal(got, slices.Delete(slices.Clone(want), i, i+1)) {
				t.Fatalf("%q without member %d is %q", content, i, rest)
			}
		}
	})
}
