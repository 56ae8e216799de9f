package api_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
	"github.com/tidegate-io/tidegate/services/credential/internal/policies"
)

// kind is one way of using a type, and all that its life is tried with.
type kind struct {
	name, authType string
	least          string   // the least config
	chosen         string   // everything chosen
	identifier     string   // the member that names it; empty: none
	secret         string   // the member of what is shown; empty: there is none
	plain          string   // the secret in chosen
	next           string   // the config of a rotation
	nextPlain      string   // the secret in it
	patch          string   // a patch of settings; empty: there are none
	patched        document // what it changes in config
	fixed          []string // patches that are 409
}

const spare = "another-secret-0123456789"

func kinds() []kind {
	first, second := publicKey(), publicKey()
	public := func(pem string) string { return fmt.Sprintf(`"public_key":%q`, pem) }
	return []kind{
		{
			name: "api_key", authType: "api_key", least: `{}`, chosen: `{"key":"chosen-key-0123456789"}`, secret: "api_key", plain: "chosen-key-0123456789",
			next: `{"key":"` + spare + `"}`, nextPlain: spare, fixed: []string{`{"key":"` + spare + `"}`, `{"key_sha256":"` + strings.Repeat("ab", 32) + `"}`},
		},
		{
			name: "basic", authType: "basic", least: `{}`, chosen: `{"username":"wile","password":"correct horse"}`, identifier: "username", secret: "password", plain: "correct horse",
			next: `{"password":"` + spare + `"}`, nextPlain: spare, fixed: []string{`{"username":"ada"}`, `{"password":"` + spare + `"}`, `{"password_hash":"x"}`},
		},
		{
			name: "jwt with a secret", authType: "jwt", least: `{"key":"billing"}`, identifier: "key", secret: "secret", plain: "chosen-secret-of-32-bytes-012345",
			chosen: `{"key":"billing","algorithm":"HS384","secret":"chosen-secret-of-32-bytes-012345","key_claim":"sub","audience":"api","claims_to_verify":["exp"],"leeway_seconds":5}`,
			next:   `{"secret":"` + spare + `"}`, nextPlain: spare,
			patch: `{"algorithm":"HS512","leeway_seconds":60,"audience":null}`, patched: document{"algorithm": "HS512", "leeway_seconds": 60.0, "audience": nil},
			fixed: []string{`{"key":"other"}`, `{"secret":"` + spare + `"}`, `{"secret_base64":true}`, `{"public_key":"x"}`},
		},
		{
			name: "jwt with a public key", authType: "jwt", least: `{"key":"partner","algorithm":"ES256",` + public(first) + `}`, identifier: "key",
			chosen: `{"key":"partner","algorithm":"ES256","claims_to_verify":["nbf","exp"],` + public(first) + `}`, next: `{` + public(second) + `}`,
			patch: `{"claims_to_verify":null,"key_claim":"azp"}`, patched: document{"claims_to_verify": nil, "key_claim": "azp"},
			fixed: []string{`{"key":"other"}`, `{` + public(second) + `}`, `{"secret":"` + spare + `"}`},
		},
		{
			name: "hmac", authType: "hmac", least: `{}`, identifier: "access_key", secret: "secret_key", plain: "my-secret-key",
			chosen: `{"scheme":"signature","access_key":"my-access-key","secret_key":"my-secret-key","clock_skew_seconds":60,"allowed_algorithms":["hmac-sha1"],"require_digest":true,"replay_protection":false}`,
			next:   `{"secret_key":"` + spare + `"}`, nextPlain: spare,
			patch: `{"clock_skew_seconds":null,"require_digest":false}`, patched: document{"clock_skew_seconds": 300.0, "require_digest": false},
			fixed: []string{`{"access_key":"other"}`, `{"secret_key":"` + spare + `"}`},
		},
		{
			name: "oauth2", authType: "oauth2", least: `{}`, identifier: "client_id", secret: "client_secret", plain: "chosen client secret",
			chosen: `{"client_id":"app","client_secret":"chosen client secret","scopes":["read","write"],"token_ttl_seconds":60,"refresh_ttl_seconds":0}`,
			next:   `{"client_secret":"` + spare + `"}`, nextPlain: spare,
			patch: `{"scopes":["read"],"token_ttl_seconds":null}`, patched: document{"scopes": []any{"read"}, "token_ttl_seconds": 3600.0},
			fixed: []string{`{"client_id":"other"}`, `{"client_secret":"` + spare + `"}`, `{"client_secret_hash":"x"}`},
		},
	}
}

func publicKey() string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func (k kind) body(name, config string) string {
	return fmt.Sprintf(`{"name":%q,"type":%q,"config":%s}`, name, k.authType, config)
}

