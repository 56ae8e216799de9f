package httpapi_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
)

const leak = "tg_k_SECRETSECRET"

func TestBadInputIsRefusedWithItsLocationAndNeverEchoed(t *testing.T) {
	t.Parallel()
	api, _ := start(t)
	red := api.Developer("red")
	tests := []struct {
		name, body   string
		status       int
		code, places string
	}{
		{"a missing field", `{"team":"red"}`, 422, "validation_failed", "body.title"},
		{"an unknown field", `{"title":"a","team":"red","titel":"` + leak + `"}`, 422, "validation_failed", "body.titel"},
		{"a field in other case", `{"title":"a","Team":"red"}`, 422, "validation_failed", "body.Team"},
		{"a number for text", `{"title":5,"team":"red"}`, 422, "validation_failed", "body.title"},
		{"an object for text", `{"title":{"a":"` + leak + `"},"team":"red"}`, 422, "validation_failed", "body.title"},
		{"text for a number", `{"title":"a","team":"red","weight":"` + leak + `"}`, 422, "validation_failed", "body.weight"},
		{"text for a boolean", `{"title":"a","team":"red","pinned":"` + leak + `"}`, 422, "validation_failed", "body.pinned"},
		{"text for a list", `{"title":"a","team":"red","tags":"` + leak + `"}`, 422, "validation_failed", "body.tags"},
		{"a number in a list of texts", `{"title":"a","team":"red","tags":["x",1]}`, 422, "validation_failed", "body.tags[1]"},
		{"an object in a list of texts that must differ", `{"title":"a","team":"red","tags":[{"a":"` + leak + `"},{}]}`, 422, "validation_failed", "body.tags[0]"},
		{"a list in a list of texts that must differ", `{"title":"a","team":"red","tags":[["` + leak + `"]]}`, 422, "validation_failed", "body.tags[0]"},
		{"one text twice where they must differ", `{"title":"a","team":"red","tags":["` + leak + `","` + leak + `"]}`, 422, "validation_failed", "body.tags"},
		{"text for an object", `{"title":"a","team":"red","limits":"` + leak + `"}`, 422, "validation_failed", "body.limits"},
		{"an unknown field below", `{"title":"a","team":"red","limits":{"requests":1,"per_seconds":1,"burst":1}}`, 422, "validation_failed", "body.limits.burst"},
		{"a missing field below", `{"title":"a","team":"red","limits":{"requests":1}}`, 422, "validation_failed", "body.limits.per_seconds"},
		{"a fraction for an integer", `{"title":"a","team":"red","limits":{"requests":1.5,"per_seconds":1}}`, 422, "validation_failed", "body.limits.requests"},
		{"an integer in scientific form", `{"title":"a","team":"red","limits":{"requests":1e2,"per_seconds":1}}`, 422, "validation_failed", "body.limits.requests"},
		{"an integer over 64 bits", `{"title":"a","team":"red","limits":{"requests":99999999999999999999,"per_seconds":1}}`, 422, "validation_failed", "body.limits.requests"},
		{"a number over a double", `{"title":"a","team":"red","weight":1e400}`, 422, "validation_failed", "body.weight"},
		{"a number below its bound", `{"title":"a","team":"red","limits":{"requests":0,"per_seconds":1}}`, 422, "validation_failed", "body.limits.requests"},
		{"a number above its bound", `{"title":"a","team":"red","limits":{"requests":1000001,"per_seconds":1}}`, 422, "validation_failed", "body.limits.requests"},
		{"text that is too short", `{"title":"","team":"red"}`, 422, "validation_failed", "body.title"},
		{"text that is too long", `{"title":"` + leak + strings.Repeat("x", 40) + `","team":"red"}`, 422, "validation_failed", "body.title"},
		{"text against its pattern", `{"id":"` + leak + `","title":"a","team":"red"}`, 422, "validation_failed", "body.id"},
		{"text outside its list", `{"title":"a","team":"red","kind":"` + leak + `"}`, 422, "validation_failed", "body.kind"},
		{"a list that is too long", `{"title":"a","team":"red","tags":["1","2","3","4"]}`, 422, "validation_failed", "body.tags"},
		{"a time that is none", `{"title":"a","team":"red","due":"` + leak + `"}`, 422, "validation_failed", "body.due"},
		{"a time that is none in UTC", `{"title":"a","team":"red","due":"9999-12-31T23:59:59-01:00"}`, 422, "validation_failed", "body.due"},
		{"an address that is none", `{"title":"a","team":"red","link":"http://[` + leak + `"}`, 422, "validation_failed", "body.link"},
		{"null for a field that is needed", `{"title":null,"team":"red"}`, 422, "validation_failed", "body.title"},
		{"null for text", `{"title":"a","team":null}`, 422, "validation_failed", "body.team"},
		{"null for a list", `{"title":"a","team":"red","tags":null}`, 422, "validation_failed", "body.tags"},
		{"null in a map", `{"title":"a","team":"red","labels":{"a":null}}`, 422, "validation_failed", "body.labels.a"},
		{"a field twice", `{"title":"a","team":"red","title":"` + leak + `"}`, 422, "validation_failed", "body.title"},
		{"a field twice below", `{"title":"a","team":"red","labels":{"a":"1","a":"2"}}`, 422, "validation_failed", "body.labels.a"},
		{"a field twice by an escape", `{"title":"a","team":"red","\u0074eam":"blue"}`, 422, "validation_failed", "body.team"},
		{"a NUL in text", `{"title":"a\u0000","team":"red"}`, 422, "validation_failed", "body.title"},
		{"a NUL in a name", `{"title":"a","team":"red","labels":{"a\u0000":"b"}}`, 422, "validation_failed", "body.labels"},
		{"a list for the whole", `[]`, 422, "validation_failed", "body"},
		{"null for the whole", `null`, 422, "validation_failed", "body"},
		{"text for the whole", `"` + leak + `"`, 422, "validation_failed", "body"},
		{"half a document", `{"title":"` + leak, 400, "malformed_json", "body"},
		{"no document", ``, 400, "malformed_json", "body"},
		{"two documents", `{"title":"a","team":"red"}{}`, 400, "malformed_json", "body"},
		{"a trailing comma", `{"title":"a","team":"red",}`, 400, "malformed_json", "body"},
		{"no JSON", `title=` + leak, 400, "malformed_json", "body"},
		{"bad UTF-8", "{\"title\":\"\xff\",\"team\":\"red\"}", 400, "malformed_json", "body"},
		{"a deep document", `{"title":"a","team":"red","labels":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, 400, "malformed_json", "body"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			answer := red.Post(t, "/v1/notes", test.body)
			problem := answer.Refused(t, test.status, test.code)
			var places []string
			for _, fault := range problem.Errors {
				places = append(places, fault.Location)
			}
			if !slices.Contains(places, test.places) {
				t.Errorf("locations %q, want %q among them: %s", places, test.places, answer.Body)
			}
			if strings.Contains(string(answer.Body), "SECRET") {
				t.Errorf("the answer echoes what was sent: %s", answer.Body)
			}
			if got := listed(t, red); got != 0 {
				t.Errorf("%d notes, want none", got)
			}
		})
	}
}

func listed(t *testing.T, c *httpapitest.Client) int {
	t.Helper()
	return len(httpapitest.Read[struct{ Items []note }](t, c.Get(t, "/v1/notes").Want(t, 200)).Items)
}

func TestQueriesAreJudgedToo(t *testing.T) {
	t.Parallel()
	api, _ := start(t)
	tests := []struct {
		name, path string
		status     int
		code       string
		location   string
	}{
		{"an unknown parameter", "/v1/notes?team=red", 422, "validation_failed", "query.team"},
		{"a parameter twice", "/v1/notes?limit=1&limit=2", 422, "validation_failed", "query.limit"},
		{"a limit below one", "/v1/notes?limit=0", 422, "validation_failed", "query.limit"},
		{"a limit above two hundred", "/v1/notes?limit=201", 422, "validation_failed", "query.limit"},
		{"a limit that is no number", "/v1/notes?limit=" + leak, 422, "validation_failed", "query.limit"},
		{"a limit over 64 bits", "/v1/notes?limit=99999999999999999999", 422, "validation_failed", "query.limit"},
		{"a cursor that nobody gave", "/v1/notes?cursor=" + leak, 422, "validation_failed", "query.cursor"},
		{"text that is too long", "/v1/notes?q=" + strings.Repeat("x", 101), 422, "validation_failed", "query.q"},
		{"a NUL", "/v1/notes?q=a%00b", 422, "validation_failed", "query.q"},
		{"bad UTF-8", "/v1/notes?q=%ff", 422, "validation_failed", "query.q"},
		{"bad percent-encoding", "/v1/notes?q=%zz", 400, "malformed_query", "query"},
		{"a NUL in the path", "/v1/notes/a%00b", 422, "validation_failed", "path"},
		{"an id that is too long", "/v1/notes/" + strings.Repeat("x", 33), 422, "validation_failed", "path.id"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			answer := api.Developer("red").Get(t, test.path)
			problem := answer.Refused(t, test.status, test.code)
			if len(problem.Errors) == 0 || problem.Errors[0].Location != test.location {
				t.Errorf("faults %+v, want one at %s", problem.Errors, test.location)
			}
			if strings.Contains(string(answer.Body), "SECRET") {
				t.Errorf("the answer echoes what was sent: %s", answer.Body)
			}
		})
	}
	api.Developer("red").Get(t, "/v1/notes?label=a:b&label=c:d").Want(t, 200)
}

func TestMediaTypesAndSizes(t *testing.T) {
	t.Parallel()
	api, _ := start(t)
	red := api.Developer("red")
	good := `{"id":"first","title":"a","team":"red"}`

	red.With("Content-Type", "text/plain").Post(t, "/v1/notes", good).Refused(t, 415, "unsupported_media_type")
	red.With("Content-Type", "application/x-www-form-urlencoded").Post(t, "/v1/notes", "title=a").Refused(t, 415, "unsupported_media_type")
	red.With("Content-Type", "application/merge-patch+json").Post(t, "/v1/notes", good).Refused(t, 415, "unsupported_media_type")
	red.With("Content-Type", "application/json; charset=latin1").Post(t, "/v1/notes", good).Refused(t, 415, "unsupported_media_type")
	red.With("Content-Type", ";;;").Post(t, "/v1/notes", good).Refused(t, 415, "unsupported_media_type")
	red.With("Content-Encoding", "gzip").Post(t, "/v1/notes", good).Refused(t, 415, "unsupported_media_type")

	red.Post(t, "/v1/notes", `{"title":"`+strings.Repeat("x", 1<<20)+`"}`).Refused(t, 413, "body_too_large")
	red.Post(t, "/v1/notes", good+strings.Repeat(" ", 1<<20-len(good))).Want(t, 201)

	red.With("Content-Type", "application/json; charset=UTF-8").Patch(t, "/v1/notes/first", `{"title":"b"}`).Want(t, 200)
	red.With("Content-Type", "application/merge-patch+json").Patch(t, "/v1/notes/first", `{"title":"c"}`).Want(t, 200)
	red.With("Content-Encoding", "identity").Patch(t, "/v1/notes/first", `{"title":"d"}`).Want(t, 200)

	// Operations without a body, and with one that may be left out.
	red.Post(t, "/v1/notes/first/close", nil).Want(t, 200)
	red.Post(t, "/v1/count", `{"a":1}`).Refused(t, 422, "validation_failed")
	red.Post(t, "/v1/count", `{`).Refused(t, 400, "malformed_json")
	red.Post(t, "/v1/count", `{}`).Want(t, 204)
	red.Post(t, "/v1/count", nil).Want(t, 204)
}

func TestWhatIsNotThere(t *testing.T) {
	t.Parallel()
	api, _ := start(t)
	red := api.Developer("red")
	red.Get(t, "/v1/nothing").Refused(t, 404, "not_found")
	red.Get(t, "/v1/Notes").Refused(t, 404, "not_found")
	red.Get(t, "/v1/notes/").Refused(t, 404, "not_found")
	api.Anonymous().Get(t, "/v1/nothing").Refused(t, 404, "not_found")
	red.Get(t, "/v1/notes/none").Refused(t, 404, "not_found")

	refused := red.Do(t, "PUT", "/v1/notes/none", nil)
	refused.Refused(t, 405, "method_not_allowed")
	if got := refused.Header.Get("Allow"); got != "GET, DELETE, PATCH" {
		t.Errorf("Allow is %q", got)
	}
	red.Do(t, "BREW", "/v1/notes", nil).Refused(t, 501, "not_implemented")
	red.With("X-Long", strings.Repeat("x", 20<<10)).Get(t, "/v1/notes").Refused(t, 431, "header_too_large")
	red.With("X-Long", strings.Repeat("x", 12<<10)).Get(t, "/v1/notes").Want(t, 200)
}
