package oauth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/credential/internal/oauth"
	"github.com/tidegate-io/tidegate/services/credential/internal/signing"
)

func key(t *testing.T, k oauth.PublicKey) *ecdsa.PublicKey {
	t.Helper()
	x, errX := base64.RawURLEncoding.DecodeString(k.X)
	y, errY := base64.RawURLEncoding.DecodeString(k.Y)
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, x, y))
	if err := errors.Join(errX, errY, err); err != nil {
		t.Fatal(err)
	}
	return public
}

func (w *world) published(t *testing.T) oauth.KeySet {
	t.Helper()
	answer := w.Anonymous().Get(t, oauth.KeysPath).Want(t, 200)
	if answer.Header.Get("Cache-Control") != "public, max-age=300" || answer.Header.Get("Content-Type") != "application/jwk-set+json" {
		t.Errorf("the keys come with %v", answer.Header)
	}
	return httpapitest.Read[oauth.KeySet](t, answer)
}

// listed answers the kids by status, as administrators see them.
func (w *world) listed(t *testing.T) map[string][]string {
	t.Helper()
	page := httpapitest.Read[struct {
		Items []struct{ Kid, Status string }
	}](t, w.Auditor().Get(t, "/v1/signing-keys").Want(t, 200))
	all := map[string][]string{}
	for _, k := range page.Items {
		all[k.Status] = append(all[k.Status], k.Kid)
	}
	return all
}

// rotate rotates the keys, as soon as that may be.
func (w *world) rotate(t *testing.T, body any) {
	t.Helper()
	w.later(time.Minute)
	w.Admin().Post(t, "/v1/signing-keys/rotate", body).Want(t, 200)
}

func (w *world) kept(t *testing.T, kid string) bool {
	t.Helper()
	material, err := w.store.Material(t.Context(), signing.MaterialKey(kid))
	if err != nil {
		t.Fatal(err)
	}
	return len(material[signing.MaterialKey(kid)].Kept) > 0
}

func TestKeysAreRotatedWhileTokensAreOut(t *testing.T) {
	w := start(t)
	c := w.client(t, `{}`)
	first := w.listed(t)
	given := w.tokens(t, c)
	w.rotate(t, nil)
	second := w.listed(t)
	if second["current"][0] != first["next"][0] || second["previous"][0] != first["current"][0] || second["next"][0] == first["next"][0] {
		t.Fatalf("%v became %v", first, second)
	}
	if len(w.published(t).Keys) != 3 || !w.active(t, c, given.AccessToken) {
		t.Fatal("a token that was out does not count any more")
	}
	w.claims(t, given.AccessToken)
	w.claims(t, w.tokens(t, c).AccessToken)
	if w.kept(t, second["previous"][0]) || !w.kept(t, second["current"][0]) || !w.kept(t, second["next"][0]) {
		t.Error("the private half of the key that signed is kept, or another is not")
	}

	w.later(25 * time.Hour)
	if err := w.keys.Tend(t.Context()); err != nil {
		t.Fatal(err)
	}
	if third := w.listed(t); len(third["previous"]) != 0 || third["current"][0] != second["current"][0] {
		t.Errorf("after the overlap there are %v", third)
	}

	t.Run("at once when they may be in the wrong hands", func(t *testing.T) {
		given := w.tokens(t, c)
		w.rotate(t, map[string]any{"overlap_seconds": 0})
		if keys := w.listed(t); len(keys["previous"]) != 0 || w.active(t, c, given.AccessToken) {
			t.Errorf("a token of the old key counts: %v", keys)
		}
		w.claims(t, w.tokens(t, c).AccessToken)
	})
	t.Run("by the clock, every 90 days", func(t *testing.T) {
		before := w.listed(t)
		for days, rotated := range map[int]bool{89: false, 90: true} {
			w.later(time.Duration(days) * 24 * time.Hour)
			if err := w.keys.Tend(t.Context()); err != nil {
				t.Fatal(err)
			}
			if now := w.listed(t); (now["current"][0] == before["next"][0]) != rotated {
				t.Errorf("after %d days there are %v", days, now)
			}
			if rotated {
				return
			}
			w.later(-time.Duration(days) * 24 * time.Hour)
		}
	})
}

func TestWhoMayRotateSigningKeys(t *testing.T) {
	w := start(t)
	w.Auditor().Get(t, "/v1/signing-keys").Want(t, 200)
	for _, c := range []*httpapitest.Client{w.Developer("payments"), w.Provider("pets")} {
		c.Get(t, "/v1/signing-keys").Refused(t, 403, "forbidden")
		c.Post(t, "/v1/signing-keys/rotate", nil).Refused(t, 403, "forbidden")
	}
	w.Auditor().Post(t, "/v1/signing-keys/rotate", nil).Refused(t, 403, "forbidden")
	for _, overlap := range []int{-1, 90001} {
		w.Admin().Post(t, "/v1/signing-keys/rotate", map[string]any{"overlap_seconds": overlap}).Refused(t, 422, "validation_failed")
	}
	if got := w.Admin().Get(t, "/v1/signing-keys").ETag(); got != `"1"` {
		t.Errorf("it is at %s", got)
	}
	w.Admin().IfMatch(`"7"`).Post(t, "/v1/signing-keys/rotate", nil).Refused(t, 412, "version_mismatch")
	again := w.Admin().Idempotent("once")
	first := again.Post(t, "/v1/signing-keys/rotate", nil).Want(t, 200)
	if second := again.Post(t, "/v1/signing-keys/rotate", nil).Want(t, 200); string(first.Body) != string(second.Body) || second.ETag() != `"2"` {
		t.Errorf("the same call rotated again: %s", second.Body)
	}
}