// proves says whether a gateway could verify a secret with a proof.
func proves(ring *secret.Ring, p secret.Proof, plain string) bool {
	switch p.Kind {
	case secret.ProofDigest:
		return bytes.Equal(p.Digest, secret.DigestProof(ring.Digest([]byte(plain))).Digest)
	case secret.ProofArgon2id, secret.ProofBcrypt:
		return secret.VerifyPassword(p.PHC, plain)
	case secret.ProofShared:
		return string(p.Key) == plain
	default:
		block, _ := pem.Decode([]byte(plain))
		return block != nil && bytes.Equal(p.Key, block.Bytes)
	}
}

// plainOf answers what a gateway verifies: the secret, or the public key.
func (k kind) plainOf(d document) string {
	if k.secret == "" {
		text, _ := d["config"].(map[string]any)["public_key"].(string)
		return text
	}
	return d.secret(k.secret)
}

func (k kind) identifierOf(d document) string {
	text, _ := d["config"].(map[string]any)[k.identifier].(string)
	return text
}

func each(t *testing.T, try func(t *testing.T, s *service, k kind)) {
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) { try(t, start(t), k) })
	}
}

func TestEveryTypeIsIssuedWithItsDefaults(t *testing.T) {
	each(t, func(t *testing.T, s *service, k kind) {
		d := s.issue(t, k.body("n", k.least))
		if _, warned := d["warnings"]; warned || d["type"] != k.authType || !proves(s.ring, s.proof(t, d, 1), k.plainOf(d)) {
			t.Fatalf("it is %v", d)
		}
		if k.secret != "" && secret.Check(d.secret(k.secret)) != nil {
			t.Fatalf("the secret is %v", d["secret"])
		}
		if k.identifier != "" && (k.identifierOf(d) != d.secret(k.identifier) || k.identifierOf(d) == "") {
			t.Fatalf("it is named %q, and its owner is told %v", k.identifierOf(d), d["secret"])
		}
	})
}

