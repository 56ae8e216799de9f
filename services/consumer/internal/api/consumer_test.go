package api_test

import (
	"encoding/json"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
)

const acme = `{
	"id": "acme", "name": "Acme", "description": "Supplier", "labels": {"tier": "gold", "custom_id": "4711"},
	"contact": {"name": "Wile", "email": "wile@acme.example"},
	"limits": {"rate": {"requests": 100, "per_seconds": 60}, "quota": {"requests": 1000, "per": "day"}, "allowed_ips": ["10.1.2.3/8"]}
}`

func TestAConsumerIsShownAsItWasRegistered(t *testing.T) {
	s := start(t)
	created := s.Developer("payments").Post(t, "/v1/consumers", acme).Want(t, 201)
	if created.ETag() != `"1"` || created.Header.Get("Location") != "/v1/consumers/acme" {
		t.Fatalf("headers %v", created.Header)
	}
	shown := read(t, created)
	for _, member := range []string{"created_at", "updated_at"} {
		if !strings.HasSuffix(shown[member].(string), "Z") {
			t.Fatalf("%s is %v", member, shown[member])
		}
		delete(shown, member)
	}
	want := document{
		"id": "acme", "name": "Acme", "description": "Supplier", "labels": map[string]any{"tier": "gold", "custom_id": "4711"},
		"contact": map[string]any{"name": "Wile", "email": "wile@acme.example"}, "team": "payments", "status": "active",
		"limits": map[string]any{
			"rate":  map[string]any{"requests": 100.0, "per_seconds": 60.0},
			"quota": map[string]any{"requests": 1000.0, "per": "day"}, "allowed_ips": []any{"10.0.0.0/8"},
		},
		"version": 1.0,
	}
	if diff := cmp.Diff(want, shown); diff != "" {
		t.Fatalf("shown (-want +got):\n%s", diff)
	}
	again := s.Developer("payments").Get(t, "/v1/consumers/acme").Want(t, 200)
	if string(again.Body) != string(created.Body) || again.ETag() != created.ETag() {
		t.Fatalf("it is got as\n%s\nand was created as\n%s", again.Body, created.Body)
	}
}

func TestWhatIsLeftOutIsShownEmpty(t *testing.T) {
	s := start(t)
	shown := read(t, s.Developer("payments").Post(t, "/v1/consumers", `{"name":"x"}`).Want(t, 201))
	if !regexp.MustCompile(`^con_[0-9a-hjkmnp-tv-z]{26}$`).MatchString(shown["id"].(string)) {
		t.Fatalf("the id is %v", shown["id"])
	}
	empty := document{
		"description": "", "labels": map[string]any{}, "contact": nil, "team": "payments",
		"limits": map[string]any{"rate": nil, "quota": nil, "allowed_ips": []any{}},
	}
	for member, want := range empty {
		if got, there := shown[member]; !there || !cmp.Equal(got, want) {
			t.Errorf("%s is %v, want %v", member, got, want)
		}
	}
}

func TestAnIDIsTakenForEver(t *testing.T) {
	s := start(t)
	s.register(t, "payments", "acme")
	s.Developer("other").Post(t, "/v1/consumers", `{"id":"acme","name":"x"}`).Refused(t, 409, "consumer_exists")
	s.Developer("payments").Delete(t, "/v1/consumers/acme").Want(t, 204)
	s.Admin().Post(t, "/v1/consumers", `{"id":"acme","name":"x"}`).Refused(t, 409, "consumer_exists")
	s.register(t, "payments", "Acme") // ids are compared exactly
}

