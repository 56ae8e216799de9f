package oauth

import (
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tidegate-io/tidegate/libs/secret"
)

// FuzzLogin: what is read of a body is what any JSON parser reads of it, and
// nothing but texts that are there once.
func FuzzLogin(f *testing.F) {
	for _, seed := range []string{`{"api_key":"x"}`, `{"client_id":"a","client_secret":"b"}`, `{"a":{}}`, `{"a":"b","a":"c"}`, `{"a":"b"} x`, `{"a"`, `[`, "{\"\u2028\":\"\\ud800\"}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		given, err := readLogin(body)
		var plain map[string]any
		whole := json.Unmarshal(body, &plain)
		if err != nil {
			if refused, ok := errors.AsType[*Error](err); !ok || refused.status != 400 {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		if whole != nil || len(given) != len(plain) {
			t.Fatalf("read %v of what is %v: %v", given, plain, whole)
		}
		for name, text := range given {
			if text == "" || plain[name] != text {
				t.Fatalf("%q is read as %q, is %v", name, text, plain[name])
			}
		}
	})
}

// FuzzForm: what is read of a form is in it once, and comes back the same.
func FuzzForm(f *testing.F) {
	for _, seed := range []string{"grant_type=client_credentials&scope=a+b", "a=1&a=2", "a=%zz", "a;b", "a=&b", "%00=%ff", "=x"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		read, err := parseForm(body)
		if err != nil {
			return
		}
		values := url.Values{}
		for name, value := range read {
			if value == "" || !utf8.ValidString(name+value) || strings.Count(string(body), "=") < len(read) {
				t.Fatalf("%q is read as %q", name, value)
			}
			values.Set(name, value)
		}
		if again, err := parseForm([]byte(values.Encode())); err != nil || !maps.Equal(again, read) {
			t.Fatalf("%v comes back as %v: %v", read, again, err)
		}
	})
}

// FuzzBasic: whatever a header holds, it is read as nothing or as one pair,
// plain, and perhaps decoded before that.
func FuzzBasic(f *testing.F) {
	for _, seed := range []string{"Basic YTpi", "basic  YSUyMDpi", "Basic YTo=", "Basic !", "Bearer x", "", "Basic"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		pairs := basic(header)
		if len(pairs) > 2 || len(pairs) == 2 && pairs[0] == pairs[1] {
			t.Fatalf("read %d pairs", len(pairs))
		}
		if len(pairs) > 0 && !strings.EqualFold(header[:5], "basic") {
			t.Fatalf("read %q as Basic", header)
		}
	})
}

// FuzzRefreshToken: nothing but what was sealed here is a refresh token.
func FuzzRefreshToken(f *testing.F) {
	o := &Server{Config: Config{Ring: secret.New()}}
	right, err := o.seal(refresh{Credential: "cred_1", Version: 1, Grant: "grant_1", ID: "ref_1", Scopes: []string{"a"}})
	if err != nil {
		f.Fatal(err)
	}
	if r, ours := o.open(right); !ours || r.Grant != "grant_1" || !slices.Equal(r.Scopes, []string{"a"}) {
		f.Fatalf("it comes back as %+v", r)
	}
	for _, seed := range []string{right, right + "=", right[:len(right)-1], "tg_r_", "tg_r_AQ", strings.ToUpper(right)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if r, ours := o.open(text); ours && text != right {
			t.Fatalf("%q is taken: %+v", text, r)
		}
	})
}