func TestPrivateKeysAreNowhereInTheOpen(t *testing.T) {
	w := start(t)
	w.rotate(t, nil)
	w.tokens(t, w.client(t, `{}`))
	everything := w.events(t) + w.log.String() + string(w.Admin().Get(t, "/v1/signing-keys").Body) + string(w.Anonymous().Get(t, oauth.KeysPath).Body)
	for _, name := range []string{`"d":`, "PRIVATE KEY"} {
		if strings.Contains(everything, name) {
			t.Errorf("there is %q", name)
		}
	}
	_, private, err := w.keys.Current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := private.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	for _, encoding := range []*base64.Encoding{base64.RawURLEncoding, base64.RawStdEncoding} {
		if strings.Contains(everything, encoding.EncodeToString(raw)) {
			t.Error("a private key is in the open")
		}
	}
	records, err := w.store.MaterialSince(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if strings.HasPrefix(r.Key, signing.ID) {
			t.Errorf("%s is given to gateways", r.Key)
		}
	}
}

func TestReplicasAgreeOnTheKeys(t *testing.T) {
	path, ring := filepath.Join(t.TempDir(), "credential.db"), secret.New()
	stores := []es.Store{open(t, path), open(t, path), open(t, path), open(t, path)}
	replicas := make([]*world, len(stores))
	var starting sync.WaitGroup
	for i, store := range stores {
		starting.Go(func() { replicas[i] = serve(t, store, ring, &atomic.Int64{}) })
	}
	starting.Wait()
	if made := strings.Count(replicas[0].events(t), "signing_keys_rotated"); made/2 != 1 { // in type and dataschema
		t.Fatalf("%d sets were made", made/2)
	}
	one, other := replicas[0], replicas[1]
	one.hear(t, acme)
	c := one.client(t, `{}`)
	given := other.tokens(t, c)
	one.claims(t, given.AccessToken)
	if !one.active(t, c, given.AccessToken) {
		t.Error("another replica does not know the token")
	}
	other.rotate(t, nil) // one has the private key of before in memory, and must not use it
	one.tokens(t, c)
	if kid, _, err := one.keys.Current(t.Context()); err != nil || kid != one.listed(t)["current"][0] {
		t.Errorf("it signs with %s: %v", kid, err)
	}
	used := one.refresh(t, c, given.RefreshToken).want(t, 200)
	other.refresh(t, c, given.RefreshToken).refused(t, 400, "invalid_grant")
	one.refresh(t, c, used.RefreshToken).refused(t, 400, "invalid_grant") // the grant ended with that
}

func TestTwoWhoRotateAtOnceRotateOnce(t *testing.T) {
	w := start(t)
	w.later(time.Minute)
	statuses := make([]int, 6)
	var all sync.WaitGroup
	for i := range statuses {
		all.Go(func() { statuses[i] = w.Admin().Post(t, "/v1/signing-keys/rotate", nil).Status })
	}
	all.Wait()
	done := 0
	for _, status := range statuses {
		if status == 200 {
			done++
		} else if status != 409 {
			t.Errorf("answered %d", status)
		}
	}
	if sets := strings.Count(w.events(t), "signing_keys_rotated") / 2; done == 0 || sets != done+1 {
		t.Errorf("%d were told that it is done, and there are %d sets", done, sets)
	}
}

func TestARestartKeepsKeysAndTokens(t *testing.T) {
	path, ring := filepath.Join(t.TempDir(), "credential.db"), secret.New()
	var c issued
	var given answer
	t.Run("before", func(t *testing.T) {
		w := startAt(t, path, ring)
		c = w.client(t, `{}`)
		given = w.tokens(t, c)
	})
	w := startAt(t, path, ring)
	if !w.active(t, c, given.AccessToken) {
		t.Error("the access token does not count any more")
	}
	w.refresh(t, c, given.RefreshToken).want(t, 200)
	if sets := strings.Count(w.events(t), "signing_keys_rotated") / 2; sets != 1 {
		t.Errorf("there are %d sets of keys", sets)
	}
}

func TestKeysThatARestoreHasLostAreReplaced(t *testing.T) {
	w := start(t)
	c := w.client(t, `{}`)
	given, before := w.tokens(t, c), w.listed(t)
	_, err := w.store.Append(t.Context(), es.Batch{Stream: "credential-" + signing.ID, Expect: es.Any, Material: []es.Material{
		{Key: signing.MaterialKey(before["next"][0]), Erase: true},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.keys.Tend(t.Context()); err != nil {
		t.Fatal(err)
	}
	now := w.listed(t)
	if slices.Contains(now["current"], before["next"][0]) || now["previous"][0] != before["current"][0] || !w.active(t, c, given.AccessToken) {
		t.Errorf("%v became %v", before, now)
	}
	w.claims(t, w.tokens(t, c).AccessToken)
}

func TestWithoutKeysItIsNotDoneNow(t *testing.T) {
	store, ring := open(t, filepath.Join(t.TempDir(), "credential.db")), secret.New()
	keys := oauth.NewKeys(store, registry, ring, time.Now, nil)
	if err := keys.Ready(t.Context()); !errors.Is(err, signing.ErrNone) {
		t.Fatalf("it is ready: %v", err)
	}
	api := httpapitest.Start(t, httpapi.Config{Service: "credential"}, func(s *httpapi.Server) {
		oauth.Register(s, oauth.Config{Store: store, Registry: registry, Ring: ring, Clock: time.Now, Keys: keys})
	})
	answer := api.Anonymous().Get(t, oauth.KeysPath).Want(t, 503)
	if answer.Header.Get("Retry-After") != "1" || !strings.Contains(string(answer.Body), "temporarily_unavailable") {
		t.Errorf("%s", answer.Body)
	}
}