func TestBadInputIsRefusedWithItsPlace(t *testing.T) {
	s := start(t)
	s.register(t, "payments", "acme", "labels", `{"tier":"gold"}`)
	post, patch := "POST /v1/consumers", "PATCH /v1/consumers/acme"
	for name, c := range map[string]struct {
		call, body string
		status     int
		code, at   string
	}{
		"no body":                  {post, ``, 400, "malformed_json", "body"},
		"no JSON":                  {post, `{"name":`, 400, "malformed_json", "body"},
		"no name":                  {post, `{}`, 422, "validation_failed", "body.name"},
		"an empty name":            {post, `{"name":""}`, 422, "validation_failed", "body.name"},
		"a name of blanks":         {post, `{"name":"   "}`, 422, "validation_failed", "body.name"},
		"a name that is a number":  {post, `{"name":1}`, 422, "validation_failed", "body.name"},
		"a long name":              {post, `{"name":"` + strings.Repeat("n", 257) + `"}`, 422, "validation_failed", "body.name"},
		"a name with a bell":       {post, `{"name":"a\u0007"}`, 422, "validation_failed", "body.name"},
		"an id with a dot":         {post, `{"name":"x","id":"a.b"}`, 422, "validation_failed", "body.id"},
		"an empty id":              {post, `{"name":"x","id":""}`, 422, "validation_failed", "body.id"},
		"a long id":                {post, `{"name":"x","id":"` + strings.Repeat("i", 513) + `"}`, 422, "validation_failed", "body.id"},
		"an unknown member":        {post, `{"name":"x","colour":"red"}`, 422, "validation_failed", "body.colour"},
		"a status":                 {post, `{"name":"x","status":"active"}`, 422, "validation_failed", "body.status"},
		"a member twice":           {post, `{"name":"x","name":"y"}`, 422, "validation_failed", "body.name"},
		"labels as a list":         {post, `{"name":"x","labels":["a"]}`, 422, "validation_failed", "body.labels"},
		"a label that is a number": {post, `{"name":"x","labels":{"a":1}}`, 422, "validation_failed", "body.labels.a"},
		"an empty label":           {post, `{"name":"x","labels":{"a":""}}`, 422, "validation_failed", "body.labels.a"},
		"a label key with a colon": {post, `{"name":"x","labels":{"a:b":"c"}}`, 422, "validation_failed", "body.labels"},
		"an email that is none":    {post, `{"name":"x","contact":{"email":"nobody"}}`, 422, "validation_failed", "body.contact.email"},
		"a telephone":              {post, `{"name":"x","contact":{"phone":"1"}}`, 422, "validation_failed", "body.contact.phone"},
		"a rate of nothing":        {post, `{"name":"x","limits":{"rate":{"requests":0,"per_seconds":1}}}`, 422, "validation_failed", "body.limits.rate.requests"},
		"a rate in no time":        {post, `{"name":"x","limits":{"rate":{"requests":1,"per_seconds":0}}}`, 422, "validation_failed", "body.limits.rate.per_seconds"},
		"a rate of half a call":    {post, `{"name":"x","limits":{"rate":{"requests":1.5,"per_seconds":1}}}`, 422, "validation_failed", "body.limits.rate.requests"},
		"a rate without a span":    {post, `{"name":"x","limits":{"rate":{"requests":1}}}`, 422, "validation_failed", "body.limits.rate.per_seconds"},
		"a quota per week":         {post, `{"name":"x","limits":{"quota":{"requests":1,"per":"week"}}}`, 422, "validation_failed", "body.limits.quota.per"},
		"an address that is none":  {post, `{"name":"x","limits":{"allowed_ips":["10.0.0.0/33"]}}`, 422, "validation_failed", "body.limits.allowed_ips[0]"},
		"a patch of the id":        {patch, `{"id":"acme2"}`, 422, "validation_failed", "body.id"},
		"a patch of the team":      {patch, `{"team":"other"}`, 422, "validation_failed", "body.team"},
		"a patch without a name":   {patch, `{"name":null}`, 422, "validation_failed", "body.name"},
		"a patch to an empty name": {patch, `{"name":""}`, 422, "validation_failed", "body.name"},
		"a patch of half a rate":   {patch, `{"limits":{"rate":{"requests":5}}}`, 422, "validation_failed", "body.limits.rate.per_seconds"},
		"a patch to an odd label":  {patch, `{"labels":{"a":"\n"}}`, 422, "validation_failed", "body.labels.a"},
		"a long reason":            {"POST /v1/consumers/acme/suspend", `{"reason":"` + strings.Repeat("r", 1025) + `"}`, 422, "validation_failed", "body.reason"},
		"a wrong reason":           {"POST /v1/consumers/acme/suspend", `{"because":"x"}`, 422, "validation_failed", "body.because"},
		"an unknown status":        {"GET /v1/consumers?status=gone", ``, 422, "validation_failed", "query.status"},
		"a label without a value":  {"GET /v1/consumers?label=tier", ``, 422, "validation_failed", "query.label"},
		"a limit of nothing":       {"GET /v1/consumers?limit=0", ``, 422, "validation_failed", "query.limit"},
		"a limit over 200":         {"GET /v1/consumers?limit=201", ``, 422, "validation_failed", "query.limit"},
		"a cursor of one's own":    {"GET /v1/consumers?cursor=abc", ``, 422, "validation_failed", "query.cursor"},
		"an unknown parameter":     {"GET /v1/consumers?colour=red", ``, 422, "validation_failed", "query.colour"},
	} {
		t.Run(name, func(t *testing.T) {
			method, path, _ := strings.Cut(c.call, " ")
			var body any
			if c.body != "" {
				body = c.body
			}
			problem := s.Developer("payments").Do(t, method, path, body).Refused(t, c.status, c.code)
			if !slices.ContainsFunc(problem.Errors, func(f httpapi.Fault) bool { return f.Location == c.at }) {
				t.Fatalf("the faults are %v, none at %s", problem.Errors, c.at)
			}
		})
	}
	shown := read(t, s.Developer("payments").Get(t, "/v1/consumers/acme").Want(t, 200))
	if shown["version"] != 1.0 {
		t.Fatalf("a refused request changed something: %v", shown)
	}
	if found := ids(t, s.Admin().Get(t, "/v1/consumers")); len(found) != 1 {
		t.Fatalf("a refused request made something: %v", found)
	}
}

