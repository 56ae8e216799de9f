package access_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/access"
)

func key(id, kind, in, name, config string) fact {
	return issued(func(d *credential.Issued) {
		d.CredentialID, d.Type, d.Placement, d.Config = id, kind, credential.Placement{In: in, Name: name}, []byte(config)
	})
}

func TestPlacements(t *testing.T) {
	all := log(
		key("cred_1", "api_key", "header", "X-API-Key", ""),
		key("cred_2", "api_key", "header", "x-api-key", ""),
		key("cred_3", "api_key", "query", "key", ""),
		key("cred_4", "basic", "header", "Authorization", `{"username":"ada"}`),
		key("cred_5", "api_key", "header", "authorization", ""),
		fact{"cred_1", credential.Revoked{}},
		fact{"cred_2", credential.Suspended{}},
		fact{"cred_3", credential.Updated{Placement: &events.Change[credential.Placement]{After: credential.Placement{In: "cookie", Name: "key"}}}},
		fact{"cred_2", credential.Revoked{}},
		fact{"cred_5", credential.Revoked{}},
	)
	s := access.New()
	after := func(n int, want ...access.Place) {
		t.Helper()
		for _, e := range all[:n] {
			s.Apply(e.Envelope, e.data)
		}
		if got := s.Placements(); !slices.Equal(got, want) {
			t.Fatalf("after %d: %v, want %v", n, got, want)
		}
		for _, p := range want {
			if got := s.Placed(p.Placement); got != p.Types {
				t.Fatalf("after %d, at %v: %v", n, p.Placement, got.Names())
			}
		}
	}
	place := func(in, name string, types ...string) access.Place {
		return access.Place{Placement: access.Placement{In: in, Name: name}, Types: access.TypesOf(types...)}
	}
	after(0)
	after(1, place("header", "X-Api-Key", "api_key"))
	after(5, place("header", "Authorization", "api_key", "basic"), place("header", "X-Api-Key", "api_key"), place("query", "key", "api_key"))
	after(7, place("header", "Authorization", "api_key", "basic"), place("header", "X-Api-Key", "api_key"), place("query", "key", "api_key"))
	after(8, place("cookie", "key", "api_key"), place("header", "Authorization", "api_key", "basic"), place("header", "X-Api-Key", "api_key"))
	after(10, place("cookie", "key", "api_key"), place("header", "Authorization", "api_key", "basic"), place("header", "X-Api-Key", "api_key"))
	if got := s.Placed(access.Placement{In: "query", Name: "key"}); got != 0 {
		t.Fatalf("left: %v", got.Names())
	}
}

func TestTypes(t *testing.T) {
	set := access.TypesOf("jwt", "api_key", "passkey")
	if !slices.Equal(set.Names(), []string{"api_key", "jwt"}) {
		t.Fatalf("%v", set.Names())
	}
	if !set.Has(access.TypesOf("jwt")) || set.Has(access.TypesOf("basic")) || set.Has(access.TypesOf("passkey")) {
		t.Fatal("a type that is in no set is accepted, or one that is in it is not")
	}
}

func TestNames(t *testing.T) {
	all := log(
		key("cred_1", "basic", "header", "Authorization", `{"username":"ada"}`),
		key("cred_2", "jwt", "header", "Authorization", `{"key":"ada"}`),
		key("cred_3", "hmac", "header", "Authorization", `{"access_key":"AK"}`),
		key("cred_4", "basic", "header", "Authorization", `{"username":7}`),
		fact{"cred_1", credential.Suspended{}},
		fact{"cred_1", credential.Revoked{}},
		key("cred_5", "basic", "header", "Authorization", `{"username":"ada"}`),
	)
	s := access.New()
	after := func(n int, kind, name, want string) {
		t.Helper()
		for _, e := range all[:n] {
			s.Apply(e.Envelope, e.data)
		}
		got := ""
		if c, ok := s.Named(kind, name); ok {
			got = c.ID
		}
		if got != want {
			t.Fatalf("after %d: %s %s is %q, want %q", n, kind, name, got, want)
		}
	}
	after(0, "basic", "ada", "")
	after(1, "basic", "ada", "cred_1")
	after(2, "jwt", "ada", "cred_2")
	after(3, "hmac", "AK", "cred_3")
	after(4, "basic", "", "")
	after(5, "basic", "ada", "cred_1") // its caller is told that it is suspended
	after(6, "basic", "ada", "")
	after(7, "basic", "ada", "cred_5")
	if c, ok := s.BasicUser("ada"); !ok || c.ID != "cred_5" {
		t.Fatal("the user name is not found")
	}
}

func TestARotationMayChangeTheConfig(t *testing.T) {
	issued := credential.Issued{
		Concerns: events.Concerns{ConsumerID: "acme"}, Type: credential.TypeJWT, SecretVersion: 1, HideCredentials: true,
		Placement: credential.Placement{In: "header", Name: "Authorization"}, Config: []byte(`{"key":"billing","public_key":"old"}`),
	}
	next := json.RawMessage(`{"key":"billing","public_key":"new"}`)
	s := fold(log(fact{"cred_1", issued}, fact{"cred_1", credential.Rotated{
		SecretVersion: 2, RetiringVersion: 1, RetiringNotAfter: in(time.Hour),
		Config: &events.Change[json.RawMessage]{Before: issued.Config, After: next},
	}}))
	c, ok := s.Named(credential.TypeJWT, "billing")
	if !ok || string(c.Config) != string(next) || !c.Hide || c.Placement.Name != "Authorization" {
		t.Fatalf("it is %+v, %v", c, ok)
	}
	if !s.SecretLive("cred_1", 1, noon) || !s.SecretLive("cred_1", 2, noon) {
		t.Fatal("one of the two secrets is not live")
	}
}
