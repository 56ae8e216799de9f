package api_test

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
)

func illegal(t *testing.T, r *httpapitest.Response, current string) {
	t.Helper()
	if problem := r.Refused(t, 409, "illegal_transition"); problem.CurrentStatus != current {
		t.Fatalf("current_status %q, want %q", problem.CurrentStatus, current)
	}
}

func TestTheLifeOfACredential(t *testing.T) {
	s := start(t)
	dev := s.Developer("payments")
	d := s.issue(t, `{"name":"n","type":"api_key"}`)
	illegal(t, dev.Post(t, d.path()+"/resume", nil), "active")
	if got := read(t, dev.Post(t, d.path()+"/suspend", `{"reason":"leak"}`).Want(t, 200)); got["status"] != "suspended" {
		t.Fatalf("answered %v", got)
	}
	illegal(t, dev.Post(t, d.path()+"/suspend", nil), "suspended")
	dev.Post(t, d.path()+"/rotate", nil).Want(t, 200)
	if got := read(t, dev.Post(t, d.path()+"/resume", `{}`).Want(t, 200)); got["status"] != "active" {
		t.Fatalf("answered %v", got)
	}
	revoked := read(t, dev.Post(t, d.path()+"/revoke", `{"reason":"gone"}`).Want(t, 200))
	if revoked["status"] != "revoked" {
		t.Fatalf("answered %v", revoked)
	}
	for _, secret := range revoked["secrets"].([]any) {
		if v := secret.(map[string]any); v["status"] != "retired" || v["hint"] != "" {
			t.Fatalf("a revoked one has the secret %v", v)
		}
	}
	illegal(t, dev.Post(t, d.path()+"/revoke", nil), "revoked")
	illegal(t, dev.Delete(t, d.path()), "revoked")
	illegal(t, dev.Post(t, d.path()+"/suspend", nil), "revoked")
	illegal(t, dev.Post(t, d.path()+"/resume", nil), "revoked")
	illegal(t, dev.Post(t, d.path()+"/rotate", nil), "revoked")
	illegal(t, dev.Patch(t, d.path(), `{"name":"z"}`), "revoked")
	dev.Get(t, d.path()).Want(t, 200)

	history := httpapitest.Read[struct {
		Items []struct {
			Type, Actor string
			Version     int
			Data        document
		}
	}](t, dev.Get(t, d.path()+"/history").Want(t, 200))
	var types []string
	for i, past := range history.Items {
		types = append(types, strings.TrimPrefix(past.Type, "credential."))
		if past.Actor != "developer@payments" || past.Version != i+1 || past.Data["consumer_id"] != "acme" ||
			past.Data["credential_id"] != d.text("id") || past.Data["team"] != "payments" {
			t.Fatalf("past %+v", past)
		}
	}
	if want := []string{"issued", "suspended", "rotated", "resumed", "revoked"}; !slices.Equal(types, want) {
		t.Fatalf("history %v, want %v", types, want)
	}
}

