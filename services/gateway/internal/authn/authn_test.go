package authn_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/gateway/internal/authn"
	"github.com/tidegate-io/tidegate/services/gateway/internal/header"
	"github.com/tidegate-io/tidegate/services/gateway/internal/material"
	"github.com/tidegate-io/tidegate/services/gateway/internal/projection"
)

// desk is a state with credentials and the verifier that looks at it.
type desk struct {
	state    *projection.State
	ring     *secret.Ring
	verifier *authn.Verifier
	versions map[string]int64 // of what was published
}

func newDesk() *desk {
	ring := secret.New()
	return &desk{
		versions: map[string]int64{}, ring: ring, verifier: authn.New(authn.Types(authn.Config{Ring: ring})),
		state: &projection.State{Rule: access.New(), Digests: material.NewIndex(), Proofs: material.NewProofs()},
	}
}

// issue issues an API key at a place.
func (d *desk) issue(id, in, name, key string) {
	data := credential.Issued{
		Concerns: events.Concerns{CredentialID: id, ConsumerID: "acme"}, Type: "api_key",
		Placement: credential.Placement{In: in, Name: name}, SecretVersion: 1,
	}
	d.state.Rule.Apply(events.Envelope{Type: data.EventType(), Stream: "credential-" + id, Version: 1, Position: 1}, data)
	d.state.Digests.Put(material.KeyOf(id+".1"), id, 1, d.ring.Digest([]byte(key)).Sum)
}

// who answers whose credential a request shows, or the code.
func (d *desk) who(query string, fields ...header.Field) string {
	var found authn.Identity
	d.verifier.Identify(d.state, access.TypesOf("api_key", "basic"), authn.Request{Query: query, Fields: fields}, &found)
	if found.Code != access.Allowed {
		return string(found.Code)
	}
	return found.Credential.ID
}