func TestTheTeamOfANewConsumer(t *testing.T) {
	s := start(t)
	both := s.As(httpapi.Caller{Subject: "b", Roles: []httpapi.Role{httpapi.Developer, httpapi.Provider}, Teams: []string{"a"}})
	for name, c := range map[string]struct {
		as     *httpapitest.Client
		body   string
		status int
		want   string // the team, or the code of the refusal
	}{
		"is the only one of a developer":              {s.Developer("a"), `{"name":"x"}`, 201, "a"},
		"may be named":                                {s.Developer("a"), `{"name":"x","team":"a"}`, 201, "a"},
		"is named by a developer of several":          {s.Developer("a", "b"), `{"name":"x","team":"b"}`, 201, "b"},
		"must be named by a developer of several":     {s.Developer("a", "b"), `{"name":"x"}`, 422, "validation_failed"},
		"is not a foreign one":                        {s.Developer("a"), `{"name":"x","team":"c"}`, 403, "forbidden"},
		"is not made up by a developer of none":       {s.Developer(), `{"name":"x"}`, 403, "forbidden"},
		"is any that an administrator names":          {s.Admin(), `{"name":"x","team":"c"}`, 201, "c"},
		"is none when an administrator names none":    {s.Admin(), `{"name":"x"}`, 201, ""},
		"is not a provider's":                         {s.Provider("a"), `{"name":"x"}`, 403, "forbidden"},
		"is not an auditor's":                         {s.Auditor(), `{"name":"x"}`, 403, "forbidden"},
		"is a developer's who is a provider too":      {both, `{"name":"x"}`, 201, "a"},
		"is nobody's without a token":                 {s.Anonymous(), `{"name":"x"}`, 401, "unauthenticated"},
		"is not asked for before the input is judged": {s.Provider("a"), `{}`, 422, "validation_failed"},
	} {
		t.Run(name, func(t *testing.T) {
			answer := c.as.Post(t, "/v1/consumers", c.body)
			if c.status != 201 {
				answer.Refused(t, c.status, c.want)
				return
			}
			if team := read(t, answer.Want(t, 201))["team"]; team != c.want {
				t.Fatalf("the team is %v, want %s", team, c.want)
			}
		})
	}
}

