package api_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
	"github.com/tidegate-io/tidegate/libs/secret"
)

func hashOf(plain string) string {
	sum := sha256.Sum256([]byte(plain))
	return hex.EncodeToString(sum[:])
}

// TestOfTwoWhoAskForTheSameAtOnceOneGetsIt issues what is unique in two calls at
// once, to consumers of two teams, again and again.
func TestOfTwoWhoAskForTheSameAtOnceOneGetsIt(t *testing.T) {
	const rounds = 50
	for name, body := range map[string]func(value, side string) string{
		"a key": func(value, side string) string {
			return fmt.Sprintf(`{"name":"%s %s","type":"api_key","config":{"key":"parallel-key-%s"}}`, value, side, value)
		},
		"a key and its hash": func(value, side string) string {
			config := fmt.Sprintf(`{"key":"other-parallel-key-%s"}`, value)
			if side == "b" {
				config = fmt.Sprintf(`{"key_sha256":%q}`, hashOf("other-parallel-key-"+value))
			}
			return fmt.Sprintf(`{"name":"%s %s","type":"api_key","config":%s}`, value, side, config)
		},
		"a user name": func(value, side string) string {
			return fmt.Sprintf(`{"name":"%s %s","type":"basic","config":{"username":"parallel-%s"}}`, value, side, value)
		},
		"the key of a token": func(value, side string) string {
			return fmt.Sprintf(`{"name":"%s %s","type":"jwt","config":{"key":"parallel-%s"}}`, value, side, value)
		},
		"an access key": func(value, side string) string {
			return fmt.Sprintf(`{"name":"%s %s","type":"hmac","config":{"access_key":"parallel-%s"}}`, value, side, value)
		},
		"a client id": func(value, side string) string {
			return fmt.Sprintf(`{"name":"%s %s","type":"oauth2","config":{"client_id":"parallel-%s"}}`, value, side, value)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			s.register(t, "rival", "other")
			acme, rival := s.Developer("payments"), s.Developer("other")
			for round := range rounds {
				value := fmt.Sprintf("%03d", round)
				answers := make(chan *httpapitest.Response)
				go func() { answers <- acme.Post(t, "/v1/consumers/acme/credentials", body(value, "a")) }()
				go func() { answers <- rival.Post(t, "/v1/consumers/rival/credentials", body(value, "b")) }()
				won, lost := <-answers, <-answers
				if won.Status != 201 {
					won, lost = lost, won
				}
				d := read(t, won.Want(t, 201))
				lost.Refused(t, 409, "credential_taken")
				for _, told := range []string{d.text("id"), "parallel-", hashOf("other-parallel-key-" + value), "rival", "acme", "payments", "other"} {
					if strings.Contains(string(lost.Body), told) {
						t.Fatalf("the refusal tells %s: %s", told, lost.Body)
					}
				}
				if round%10 != 0 {
					continue
				}
				s.Admin().Post(t, d.path()+"/revoke", nil).Want(t, 200)
				again := read(t, rival.Post(t, "/v1/consumers/rival/credentials", body(value, "b")).Want(t, 201))
				acme.Post(t, "/v1/consumers/acme/credentials", body(value, "a")).Refused(t, 409, "credential_taken")
				if again.text("id") == d.text("id") {
					t.Fatal("it is the same credential")
				}
			}
		})
	}
}

func TestAKeyAndItsHashAreTheSame(t *testing.T) {
	s := start(t)
	dev := s.Developer("payments")
	const plain = "my-own-key-0123456789"
	asKey, asHash := `{"key":"`+plain+`"}`, `{"key_sha256":"`+hashOf(plain)+`"}`
	issue := func(config string) *httpapitest.Response {
		return dev.Post(t, "/v1/consumers/acme/credentials", `{"name":"k","type":"api_key","config":`+config+`}`)
	}
	other := s.issue(t, `{"name":"other","type":"api_key"}`)
	for _, c := range [][2]string{{asKey, asHash}, {asHash, asKey}, {asHash, asHash}} {
		d := read(t, issue(c[0]).Want(t, 201))
		if !proves(s.ring, s.proof(t, d, 1), plain) {
			t.Fatal("gateways do not know it by the key")
		}
		if shown, there := d["secret"].(map[string]any)["api_key"]; !there || c[0] == asHash && shown != nil {
			t.Fatalf("shown %v", d["secret"])
		}
		dev.Post(t, "/v1/consumers/acme/credentials", `{"name":"again","type":"api_key","config":`+c[1]+`}`).Refused(t, 409, "credential_taken")
		dev.Post(t, other.path()+"/rotate", `{"config":`+c[1]+`}`).Refused(t, 409, "credential_taken")
		dev.Delete(t, d.path()).Want(t, 204)
	}
	t.Run("while one pepper replaces another, too", func(t *testing.T) {
		before := read(t, issue(asHash).Want(t, 201))
		added, err := s.ring.Add(secret.Pepper)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.ring.Activate(added); err != nil {
			t.Fatal(err)
		}
		dev.Post(t, "/v1/consumers/acme/credentials", `{"name":"again","type":"api_key","config":`+asKey+`}`).Refused(t, 409, "credential_taken")
		after := s.issue(t, `{"name":"after","type":"api_key","config":{"key_sha256":"`+hashOf("another-key-0123456789")+`"}}`)
		dev.Post(t, "/v1/consumers/acme/credentials", `{"name":"again","type":"api_key","config":{"key":"another-key-0123456789"}}`).Refused(t, 409, "credential_taken")
		for _, d := range []document{before, after} {
			dev.Delete(t, d.path()).Want(t, 204)
		}
		issue(asKey).Want(t, 201)
	})
}

func TestHashesOfPasswordsComeInAndAreNotShown(t *testing.T) {
	s := start(t)
	dev := s.Developer("payments")
	hash := secret.HashPassword("correct horse")
	for name, c := range map[string]struct{ body, rotation, shown string }{
		"basic":  {`{"name":"b","type":"basic","config":{"username":"wile","password_hash":"` + hash + `"}}`, `{"password_hash":"` + hash + `"}`, "password"},
		"oauth2": {`{"name":"o","type":"oauth2","config":{"client_id":"app","client_secret_hash":"` + hash + `"}}`, `{"client_secret_hash":"` + hash + `"}`, "client_secret"},
	} {
		t.Run(name, func(t *testing.T) {
			answer := dev.Post(t, "/v1/consumers/acme/credentials", c.body).Want(t, 201)
			d := read(t, answer)
			if shown, there := d["secret"].(map[string]any)[c.shown]; !there || shown != nil || !proves(s.ring, s.proof(t, d, 1), "correct horse") {
				t.Fatalf("it is %v", d)
			}
			again := dev.Post(t, d.path()+"/rotate", `{"config":`+c.rotation+`}`).Want(t, 200)
			if !proves(s.ring, s.proof(t, d, 2), "correct horse") {
				t.Fatal("the rotated one is not proved by its hash")
			}
			for _, body := range [][]byte{answer.Body, again.Body, dev.Get(t, d.path()).Body, dev.Get(t, d.path()+"/history").Body} {
				if strings.Contains(string(body), hash) {
					t.Fatalf("the hash is shown: %s", body)
				}
			}
		})
	}
}
