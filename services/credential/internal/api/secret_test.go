package api_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
	"github.com/tidegate-io/tidegate/services/credential/internal/views"
)

// material answers what is kept and published of a secret version.
func (s *service) material(t *testing.T, d document, version int) (es.Material, bool) {
	t.Helper()
	key := domain.MaterialKey(d.text("id"), version)
	found, err := s.store.Material(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	m, there := found[key]
	return m, there
}

// published answers what gateways get of a secret version: what is sealed, and
// whether they were told that it is erased.
func (s *service) published(t *testing.T, d document, version int) (sealed []byte, erased bool) {
	t.Helper()
	records, err := s.store.MaterialSince(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if r.Key == domain.MaterialKey(d.text("id"), version) {
			return r.Sealed, len(r.Sealed) == 0
		}
	}
	return nil, false
}

func (s *service) proof(t *testing.T, d document, version int) secret.Proof {
	t.Helper()
	sealed, _ := s.published(t, d, version)
	proof, err := s.ring.OpenProof(domain.MaterialKey(d.text("id"), version), sealed)
	if err != nil {
		t.Fatalf("open the proof of version %d: %v", version, err)
	}
	return proof
}

func TestGatewaysCanVerifyWhatWasShown(t *testing.T) {
	s := start(t)
	t.Run("a key, and a generated password, by its digest", func(t *testing.T) {
		key := s.issue(t, `{"name":"k","type":"api_key"}`)
		password := s.issue(t, `{"name":"p","type":"basic"}`)
		for _, c := range []struct {
			d     document
			plain string
		}{{key, key.secret("api_key")}, {password, password.secret("password")}} {
			want := secret.DigestProof(s.ring.Digest([]byte(c.plain)))
			if diff := cmp.Diff(want, s.proof(t, c.d, 1)); diff != "" {
				t.Fatalf("the proof (-want +got):\n%s", diff)
			}
			kept, _ := s.material(t, c.d, 1)
			fingerprint, err := s.ring.Open("fingerprint/"+domain.MaterialKey(c.d.text("id"), 1), kept.Kept)
			if want := secret.Fingerprint([]byte(c.plain)); err != nil || !bytes.Equal(fingerprint, want[:]) {
				t.Fatalf("the fingerprint is not kept: %v", err)
			}
		}
	})
	t.Run("a chosen password by its argon2id hash, and nothing faster is kept", func(t *testing.T) {
		d := s.issue(t, `{"name":"c","type":"basic","config":{"password":"correct horse"}}`)
		if proof := s.proof(t, d, 1); proof.Kind != secret.ProofArgon2id || !secret.VerifyPassword(proof.PHC, "correct horse") {
			t.Fatalf("the proof is %s", proof.Kind)
		}
		if kept, _ := s.material(t, d, 1); len(kept.Kept) != 0 || kept.Hint != "" {
			t.Fatal("more is kept of a chosen password than its hash")
		}
	})
}

func TestASecretIsNowhereButInTheOneAnswer(t *testing.T) {
	s := start(t)
	dev := s.Developer("payments")
	d := read(t, dev.Idempotent("k").Post(t, "/v1/consumers/acme/credentials", `{"name":"k","type":"api_key"}`).Want(t, 201))
	chosen := s.issue(t, `{"name":"c","type":"basic","config":{"password":"correct horse"}}`)
	rotated := read(t, dev.Idempotent("r").Post(t, d.path()+"/rotate", `{"overlap_seconds":60}`).Want(t, 200))

	var all bytes.Buffer
	records, err := s.store.Since(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		all.Write(r.Body)
	}
	for _, one := range []document{d, chosen} {
		doc, err := s.store.Get(t.Context(), views.Credentials.Name, one.text("id"))
		if err != nil {
			t.Fatal(err)
		}
		all.Write(doc.Body)
		all.Write(dev.Get(t, one.path()).Body)
		all.Write(dev.Get(t, one.path()+"/history").Body)
	}
	all.Write(dev.Get(t, "/v1/credentials").Body)
	all.Write(dev.Idempotent("k").Post(t, "/v1/consumers/acme/credentials", `{"name":"k","type":"api_key"}`).Want(t, 201).Body)
	all.Write(dev.Idempotent("r").Post(t, d.path()+"/rotate", `{"overlap_seconds":60}`).Want(t, 200).Body)
	for _, plain := range []string{d.secret("api_key"), rotated.secret("api_key"), chosen.secret("password")} {
		fingerprint := secret.Fingerprint([]byte(plain))
		digest := s.ring.Digest([]byte(plain))
		for what, derived := range map[string]string{
			"itself": plain, "its fingerprint": hex.EncodeToString(fingerprint[:]), "its digest": hex.EncodeToString(digest.Sum[:]),
			"its fingerprint in base64": base64.StdEncoding.EncodeToString(fingerprint[:]),
			"its digest in base64":      base64.StdEncoding.EncodeToString(digest.Sum[:]),
		} {
			if plain == "" || bytes.Contains(all.Bytes(), []byte(derived)) {
				t.Fatalf("a secret left a trace: %s", what)
			}
		}
	}
}

func TestAReplayShowsNoSecret(t *testing.T) {
	s := start(t)
	dev := s.Developer("payments")
	for path, body := range map[string]string{
		"/v1/consumers/acme/credentials": `{"name":"replayed","type":"basic"}`,
		"/rotate":                        `{}`,
	} {
		t.Run(path, func(t *testing.T) {
			if path == "/rotate" {
				path = s.issue(t, `{"name":"x","type":"api_key"}`).path() + path
			}
			answer := dev.Idempotent(path).Post(t, path, body)
			first := read(t, answer)
			replay := dev.Idempotent(path).Post(t, path, body).Want(t, answer.Status)
			again := read(t, replay)
			if first["secret"] == nil || replay.Header.Get("Idempotency-Replayed") != "true" || replay.ETag() != answer.ETag() {
				t.Fatalf("first %v, then %v", first, replay.Header)
			}
			if value, there := again["secret"]; !there || value != nil {
				t.Fatalf("replayed %v", again)
			}
			first["secret"] = nil
			if diff := cmp.Diff(first, again); diff != "" {
				t.Fatalf("replayed (-first +again):\n%s", diff)
			}
		})
	}
	dev.Idempotent("/v1/consumers/acme/credentials").Post(t, "/v1/consumers/acme/credentials", `{"name":"other","type":"api_key"}`).
		Refused(t, 422, "idempotency_mismatch")
	if found := names(t, dev.Get(t, "/v1/credentials")); len(found) != 2 {
		t.Fatalf("there are %v", found)
	}
}

func versions(t *testing.T, r *httpapitest.Response) map[float64]string {
	t.Helper()
	found := map[float64]string{}
	for _, secret := range read(t, r.Want(t, 200))["secrets"].([]any) {
		v := secret.(map[string]any)
		found[v["version"].(float64)] = v["status"].(string)
		if (v["status"] == "retired") != (v["hint"] == "") || v["created_at"] == "0001-01-01T00:00:00Z" {
			t.Fatalf("a version is shown as %v", v)
		}
	}
	return found
}

func TestRotation(t *testing.T) {
	s := start(t)
	dev := s.Developer("payments")
	t.Run("without an overlap kills the secret before", func(t *testing.T) {
		d := s.issue(t, `{"name":"1","type":"api_key","config":{"key":"`+keyOfMine+`"}}`)
		rotated := read(t, dev.Post(t, d.path()+"/rotate", nil).Want(t, 200))
		if rotated.secret("api_key") == keyOfMine || rotated.secret("api_key") == "" || rotated["version"] != 2.0 {
			t.Fatalf("answered %v", rotated)
		}
		if got := versions(t, dev.Get(t, d.path())); !cmp.Equal(got, map[float64]string{1: "retired", 2: "live"}) {
			t.Fatalf("versions %v", got)
		}
		if _, there := s.material(t, d, 1); there {
			t.Fatal("the material of a dead secret is there")
		}
		if _, erased := s.published(t, d, 1); !erased {
			t.Fatal("gateways are not told to erase it")
		}
		s.proof(t, d, 2)
		s.issue(t, `{"name":"2","type":"api_key","config":{"key":"`+keyOfMine+`"}}`) // its claim is free
	})
	t.Run("with an overlap lets it live on till then", func(t *testing.T) {
		d := s.issue(t, `{"name":"3","type":"api_key"}`)
		rotated := read(t, dev.Post(t, d.path()+"/rotate", `{"overlap_seconds":3600,"config":{"key":"chosen-key-0123456789"}}`).Want(t, 200))
		if rotated.secret("api_key") != "chosen-key-0123456789" {
			t.Fatalf("answered %v", rotated)
		}
		if got := versions(t, dev.Get(t, d.path())); !cmp.Equal(got, map[float64]string{1: "retiring", 2: "live"}) {
			t.Fatalf("versions %v", got)
		}
		s.proof(t, d, 1)
		problem := dev.Post(t, d.path()+"/rotate", `{"overlap_seconds":60}`).Refused(t, 409, "rotation_in_progress")
		if problem.CurrentStatus != "active" {
			t.Fatalf("current_status %q", problem.CurrentStatus)
		}
		s.elapse(t, d.text("id"))
		s.proof(t, d, 1)
		s.later(time.Hour)
		s.elapse(t, d.text("id"))
		if got := versions(t, dev.Get(t, d.path())); !cmp.Equal(got, map[float64]string{1: "retired", 2: "live"}) {
			t.Fatalf("versions %v", got)
		}
		if _, there := s.material(t, d, 1); there {
			t.Fatal("the material of a dead secret is there")
		}
		dev.Post(t, d.path()+"/rotate", `{"overlap_seconds":60}`).Want(t, 200)
		dev.Post(t, d.path()+"/rotate", `{"overlap_seconds":0}`).Want(t, 200)
		if got := versions(t, dev.Get(t, d.path())); !cmp.Equal(got, map[float64]string{1: "retired", 2: "retired", 3: "retired", 4: "live"}) {
			t.Fatalf("versions %v", got)
		}
	})
	t.Run("of a user and password keeps the user", func(t *testing.T) {
		d := s.issue(t, `{"name":"4","type":"basic","config":{"username":"keeper"}}`)
		rotated := read(t, dev.Post(t, d.path()+"/rotate", `{"config":{"password":"correct horse"}}`).Want(t, 200))
		if rotated.secret("username") != "keeper" || rotated.secret("password") != "correct horse" || !secret.VerifyPassword(s.proof(t, d, 2).PHC, "correct horse") {
			t.Fatalf("answered %v", rotated)
		}
	})
	t.Run("by two at once makes two versions", func(t *testing.T) {
		d := s.issue(t, `{"name":"5","type":"api_key"}`)
		done := make(chan *httpapitest.Response)
		for range 2 {
			go func() { done <- dev.Post(t, d.path()+"/rotate", nil) }()
		}
		(<-done).Want(t, 200)
		(<-done).Want(t, 200)
		if got := versions(t, dev.Get(t, d.path())); !cmp.Equal(got, map[float64]string{1: "retired", 2: "retired", 3: "live"}) {
			t.Fatalf("versions %v", got)
		}
	})
}

func TestRevokingErasesEverySecret(t *testing.T) {
	s := start(t)
	dev := s.Developer("payments")
	d := s.issue(t, `{"name":"1","type":"basic","config":{"username":"u"}}`)
	dev.Post(t, d.path()+"/rotate", `{"overlap_seconds":60}`).Want(t, 200)
	dev.Delete(t, d.path()).Want(t, 204)
	for _, version := range []int{1, 2} {
		if _, there := s.material(t, d, version); there {
			t.Fatalf("version %d is there", version)
		}
		if _, erased := s.published(t, d, version); !erased {
			t.Fatalf("gateways are not told to erase version %d", version)
		}
	}
	for _, claim := range [][2]string{{domain.IdentifierScope, "basic/u"}, {domain.NameScope, "acme/1"}} {
		if _, err := s.store.Holder(t.Context(), claim[0], claim[1]); !errors.Is(err, es.ErrNotFound) {
			t.Fatalf("%v is still held: %v", claim, err)
		}
	}
}

func TestAnExpiredCredentialLivesAgainWithALaterExpiry(t *testing.T) {
	s := start(t)
	dev := s.Developer("payments")
	d := s.issue(t, `{"name":"1","type":"api_key","expires_at":"`+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"}`)
	s.later(time.Hour)
	illegal(t, dev.Post(t, d.path()+"/rotate", nil), "expired") // before it is recorded
	s.elapse(t, d.text("id"))
	if got := read(t, dev.Get(t, d.path())); got["status"] != "expired" {
		t.Fatalf("it is %v", got["status"])
	}
	illegal(t, dev.Post(t, d.path()+"/rotate", nil), "expired")
	illegal(t, dev.Post(t, d.path()+"/suspend", nil), "expired")
	if found := names(t, dev.Get(t, "/v1/credentials?status=expired")); len(found) != 1 {
		t.Fatalf("found %v", found)
	}
	dev.Patch(t, d.path(), `{"name":"renamed"}`).Want(t, 200)
	if got := read(t, dev.Patch(t, d.path(), `{"expires_at":null}`).Want(t, 200)); got["status"] != "active" {
		t.Fatalf("it is %v", got["status"])
	}
	s.proof(t, d, 1)
	dev.Post(t, d.path()+"/rotate", nil).Want(t, 200)
}
