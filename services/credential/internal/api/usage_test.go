package api_test

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
	"github.com/tidegate-io/tidegate/services/credential/internal/usage"
)

// use tells of uses, as a gateway that reports once does.
func (s *service) use(t *testing.T, d document, count int64, last time.Time) {
	t.Helper()
	s.boots++
	err := usage.Taker{Store: s.store, Clock: s.now}.Take(t.Context(), bus.UsageBatch{
		Gateway: "gw", Boot: fmt.Sprint(s.boots), Sequence: 1, Uses: []bus.Use{{Credential: d.text("id"), Count: count, Last: last}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestACredentialSaysWhenItWasUsed(t *testing.T) {
	s := start(t)
	d := s.issue(t, `{"name":"n","type":"api_key"}`)
	dev := s.Developer("payments")
	if shown := read(t, dev.Get(t, d.path())); shown["last_used_at"] != nil || shown["use_count"] != 0.0 {
		t.Fatalf("never used: %v, %v", shown["last_used_at"], shown["use_count"])
	}
	before := dev.Get(t, d.path()).ETag()
	at := time.Now().Add(-time.Minute).UTC().Truncate(time.Millisecond)
	s.use(t, d, 5, at)
	s.use(t, d, 2, at.Add(-time.Hour))
	used := func(r *httpapitest.Response) {
		t.Helper()
		shown := read(t, r.Want(t, 200))
		if shown["last_used_at"] != at.Format(time.RFC3339Nano) || shown["use_count"] != 7.0 {
			t.Errorf("last used %v, %v times", shown["last_used_at"], shown["use_count"])
		}
	}
	got := dev.Get(t, d.path())
	used(got)
	if got.ETag() != before {
		t.Errorf("a use has changed the ETag from %s to %s", before, got.ETag())
	}
	used(dev.Patch(t, d.path(), `{"name":"m"}`))
	used(dev.Post(t, d.path()+"/revoke", `{"reason":"over"}`))
	used(dev.Get(t, d.path()))
	for _, list := range []string{"/v1/credentials?status=revoked", "/v1/consumers/acme/credentials?status=all"} {
		page := httpapitest.Read[struct{ Items []document }](t, dev.Get(t, list).Want(t, 200))
		if len(page.Items) != 1 || page.Items[0]["use_count"] != 7.0 {
			t.Errorf("%s: %v", list, page.Items)
		}
	}
}

// turn reads all pages of a list, one item a page, and answers the names.
func turn(t *testing.T, c *httpapitest.Client, path string, query url.Values) []string {
	t.Helper()
	found, query := []string{}, maps.Clone(query)
	query.Set("limit", "1")
	for range 50 {
		page := httpapitest.Read[struct {
			Items      []struct{ Name string }
			NextCursor string `json:"next_cursor"`
		}](t, c.Get(t, path+"?"+query.Encode()).Want(t, 200))
		for _, item := range page.Items {
			found = append(found, item.Name)
		}
		if page.NextCursor == "" {
			return found
		}
		query.Set("cursor", page.NextCursor)
	}
	t.Fatal("the list has no end")
	return nil
}

func TestListsFilterByUse(t *testing.T) {
	s := start(t)
	s.register(t, "beta", "payments")
	now := time.Now()
	issue := func(consumer, name, rest string) document {
		t.Helper()
		return read(t, s.Developer("payments").Post(t, "/v1/consumers/"+consumer+"/credentials", `{"name":"`+name+`"`+rest+`}`).Want(t, 201))
	}
	key, basic := `,"type":"api_key"`, `,"type":"basic"`
	soon := `,"expires_at":"` + now.Add(48*time.Hour).UTC().Format(time.RFC3339) + `"`
	issue("acme", "never", key)
	s.use(t, issue("acme", "old", key+soon), 1, now.AddDate(0, 0, -100))
	s.use(t, issue("beta", "lately", basic), 1, now.Add(-time.Hour))
	issue("beta", "never too", basic+soon)
	s.use(t, issue("acme", "now", key), 1, now)
	gone := issue("acme", "gone", key)
	s.Developer("payments").Post(t, gone.path()+"/revoke", `{}`).Want(t, 200)
	day := now.AddDate(0, 0, -1).UTC().Format(time.RFC3339)
	for _, c := range []struct {
		query string
		want  []string // of all consumers
		acme  []string
	}{
		{"used=never", []string{"never", "never too"}, []string{"never"}},
		{"used=ever", []string{"old", "lately", "now"}, []string{"old", "now"}},
		{"unused_since=" + day, []string{"never", "old", "never too"}, []string{"never", "old"}},
		{"used=ever&unused_since=" + day, []string{"old"}, []string{"old"}},
		{"used=never&status=all", []string{"never", "never too", "gone"}, []string{"never", "gone"}},
		{"used=never&status=revoked", []string{"gone"}, []string{"gone"}},
		{"used=never&type=basic", []string{"never too"}, []string{}},
		{"used=ever&type=api_key", []string{"old", "now"}, []string{"old", "now"}},
		{"unused_since=" + day + "&expiring_within_days=3", []string{"old", "never too"}, []string{"old"}},
		{"expiring_within_days=3&type=api_key", []string{"old"}, []string{"old"}},
		{"unused_since=" + url.QueryEscape(now.Add(time.Hour).Format(time.RFC3339)), []string{"never", "old", "lately", "never too", "now"}, []string{"never", "old", "now"}},
	} {
		t.Run(c.query, func(t *testing.T) {
			query, err := url.ParseQuery(c.query)
			if err != nil {
				t.Fatal(err)
			}
			dev := s.Developer("payments")
			for path, want := range map[string][]string{"/v1/credentials": c.want, "/v1/consumers/acme/credentials": c.acme} {
				if diff := cmp.Diff(want, turn(t, dev, path, query)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", path, diff)
				}
			}
			query.Set("consumer_id", "acme")
			if diff := cmp.Diff(c.acme, turn(t, s.Admin(), "/v1/credentials", query)); diff != "" {
				t.Errorf("by consumer_id (-want +got):\n%s", diff)
			}
			if strangers := turn(t, s.Developer("other"), "/v1/credentials", query); len(strangers) != 0 {
				t.Errorf("another team sees %v", strangers)
			}
		})
	}
	for _, bad := range []string{"used=sometimes", "unused_since=yesterday", "unused_since=2026-11-22"} {
		for _, path := range []string{"/v1/credentials?", "/v1/consumers/acme/credentials?"} {
			s.Developer("payments").Get(t, path+bad).Refused(t, 422, "validation_failed")
		}
	}
}

func TestACredentialThatIsUsedWhilePagesAreTurnedMovesNoOther(t *testing.T) {
	s := start(t)
	issued := map[string]document{}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		issued[name] = s.issue(t, `{"name":"`+name+`","type":"api_key"}`)
	}
	dev, list := s.Developer("payments"), "/v1/credentials?used=never&limit=2"
	first := dev.Get(t, list).Want(t, 200)
	s.use(t, issued["a"], 1, time.Now())
	s.use(t, issued["d"], 1, time.Now())
	next := httpapitest.Read[struct {
		NextCursor string `json:"next_cursor"`
	}](t, first).NextCursor
	found := slices.Concat(names(t, first), names(t, dev.Get(t, list+"&cursor="+next)))
	if diff := cmp.Diff([]string{"a", "b", "c", "e"}, found); diff != "" {
		t.Error(diff)
	}
}

func TestTheInventoryCountsWhatTheCallerMayRead(t *testing.T) {
	s := start(t)
	s.register(t, "foreign", "other")
	now := time.Now()
	soon := now.Add(29 * 24 * time.Hour).UTC().Format(time.RFC3339)
	s.issue(t, `{"name":"never","type":"api_key"}`)
	s.use(t, s.issue(t, `{"name":"stale","type":"basic","expires_at":"`+soon+`"}`), 1, now.AddDate(0, 0, -91))
	s.use(t, s.issue(t, `{"name":"fresh","type":"api_key"}`), 9, now.AddDate(0, 0, -89))
	suspended := s.issue(t, `{"name":"suspended","type":"api_key","expires_at":"2099-01-01T00:00:00Z"}`)
	s.Developer("payments").Post(t, suspended.path()+"/suspend", `{}`).Want(t, 200)
	for _, name := range []string{"r1", "r2"} {
		d := s.issue(t, `{"name":"`+name+`","type":"basic","expires_at":"`+soon+`"}`)
		s.use(t, d, 1, now.AddDate(-1, 0, 0))
		s.Developer("payments").Post(t, d.path()+"/revoke", `{}`).Want(t, 200)
	}
	s.Developer("other").Post(t, "/v1/consumers/foreign/credentials", `{"name":"x","type":"basic"}`).Want(t, 201)

	ours := document{
		"total": 4.0, "by_status": map[string]any{"active": 3.0, "suspended": 1.0, "revoked": 2.0},
		"by_type": map[string]any{"api_key": 3.0, "basic": 1.0}, "expiring_within_30_days": 1.0, "never_used": 2.0, "unused_for_90_days": 1.0,
	}
	theirs := document{
		"total": 1.0, "by_status": map[string]any{"active": 1.0}, "by_type": map[string]any{"basic": 1.0},
		"expiring_within_30_days": 0.0, "never_used": 1.0, "unused_for_90_days": 0.0,
	}
	all := document{
		"total": 5.0, "by_status": map[string]any{"active": 4.0, "suspended": 1.0, "revoked": 2.0},
		"by_type": map[string]any{"api_key": 3.0, "basic": 2.0}, "expiring_within_30_days": 1.0, "never_used": 3.0, "unused_for_90_days": 1.0,
	}
	nothing := document{
		"total": 0.0, "by_status": map[string]any{}, "by_type": map[string]any{},
		"expiring_within_30_days": 0.0, "never_used": 0.0, "unused_for_90_days": 0.0,
	}
	for _, c := range []struct {
		who    string
		client *httpapitest.Client
		want   document
	}{
		{"the team", s.Developer("payments"), ours},
		{"another team", s.Developer("other"), theirs},
		{"a developer of both", s.Developer("payments", "other", "payments"), all},
		{"an administrator", s.Admin(), all},
		{"an auditor", s.Auditor(), all},
		{"a team that has none", s.Developer("third"), nothing},
		{"a team whose name begins another's", s.Developer("pay"), nothing},
		{"nobody's team", s.Developer(""), nothing},
		{"a provider", s.Provider("payments"), nothing},
	} {
		t.Run(c.who, func(t *testing.T) {
			if diff := cmp.Diff(c.want, read(t, c.client.Get(t, "/v1/credentials/inventory").Want(t, 200))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	s.Anonymous().Get(t, "/v1/credentials/inventory").Want(t, 401)
}
