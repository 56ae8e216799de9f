package oauth_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
	"github.com/tidegate-io/tidegate/services/credential/internal/oauth"
)

func TestARefreshTokenWorksOnce(t *testing.T) {
	w := start(t)
	c := w.client(t, `{"scopes":["a","b"]}`)
	first := w.tokens(t, c)
	second := w.refresh(t, c, first.RefreshToken).want(t, 200)
	if second.RefreshToken == first.RefreshToken || second.AccessToken == first.AccessToken || second.Scope != "a b" {
		t.Fatalf("%s", second.Body)
	}
	if w.active(t, c, first.RefreshToken) || !w.active(t, c, second.RefreshToken) || !w.active(t, c, first.AccessToken) {
		t.Error("the one that was used counts, or another does not")
	}
	third := w.refresh(t, c, second.RefreshToken).want(t, 200)
	other := w.tokens(t, c)

	t.Run("and ends its grant when it is shown again", func(t *testing.T) {
		w.refresh(t, c, second.RefreshToken).refused(t, 400, "invalid_grant")
		for name, token := range map[string]string{
			"the first access token": first.AccessToken, "the last access token": third.AccessToken, "the last refresh token": third.RefreshToken,
		} {
			if w.active(t, c, token) {
				t.Errorf("%s still counts", name)
			}
		}
		w.refresh(t, c, third.RefreshToken).refused(t, 400, "invalid_grant")
		grant, _ := w.claims(t, third.AccessToken)["grant_id"].(string)
		if told := strings.Count(w.events(t), `"token_id":"`+grant+`"`); told != 1 {
			t.Errorf("it is told %d times that %s is revoked", told, grant)
		}
	})
	t.Run("and leaves other grants alone", func(t *testing.T) {
		w.refresh(t, c, other.RefreshToken).want(t, 200)
	})
}

func TestOfManyWhoShowOneRefreshTokenOneIsGivenTokens(t *testing.T) {
	w := start(t)
	c := w.client(t, `{}`)
	for round := range 8 {
		given := w.tokens(t, c)
		answers := make([]answer, 6)
		var all sync.WaitGroup
		for i := range answers {
			all.Go(func() { answers[i] = w.refresh(t, c, given.RefreshToken) })
		}
		all.Wait()
		won := 0
		for _, a := range answers {
			switch {
			case a.Status == 200:
				won++
			case a.Code != "invalid_grant":
				t.Errorf("answered %s", a.Body)
			}
		}
		if won != 1 {
			t.Errorf("round %d: %d of %d who showed one refresh token at once were given tokens", round, won, len(answers))
		}
	}
}

func TestScopesOfARefresh(t *testing.T) {
	w := start(t)
	c := w.client(t, `{"scopes":["a","b","c"]}`)
	given := w.tokens(t, c, "scope", "b a")
	narrowed := w.refresh(t, c, given.RefreshToken, "scope", "a").want(t, 200)
	if narrowed.Scope != "a" {
		t.Errorf("granted %q", narrowed.Scope)
	}
	again := w.refresh(t, c, narrowed.RefreshToken).want(t, 200) // the grant is still of both
	if again.Scope != "b a" {
		t.Errorf("granted %q", again.Scope)
	}
	w.refresh(t, c, again.RefreshToken, "scope", "a c").refused(t, 400, "invalid_scope")
	w.Developer("payments").Patch(t, c.path(), `{"config":{"scopes":["a","c"]}}`).Want(t, 200)
	last := w.refresh(t, c, again.RefreshToken).want(t, 200) // what was refused has used up nothing
	if last.Scope != "a" || w.claims(t, last.AccessToken)["scope"] != "a" {
		t.Errorf("what the credential may not ask for any more is granted: %q", last.Scope)
	}
	w.refresh(t, c, last.RefreshToken, "scope", "b").refused(t, 400, "invalid_scope")
}

func TestWhatIsNoRefreshToken(t *testing.T) {
	w := start(t)
	c := w.client(t, `{"refresh_ttl_seconds":3600}`)
	other := w.issue(t, "other", "oauth2", `{}`)
	given := w.tokens(t, c)
	elsewhere := start(t)
	foreign := elsewhere.tokens(t, elsewhere.client(t, `{}`)).RefreshToken
	for name, token := range map[string]string{
		"an access token": given.AccessToken, "a changed one": given.RefreshToken[:len(given.RefreshToken)-4] + "AAAA", "a short one": "tg_r_",
		"one of another server": foreign, "without its prefix": strings.TrimPrefix(given.RefreshToken, "tg_r_"),
	} {
		t.Run(name, func(t *testing.T) { w.refresh(t, c, token).refused(t, 400, "invalid_grant") })
	}
	t.Run("one of another client, whose it stays", func(t *testing.T) {
		w.refresh(t, other, given.RefreshToken).refused(t, 400, "invalid_grant")
		given = w.refresh(t, c, given.RefreshToken).want(t, 200)
	})
	t.Run("one that has expired", func(t *testing.T) {
		w.later(time.Hour)
		defer w.later(-time.Hour)
		w.refresh(t, c, given.RefreshToken).refused(t, 400, "invalid_grant")
		if w.active(t, c, given.RefreshToken) {
			t.Error("it is told as active")
		}
	})
	t.Run("a client without them is given none, and what it has serves once more", func(t *testing.T) {
		w.Developer("payments").Patch(t, c.path(), `{"config":{"refresh_ttl_seconds":0}}`).Want(t, 200)
		if got := w.tokens(t, c); got.RefreshToken != "" || w.claims(t, got.AccessToken)["grant_id"] != nil {
			t.Errorf("%s", got.Body)
		}
		if got := w.refresh(t, c, given.RefreshToken).want(t, 200); got.RefreshToken != "" {
			t.Errorf("%s", got.Body)
		}
		w.refresh(t, c, given.RefreshToken).refused(t, 400, "invalid_grant")
	})
	t.Run("none after its credential was revoked", func(t *testing.T) {
		given := w.tokens(t, other)
		w.Developer("payments").Post(t, other.path()+"/revoke", nil).Want(t, 200)
		w.send(t, "POST", oauth.LoginPath, `{"refresh_token":"`+given.RefreshToken+`"}`, "Content-Type: application/json").refused(t, 401, "invalid_client")
		told := w.Admin().With("Content-Type", "application/x-www-form-urlencoded").Post(t, oauth.IntrospectPath, "token="+given.RefreshToken).Want(t, 200)
		if httpapitest.Read[oauth.Introspection](t, told).Active {
			t.Error("it is told as active")
		}
	})
}