func TestEveryTypeIsIssuedAsItIsChosen(t *testing.T) {
	each(t, func(t *testing.T, s *service, k kind) {
		d := s.issue(t, k.body("n", k.chosen))
		if k.plain != "" && k.plainOf(d) != k.plain || !proves(s.ring, s.proof(t, d, 1), k.plainOf(d)) {
			t.Fatalf("it is %v", d)
		}
		config, want := d["config"].(map[string]any), decode(t, k.chosen)
		for name, value := range want {
			if list, ok := value.([]any); ok {
				slices.SortFunc(list, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
			}
			if kept, there := config[name]; there && !cmp.Equal(kept, value) || !there && value != k.plain {
				t.Errorf("%s is %v, want %v", name, kept, value)
			}
		}
		if warned := cmp.Equal(d["warnings"], []any{"secret_short"}); warned != (k.name == "jwt with a secret") {
			t.Fatalf("warnings %v", d["warnings"])
		}
	})
}

func TestASecretOfAnyTypeIsShownOnce(t *testing.T) {
	each(t, func(t *testing.T, s *service, k kind) {
		if k.secret == "" {
			return // it is its owner's alone
		}
		dev, collection := s.Developer("payments"), "/v1/consumers/acme/credentials"
		generated := read(t, dev.Idempotent("g").Post(t, collection, k.body("g", strings.Replace(k.least, "billing", "other", 1))).Want(t, 201))
		chosen := read(t, dev.Idempotent("c").Post(t, collection, k.body("c", k.chosen)).Want(t, 201))
		rotated := read(t, dev.Idempotent("r").Post(t, chosen.path()+"/rotate", `{"overlap_seconds":60,"config":`+k.next+`}`).Want(t, 200))

		var seen bytes.Buffer
		for _, again := range []*httpapitest.Response{
			dev.Idempotent("g").Post(t, collection, k.body("g", strings.Replace(k.least, "billing", "other", 1))).Want(t, 201),
			dev.Idempotent("c").Post(t, collection, k.body("c", k.chosen)).Want(t, 201),
			dev.Idempotent("r").Post(t, chosen.path()+"/rotate", `{"overlap_seconds":60,"config":`+k.next+`}`).Want(t, 200),
		} {
			if replayed := read(t, again); replayed["secret"] != nil || again.Header.Get("Idempotency-Replayed") != "true" {
				t.Fatalf("replayed %v", replayed)
			}
			seen.Write(again.Body)
		}
		for _, d := range []document{generated, chosen} {
			for _, path := range []string{"", "/history"} {
				seen.Write(dev.Get(t, d.path()+path).Want(t, 200).Body)
			}
			seen.Write(dev.Patch(t, d.path(), `{"name":"renamed `+d.text("id")+`"}`).Want(t, 200).Body)
			seen.Write(dev.Post(t, d.path()+"/suspend", nil).Want(t, 200).Body)
		}
		seen.Write(dev.Get(t, "/v1/credentials").Want(t, 200).Body)
		seen.Write(dev.Get(t, collection).Want(t, 200).Body)
		seen.Write(dev.Post(t, collection, k.body("x", k.chosen)).Body)
		seen.Write(dev.Post(t, generated.path()+"/rotate", `{"overlap_seconds":-1,"config":`+k.next+`}`).Body)
		for _, fixed := range k.fixed {
			seen.Write(dev.Patch(t, generated.path(), `{"config":`+fixed+`}`).Body)
		}
		records, err := s.store.Since(t.Context(), 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			seen.Write(r.Body)
		}
		for _, plain := range []string{k.plainOf(generated), k.plain, k.nextPlain, k.plainOf(rotated)} {
			if plain == "" || bytes.Contains(seen.Bytes(), []byte(plain)) {
				t.Fatalf("the secret %q was seen again", plain)
			}
		}
	})
}

func TestEveryTypeIsRotated(t *testing.T) {
	each(t, func(t *testing.T, s *service, k kind) {
		dev := s.Developer("payments")
		d := s.issue(t, k.body("n", k.least))
		one := k.plainOf(d)

		overlapping := read(t, dev.Post(t, d.path()+"/rotate", `{"overlap_seconds":3600,"config":`+k.next+`}`).Want(t, 200))
		two := k.plainOf(overlapping)
		if two == one || two == "" || k.nextPlain != "" && two != k.nextPlain {
			t.Fatalf("answered %v", overlapping)
		}
		if !proves(s.ring, s.proof(t, d, 1), one) || !proves(s.ring, s.proof(t, d, 2), two) {
			t.Fatal("one of the two is not proved")
		}
		if k.identifier != "" && k.identifierOf(overlapping) != k.identifierOf(d) {
			t.Fatalf("it is named %s now", k.identifierOf(overlapping))
		}
		dev.Post(t, d.path()+"/rotate", `{"overlap_seconds":60,"config":`+k.next+`}`).Refused(t, 409, "rotation_in_progress")
		s.later(time.Hour)
		s.sweep(t)
		if got := statuses(t, dev.Get(t, d.path())); !cmp.Equal(got, map[float64]string{1: "retired", 2: "live"}) {
			t.Fatalf("versions %v", got)
		}

		last := `{}`
		if k.secret == "" {
			last = fmt.Sprintf(`{"config":{"public_key":%q}}`, publicKey())
			dev.Post(t, d.path()+"/rotate", nil).Refused(t, 422, "validation_failed")
		}
		rotated := read(t, dev.Post(t, d.path()+"/rotate", last).Want(t, 200))
		if three := k.plainOf(rotated); three == two || !proves(s.ring, s.proof(t, d, 3), three) {
			t.Fatalf("answered %v", rotated)
		}
		for _, version := range []int{1, 2} {
			if _, erased := s.published(t, d, version); !erased {
				t.Fatalf("gateways are not told to erase version %d", version)
			}
		}
		history := string(dev.Get(t, d.path()+"/history").Want(t, 200).Body)
		if changed := strings.Contains(history, `"config":{"before":`); changed != (k.secret == "") {
			t.Fatalf("a rotation tells of a changed config: %v: %s", changed, history)
		}
		if diff := cmp.Diff(rotated["config"], read(t, dev.Get(t, d.path()).Want(t, 200))["config"]); diff != "" {
			t.Fatalf("the config is (-answered +stored):\n%s", diff)
		}
	})
}

func TestEveryTypeIsPatched(t *testing.T) {
	each(t, func(t *testing.T, s *service, k kind) {
		dev := s.Developer("payments")
		d := s.issue(t, k.body("n", k.chosen))
		for _, fixed := range k.fixed {
			dev.Patch(t, d.path(), `{"config":`+fixed+`}`).Refused(t, 409, "identifier_immutable")
		}
		shown, err := json.Marshal(d["config"])
		if err != nil {
			t.Fatal(err)
		}
		if same := read(t, dev.Patch(t, d.path(), `{"config":`+string(shown)+`}`).Want(t, 200)); same["version"] != 1.0 {
			t.Fatalf("repeating the config changed it: %v", same)
		}
		if k.patch == "" {
			return
		}
		got := read(t, dev.Patch(t, d.path(), `{"config":`+k.patch+`}`).Want(t, 200))
		want := maps.Clone(d["config"].(map[string]any))
		for name, value := range k.patched {
			if want[name] = value; value == nil {
				delete(want, name)
			}
		}
		if diff := cmp.Diff(want, got["config"]); diff != "" || got["version"] != 2.0 {
			t.Fatalf("the config is (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(got, read(t, dev.Get(t, d.path()).Want(t, 200))); diff != "" {
			t.Fatalf("it is not what was answered:\n%s", diff)
		}
		if !proves(s.ring, s.proof(t, d, 1), k.plainOf(d)) {
			t.Fatal("its secret is another one")
		}
	})
}

func TestEveryTypeIsSuspendedResumedExpiredAndRevoked(t *testing.T) {
	each(t, func(t *testing.T, s *service, k kind) {
		dev := s.Developer("payments")
		d := s.issue(t, strings.TrimSuffix(k.body("n", k.chosen), "}")+`,"expires_at":"`+s.now().Add(time.Hour).UTC().Format(time.RFC3339)+`"}`)
		is := func(status string) {
			t.Helper()
			if got := read(t, dev.Get(t, d.path()).Want(t, 200)); got["status"] != status {
				t.Fatalf("it is %v, want %s", got["status"], status)
			}
		}
		dev.Post(t, d.path()+"/suspend", nil).Want(t, 200)
		is("suspended")
		dev.Post(t, d.path()+"/rotate", `{"config":`+k.next+`}`).Want(t, 200)
		dev.Post(t, d.path()+"/resume", nil).Want(t, 200)
		is("active")
		s.later(time.Hour)
		s.sweep(t)
		is("expired")
		illegal(t, dev.Post(t, d.path()+"/rotate", `{"config":`+k.next+`}`), "expired")
		if k.patch != "" {
			dev.Patch(t, d.path(), `{"config":`+k.patch+`}`).Want(t, 200)
		}
		held := k.chosen // by its identifier, till it is revoked
		if k.identifier == "" {
			held = k.next
		}
		dev.Post(t, "/v1/consumers/acme/credentials", k.body("m", held)).Refused(t, 409, "credential_taken")
		dev.Patch(t, d.path(), `{"expires_at":null}`).Want(t, 200)
		is("active")
		dev.Post(t, d.path()+"/revoke", `{"reason":"gone"}`).Want(t, 200)
		is("revoked")
		for _, version := range []int{1, 2} {
			if _, there := s.material(t, d, version); there {
				t.Fatalf("version %d is there", version)
			}
			if _, erased := s.published(t, d, version); !erased {
				t.Fatalf("gateways are not told to erase version %d", version)
			}
		}
		if k.identifier != "" {
			if _, err := s.store.Holder(t.Context(), domain.IdentifierScope, k.authType+"/"+k.identifierOf(d)); err == nil {
				t.Fatal("its identifier is still held")
			}
		}
		s.issue(t, k.body("n", k.chosen)) // everything is free again
	})
}

func TestAnotherSchemeIsInItsOwnHeader(t *testing.T) {
	s := start(t)
	dev := s.Developer("payments")
	d := s.issue(t, `{"name":"n","type":"hmac"}`)
	for scheme, header := range map[string]string{"rfc9421": "Signature", "signature": "Authorization", "aksk": "Authorization"} {
		got := read(t, dev.Patch(t, d.path(), `{"config":{"scheme":"`+scheme+`"}}`).Want(t, 200))
		if !cmp.Equal(got["placement"], map[string]any{"in": "header", "name": header}) {
			t.Fatalf("%s is in %v", scheme, got["placement"])
		}
	}
	dev.Patch(t, d.path(), `{"config":{"scheme":"rfc9421"},"placement":{"name":"Authorization"}}`).Refused(t, 422, "validation_failed")
	dev.Patch(t, d.path(), `{"config":{"scheme":"rfc9421"},"placement":{"name":"signature"}}`).Want(t, 200)
	back := read(t, dev.Patch(t, d.path(), `{"config":null}`).Want(t, 200))
	if config := back["config"].(map[string]any); config["scheme"] != "aksk" || config["access_key"] != d.text("id") ||
		!cmp.Equal(back["placement"], map[string]any{"in": "header", "name": "Authorization"}) {
		t.Fatalf("without its settings it is %v", back)
	}
}

// statuses answers the statuses of the secret versions.
func statuses(t *testing.T, r *httpapitest.Response) map[float64]string {
	t.Helper()
	found := map[float64]string{}
	for _, version := range read(t, r.Want(t, 200))["secrets"].([]any) {
		v := version.(map[string]any)
		found[v["version"].(float64)] = v["status"].(string)
	}
	return found
}

// sweep runs the clock of the service once.
func (s *service) sweep(t *testing.T) {
	t.Helper()
	clock := policies.Expiry{Reader: s.store, Credentials: handler(s.store), Clock: s.now, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	if err := clock.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
}