func TestAPatchIsMerged(t *testing.T) {
	for name, c := range map[string]struct{ patch, want string }{
		"nothing":               {`{}`, `{}`},
		"the name":              {`{"name":"B"}`, `{"name":"B"}`},
		"the description away":  {`{"description":null}`, `{"description":""}`},
		"one label":             {`{"labels":{"tier":"silver"}}`, `{"labels":{"tier":"silver","custom_id":"4711"}}`},
		"one label away":        {`{"labels":{"tier":null}}`, `{"labels":{"custom_id":"4711"}}`},
		"all labels away":       {`{"labels":null}`, `{"labels":{}}`},
		"half the contact":      {`{"contact":{"name":"Road"}}`, `{"contact":{"name":"Road","email":"wile@acme.example"}}`},
		"half the contact away": {`{"contact":{"name":null}}`, `{"contact":{"name":"","email":"wile@acme.example"}}`},
		"the contact away":      {`{"contact":null}`, `{"contact":null}`},
		"both halves away":      {`{"contact":{"name":null,"email":null}}`, `{"contact":null}`},
		"half the rate":         {`{"limits":{"rate":{"requests":5}}}`, `{"limits":{"rate":{"requests":5,"per_seconds":60},"quota":{"requests":1000,"per":"day"},"allowed_ips":["10.0.0.0/8"]}}`},
		"the rate away":         {`{"limits":{"rate":null}}`, `{"limits":{"rate":null,"quota":{"requests":1000,"per":"day"},"allowed_ips":["10.0.0.0/8"]}}`},
		"other addresses":       {`{"limits":{"allowed_ips":["::1"]}}`, `{"limits":{"rate":{"requests":100,"per_seconds":60},"quota":{"requests":1000,"per":"day"},"allowed_ips":["::1"]}}`},
		"all limits away":       {`{"limits":null}`, `{"limits":{"rate":null,"quota":null,"allowed_ips":[]}}`},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			want := read(t, s.Developer("payments").Post(t, "/v1/consumers", acme).Want(t, 201))
			var changed document
			if err := json.Unmarshal([]byte(c.want), &changed); err != nil {
				t.Fatal(err)
			}
			maps.Copy(want, changed)
			answer := s.Developer("payments").Patch(t, "/v1/consumers/acme", c.patch).Want(t, 200)
			got := read(t, answer)
			version := 2.0
			if name == "nothing" {
				version = 1.0
			}
			if got["version"] != version {
				t.Fatalf("the version is %v, want %v", got["version"], version)
			}
			delete(want, "version")
			delete(want, "updated_at")
			stored := read(t, s.Developer("payments").Get(t, "/v1/consumers/acme").Want(t, 200))
			if diff := cmp.Diff(stored, got); diff != "" {
				t.Fatalf("it is not what was answered (-stored +answered):\n%s", diff)
			}
			delete(got, "version")
			delete(got, "updated_at")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("it is (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheLifeOfAConsumer(t *testing.T) {
	s := start(t)
	s.register(t, "payments", "acme")
	dev := s.Developer("payments")
	status := func(want string) {
		t.Helper()
		if got := read(t, dev.Get(t, "/v1/consumers/acme").Want(t, 200))["status"]; got != want {
			t.Fatalf("it is %v, want %s", got, want)
		}
	}
	illegal := func(r *httpapitest.Response, current string) {
		t.Helper()
		if problem := r.Refused(t, 409, "illegal_transition"); problem.CurrentStatus != current {
			t.Fatalf("current_status %q, want %q", problem.CurrentStatus, current)
		}
	}
	illegal(dev.Post(t, "/v1/consumers/acme/resume", nil), "active")
	if got := read(t, dev.Post(t, "/v1/consumers/acme/suspend", `{"reason":"late"}`).Want(t, 200)); got["status"] != "suspended" {
		t.Fatalf("answered %v", got)
	}
	status("suspended")
	illegal(dev.Post(t, "/v1/consumers/acme/suspend", nil), "suspended")
	dev.Patch(t, "/v1/consumers/acme", `{"name":"Z"}`).Want(t, 200)
	dev.Post(t, "/v1/consumers/acme/resume", `{}`).Want(t, 200)
	status("active")
	if body := dev.Delete(t, "/v1/consumers/acme").Want(t, 204).Body; len(body) != 0 {
		t.Fatalf("204 with %s", body)
	}
	status("deleted")
	illegal(dev.Delete(t, "/v1/consumers/acme"), "deleted")
	illegal(dev.Post(t, "/v1/consumers/acme/suspend", nil), "deleted")
	illegal(dev.Post(t, "/v1/consumers/acme/resume", nil), "deleted")
	illegal(dev.Patch(t, "/v1/consumers/acme", `{"name":"y"}`), "deleted")

	history := httpapitest.Read[struct {
		Items []struct {
			Type, Actor string
			Version     int
			Data        document
		}
	}](t, dev.Get(t, "/v1/consumers/acme/history").Want(t, 200))
	var types []string
	for i, past := range history.Items {
		types = append(types, past.Type)
		if past.Actor != "developer@payments" || past.Version != i+1 || past.Data["consumer_id"] != "acme" || past.Data["team"] != "payments" {
			t.Fatalf("past %+v", past)
		}
	}
	want := []string{"consumer.registered", "consumer.suspended", "consumer.updated", "consumer.resumed", "consumer.deleted"}
	if !slices.Equal(types, want) {
		t.Fatalf("history %v, want %v", types, want)
	}
	if history.Items[1].Data["reason"] != "late" {
		t.Fatalf("the reason is not in the event: %v", history.Items[1].Data)
	}
}

func TestAVersionThatIsNotTheCurrentOneIsRefused(t *testing.T) {
	s := start(t)
	s.register(t, "payments", "acme")
	dev := s.Developer("payments")
	for _, call := range []string{"PATCH ", "POST /suspend", "POST /resume", "DELETE "} {
		method, action, _ := strings.Cut(call, " ")
		var body any
		if method == "PATCH" {
			body = `{"contact":{"name":"n"},"name":"x"}`
		}
		dev.IfMatch(`"7"`).Do(t, method, "/v1/consumers/acme"+action, body).Refused(t, 412, "version_mismatch")
	}
	dev.IfMatch(`"1"`).Patch(t, "/v1/consumers/acme", `{"contact":{"name":"n"}}`).Want(t, 200)
	dev.IfMatch(`"1"`).Patch(t, "/v1/consumers/acme", `{"name":"y"}`).Refused(t, 412, "version_mismatch")
}

func TestListsAreFiltered(t *testing.T) {
	s := start(t)
	s.register(t, "a", "one", "labels", `{"tier":"gold","region":"eu"}`)
	s.register(t, "a", "two", "labels", `{"tier":"gold"}`, "description", `"Needle"`)
	s.register(t, "b", "three", "labels", `{"url":"http://x:1"}`)
	s.register(t, "b", "four")
	s.register(t, "b", "five")
	s.Admin().Post(t, "/v1/consumers/four/suspend", nil).Want(t, 200)
	s.Admin().Delete(t, "/v1/consumers/five").Want(t, 204)
	for query, want := range map[string][]string{
		"":                                {"one", "two", "three", "four"},
		"team=a":                          {"one", "two"},
		"team=c":                          {},
		"status=active":                   {"one", "two", "three"},
		"status=suspended":                {"four"},
		"status=deleted":                  {"five"},
		"label=tier:gold":                 {"one", "two"},
		"label=tier:gold&label=region:eu": {"one"},
		"label=" + url.QueryEscape("url:http://x:1"): {"three"},
		"label=tier:silver":                          {},
		"q=NEEDLE":                                   {"two"},
		"q=name+of+t":                                {"two", "three"},
		"q=hree":                                     {"three"},
		"q=%25":                                      {},
		"q=o&team=a&label=tier:gold&status=active": {"one", "two"},
	} {
		t.Run("by "+query, func(t *testing.T) {
			if got := ids(t, s.Admin().Get(t, "/v1/consumers?"+query)); !slices.Equal(got, want) {
				t.Fatalf("found %v, want %v", got, want)
			}
		})
	}
	t.Run("to what the caller may see", func(t *testing.T) {
		if got := ids(t, s.Developer("a").Get(t, "/v1/consumers")); !slices.Equal(got, []string{"one", "two"}) {
			t.Fatalf("found %v", got)
		}
		if got := ids(t, s.Developer("a").Get(t, "/v1/consumers?team=b")); len(got) != 0 {
			t.Fatalf("found %v", got)
		}
		if got := ids(t, s.Provider("a").Get(t, "/v1/consumers")); len(got) != 0 {
			t.Fatalf("found %v", got)
		}
		if got := ids(t, s.Auditor().Get(t, "/v1/consumers")); len(got) != 4 {
			t.Fatalf("found %v", got)
		}
	})
	t.Run("page by page", func(t *testing.T) {
		var all []string
		cursor := ""
		for range 10 {
			page := httpapitest.Read[struct {
				Items []struct{ ID string }
				Next  string `json:"next_cursor"`
			}](t, s.Admin().Get(t, "/v1/consumers?limit=3&cursor="+cursor).Want(t, 200))
			for _, item := range page.Items {
				all = append(all, item.ID)
			}
			if cursor = page.Next; cursor == "" {
				break
			}
		}
		if !slices.Equal(all, []string{"one", "two", "three", "four"}) {
			t.Fatalf("found %v", all)
		}
	})
}

func TestWhatMayNotBeReadIsNotThere(t *testing.T) {
	s := start(t)
	s.register(t, "payments", "acme")
	s.Admin().Post(t, "/v1/consumers", `{"id":"orphan","name":"x"}`).Want(t, 201)
	calls := map[string]string{
		"GET /v1/consumers/%s": "", "GET /v1/consumers/%s/history": "", "PATCH /v1/consumers/%s": `{"name":"y"}`,
		"POST /v1/consumers/%s/suspend": "", "POST /v1/consumers/%s/resume": "", "DELETE /v1/consumers/%s": "",
	}
	do := func(t *testing.T, c *httpapitest.Client, call, id, body string) *httpapitest.Response {
		t.Helper()
		method, path, _ := strings.Cut(strings.Replace(call, "%s", id, 1), " ")
		if body == "" {
			return c.Do(t, method, path, nil)
		}
		return c.Do(t, method, path, body)
	}
	for call, body := range calls {
		t.Run(call, func(t *testing.T) {
			do(t, s.Developer("other"), call, "acme", body).Refused(t, 404, "not_found")
			do(t, s.Developer("payments"), call, "orphan", body).Refused(t, 404, "not_found")
			do(t, s.Provider("payments"), call, "acme", body).Refused(t, 404, "not_found")
			do(t, s.Admin(), call, "nobody", body).Refused(t, 404, "not_found")
			do(t, s.Anonymous(), call, "acme", body).Refused(t, 401, "unauthenticated")
			if strings.HasPrefix(call, "GET") {
				do(t, s.Auditor(), call, "acme", body).Want(t, 200)
			} else {
				do(t, s.Auditor(), call, "acme", body).Refused(t, 403, "forbidden")
			}
		})
	}
}