func TestAKeyIsFoundWhereItIsPlaced(t *testing.T) {
	d := newDesk()
	imported := "imported+key 100% of sixteen"
	d.issue("in_header", "header", "x-my-key", "a key in the header")
	d.issue("in_query", "query", "k[y]", imported)
	d.issue("in_cookie", "cookie", "sid", "a key in the cookie")
	d.issue("in_auth", "header", "Authorization", "Bearer of a whole value")
	d.issue("bare", "header", "authorization", "a bare token of some length")
	for name, c := range map[string]struct {
		query  string
		fields []header.Field
		want   string
	}{
		"header":                       {"", []header.Field{{Name: "X-MY-KEY", Value: "a key in the header"}}, "in_header"},
		"query, percent-encoded":       {"a=b&k%5By%5D=imported%2Bkey%20100%25%20of%20sixteen", nil, "in_query"},
		"query, a plus for a space":    {"k[y]=imported%2Bkey+100%25+of+sixteen", nil, "in_query"},
		"query, a plus for itself":     {"k[y]=imported+key%20100%%20of%20sixteen", nil, "in_query"},
		"query, another name":          {"key=imported%2Bkey%20100%25%20of%20sixteen", nil, "credential_missing"},
		"cookie":                       {"", []header.Field{{Name: "Cookie", Value: "a=b; sid=a key in the cookie"}}, "in_cookie"},
		"cookie in quotes":             {"", []header.Field{{Name: "cookie", Value: `sid="a key in the cookie"`}}, "in_cookie"},
		"second cookie header":         {"", []header.Field{{Name: "Cookie", Value: "a=b"}, {Name: "Cookie", Value: "sid=a key in the cookie"}}, "in_cookie"},
		"cookie of another case":       {"", []header.Field{{Name: "Cookie", Value: "SID=a key in the cookie"}}, "credential_missing"},
		"header where a cookie is":     {"", []header.Field{{Name: "sid", Value: "a key in the cookie"}}, "credential_missing"},
		"a whole Authorization":        {"", []header.Field{{Name: "Authorization", Value: "Bearer of a whole value"}}, "in_auth"},
		"bare":                         {"", []header.Field{{Name: "Authorization", Value: "a bare token of some length"}}, "bare"},
		"after Bearer":                 {"", []header.Field{{Name: "Authorization", Value: "bearer   a bare token of some length"}}, "bare"},
		"after ApiKey":                 {"", []header.Field{{Name: "Authorization", Value: "APIKEY a bare token of some length"}}, "bare"},
		"after another word":           {"", []header.Field{{Name: "Authorization", Value: "Token a bare token of some length"}}, "credential_invalid"},
		"a key where basic could be":   {"", []header.Field{{Name: "Authorization", Value: "Basic YTpi"}}, "credential_invalid"},
		"default header, nobody there": {"", []header.Field{{Name: "X-API-Key", Value: "x"}}, "credential_invalid"},
		"two of different callers":     {"k[y]=imported%2Bkey+100%25+of+sixteen", []header.Field{{Name: "X-My-Key", Value: "a key in the header"}}, "credential_invalid"},
		"one that holds, one that not": {"k[y]=wrong", []header.Field{{Name: "X-My-Key", Value: "a key in the header"}}, "in_header"},
	} {
		if got := d.who(c.query, c.fields...); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	for i := range 40 { // beyond this many places headers are looked up the other way round
		d.issue(fmt.Sprint("other", i), "header", fmt.Sprint("X-Other-", i), fmt.Sprint("another key number ", i))
	}
	for name, want := range map[string]string{"X-My-Key": "in_header", "x-my-key": "in_header", "X-Other-1": "credential_invalid", "X-API-Key": "credential_invalid", "X-Nobodys": "credential_missing"} {
		if got := d.who("", header.Field{Name: name, Value: "a key in the header"}); got != want {
			t.Errorf("among many places, %s: %s, want %s", name, got, want)
		}
	}
}

func TestAPepperThatReplacesAnotherIsTriedToo(t *testing.T) {
	d := newDesk()
	d.issue("old", "header", "X-API-Key", "a key of the old pepper")
	id, err := d.ring.Add(secret.Pepper)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.ring.Activate(id); err != nil {
		t.Fatal(err)
	}
	d.issue("new", "header", "X-API-Key", "a key of the new pepper")
	for _, which := range []string{"old", "new"} {
		if got := d.who("", header.Field{Name: "X-API-Key", Value: "a key of the " + which + " pepper"}); got != which {
			t.Errorf("%s: %s", which, got)
		}
	}
}

func FuzzIdentify(f *testing.F) {
	d := newDesk()
	key := secret.Generate(secret.APIKey)
	d.issue("h", "header", "Authorization", key)
	d.issue("q", "query", "key", "0123456789abcdef")
	d.issue("c", "cookie", "sid", "fedcba9876543210")
	f.Add("key=0123456789abcdef", "sid=fedcba9876543210", "Bearer "+key)
	f.Add("&&=%&key", ";;=\"", "Basic Og==")
	f.Fuzz(func(t *testing.T, query, cookie, authorization string) {
		var found authn.Identity
		fields := []header.Field{{Name: "Cookie", Value: cookie}, {Name: "Authorization", Value: authorization}}
		d.verifier.Identify(d.state, access.TypesOf("api_key", "basic"), authn.Request{Query: query, Fields: fields}, &found)
		for _, hit := range found.Hits() {
			if !hit.Holds {
				continue
			}
			text := authorization
			switch hit.At.In {
			case "query":
				text = query
			case "cookie":
				text = cookie
			}
			if hit.From > hit.To || hit.To > len(text) {
				t.Fatalf("%+v is outside of %q", hit, text)
			}
			if hit.At.In == "query" {
				if rest := authn.Hidden(found.Hits()).Query(query); len(rest) >= len(query) || strings.Count(rest, "&") > strings.Count(query, "&") {
					t.Fatalf("%q without %q is %q", query, query[hit.From:hit.To], rest)
				}
			}
		}
	})
}