func TestAPatchIsMerged(t *testing.T) {
	s := start(t)
	for name, c := range map[string]struct{ patch, want string }{
		"nothing":                 {`{}`, `{}`},
		"the same":                {`{"name":"merged","type":"api_key","consumer_id":"acme","expires_at":"2098-01-01T00:00:00Z","config":{}}`, `{}`},
		"the name":                {`{"name":"B"}`, `{"name":"B"}`},
		"the placement":           {`{"placement":{"in":"cookie","name":"k"}}`, `{"placement":{"in":"cookie","name":"k"}}`},
		"half the placement":      {`{"placement":{"name":"X-Other"}}`, `{"placement":{"in":"header","name":"X-Other"}}`},
		"the placement away":      {`{"placement":null}`, `{"placement":{"in":"header","name":"X-API-Key"}}`},
		"the expiry":              {`{"expires_at":"2099-01-01T00:00:00Z"}`, `{"expires_at":"2099-01-01T00:00:00Z"}`},
		"the expiry away":         {`{"expires_at":null}`, `{"expires_at":null}`},
		"hide_credentials":        {`{"hide_credentials":false}`, `{"hide_credentials":false}`},
		"hide_credentials away":   {`{"hide_credentials":null}`, `{"hide_credentials":false}`},
		"several things at once":  {`{"name":"C","hide_credentials":false}`, `{"name":"C","hide_credentials":false}`},
		"the config, with a null": {`{"config":null}`, `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			d := s.issue(t, `{"name":"merged","type":"api_key","hide_credentials":true,"expires_at":"2098-01-01T00:00:00Z","placement":{"in":"header","name":"X-Key"}}`)
			defer s.Developer("payments").Delete(t, d.path())
			want := d
			delete(want, "secret")
			maps.Copy(want, decode(t, c.want))
			if c.want != `{}` {
				want["version"] = 2.0
			}
			got := read(t, s.Developer("payments").Patch(t, d.path(), c.patch).Want(t, 200))
			stored := read(t, s.Developer("payments").Get(t, d.path()).Want(t, 200))
			if diff := cmp.Diff(stored, got); diff != "" {
				t.Fatalf("it is not what was answered (-stored +answered):\n%s", diff)
			}
			want["updated_at"] = got["updated_at"]
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("it is (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAVersionThatIsNotTheCurrentOneIsRefused(t *testing.T) {
	s := start(t)
	d := s.issue(t, `{"name":"n","type":"api_key"}`)
	dev := s.Developer("payments")
	for _, call := range []string{"PATCH ", "POST /suspend", "POST /resume", "POST /rotate", "POST /revoke", "DELETE "} {
		method, action, _ := strings.Cut(call, " ")
		var body any
		if method == "PATCH" {
			body = `{"name":"x"}`
		}
		dev.IfMatch(`"7"`).Do(t, method, d.path()+action, body).Refused(t, 412, "version_mismatch")
	}
	if etag := dev.IfMatch(`"1"`).Post(t, d.path()+"/rotate", nil).Want(t, 200).ETag(); etag != `"2"` {
		t.Fatalf("ETag %s", etag)
	}
	dev.IfMatch(`"1"`).Patch(t, d.path(), `{"name":"y"}`).Refused(t, 412, "version_mismatch")
}

func TestListsAreFiltered(t *testing.T) {
	s := start(t)
	s.register(t, "rival", "other")
	in := func(days int) string {
		return fmt.Sprintf(`"expires_at":%q`, time.Now().Add(time.Duration(days)*24*time.Hour-time.Minute).UTC().Format(time.RFC3339))
	}
	s.issue(t, `{"name":"key","type":"api_key"}`)
	s.issue(t, `{"name":"soon","type":"api_key",`+in(3)+`}`)
	s.issue(t, `{"name":"later","type":"basic",`+in(30)+`}`)
	gone := s.issue(t, `{"name":"gone","type":"basic",`+in(3)+`}`)
	held := s.issue(t, `{"name":"held","type":"basic"}`)
	s.Developer("other").Post(t, "/v1/consumers/rival/credentials", `{"name":"foreign","type":"api_key"}`).Want(t, 201)
	s.Admin().Post(t, gone.path()+"/revoke", nil).Want(t, 200)
	s.Admin().Post(t, held.path()+"/suspend", nil).Want(t, 200)
	for query, want := range map[string][]string{
		"":                                       {"key", "soon", "later", "held", "foreign"},
		"status=active":                          {"key", "soon", "later", "foreign"},
		"status=suspended":                       {"held"},
		"status=revoked":                         {"gone"},
		"status=expired":                         {},
		"status=all":                             {"key", "soon", "later", "gone", "held", "foreign"},
		"type=basic":                             {"later", "held"},
		"type=hmac":                              {},
		"consumer_id=rival":                      {"foreign"},
		"consumer_id=nobody":                     {},
		"expiring_within_days=2":                 {},
		"expiring_within_days=3":                 {"soon"},
		"expiring_within_days=30":                {"soon", "later"},
		"expiring_within_days=3&type=jwt":        {},
		"status=all&type=basic&consumer_id=acme": {"later", "gone", "held"},
	} {
		t.Run("by "+query, func(t *testing.T) {
			if got := names(t, s.Admin().Get(t, "/v1/credentials?"+query)); !slices.Equal(got, want) {
				t.Fatalf("found %v, want %v", got, want)
			}
		})
	}
	t.Run("of a consumer", func(t *testing.T) {
		for query, want := range map[string][]string{
			"": {"key", "soon", "later", "held"}, "status=revoked": {"gone"}, "status=all": {"key", "soon", "later", "gone", "held"},
		} {
			if got := names(t, s.Developer("payments").Get(t, "/v1/consumers/acme/credentials?"+query)); !slices.Equal(got, want) {
				t.Fatalf("by %s found %v, want %v", query, got, want)
			}
		}
	})
	t.Run("to what the caller may see", func(t *testing.T) {
		for client, want := range map[*httpapitest.Client]int{
			s.Developer("payments"): 4, s.Developer("other", "payments"): 5, s.Developer("third"): 0,
			s.Provider("payments"): 0, s.Auditor(): 5,
		} {
			if got := names(t, client.Get(t, "/v1/credentials")); len(got) != want {
				t.Fatalf("found %v, want %d", got, want)
			}
		}
	})
	t.Run("page by page", func(t *testing.T) {
		var all []string
		for cursor, pages := "", 0; pages < 10; pages++ {
			page := httpapitest.Read[struct {
				Items []struct{ Name string }
				Next  string `json:"next_cursor"`
			}](t, s.Admin().Get(t, "/v1/credentials?limit=2&cursor="+url.QueryEscape(cursor)).Want(t, 200))
			for _, item := range page.Items {
				all = append(all, item.Name)
			}
			if cursor = page.Next; cursor == "" {
				break
			}
		}
		if !slices.Equal(all, []string{"key", "soon", "later", "held", "foreign"}) {
			t.Fatalf("found %v", all)
		}
	})
}

func TestWhatMayNotBeReadIsNotThere(t *testing.T) {
	s := start(t)
	d := s.issue(t, `{"name":"n","type":"api_key"}`)
	for call, body := range map[string]string{
		"GET ": "", "GET /history": "", "PATCH ": `{"name":"y"}`, "POST /rotate": "", "POST /suspend": "", "POST /resume": "",
		"POST /revoke": "", "DELETE ": "",
	} {
		t.Run(call, func(t *testing.T) {
			method, action, _ := strings.Cut(call, " ")
			do := func(c *httpapitest.Client, path string) *httpapitest.Response {
				if body == "" {
					return c.Do(t, method, path+action, nil)
				}
				return c.Do(t, method, path+action, body)
			}
			do(s.Developer("other"), d.path()).Refused(t, 404, "not_found")
			do(s.Provider("payments"), d.path()).Refused(t, 404, "not_found")
			do(s.Admin(), "/v1/credentials/cred_nobody").Refused(t, 404, "not_found")
			do(s.Anonymous(), d.path()).Refused(t, 401, "unauthenticated")
			if method == "GET" {
				do(s.Auditor(), d.path()).Want(t, 200)
			} else {
				do(s.Auditor(), d.path()).Refused(t, 403, "forbidden")
			}
		})
	}
	t.Run("issuing", func(t *testing.T) {
		body := `{"name":"x","type":"api_key"}`
		s.Auditor().Post(t, "/v1/consumers/acme/credentials", body).Refused(t, 403, "forbidden")
		s.Provider("payments").Post(t, "/v1/consumers/acme/credentials", body).Refused(t, 404, "not_found")
		s.Provider("payments").Get(t, "/v1/consumers/acme/credentials").Refused(t, 404, "not_found")
		s.Anonymous().Post(t, "/v1/consumers/acme/credentials", body).Refused(t, 401, "unauthenticated")
	})
}

func decode(t *testing.T, text string) document {
	t.Helper()
	return httpapitest.Read[document](t, &httpapitest.Response{Body: []byte(text)})
}
