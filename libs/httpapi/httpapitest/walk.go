package httpapitest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/tidegate-io/tidegate/libs/httpapi"
)

// Example is a call of one operation that would succeed.
type Example struct {
	Path string // with its parameters filled in: "/v1/consumers/acme"
	Body any    // nil: the example of the document
	// Foreign is what Stranger is answered: 0 is 404 on an object and nothing
	// in particular on a collection.
	Foreign int
	// Volatile answers change by themselves: they say nothing of whether
	// something was changed.
	Volatile bool
	// Except names cases that do not hold for this operation, each for a
	// reason that the test should say.
	Except []string
}

// Walk is every operation of a document tried with bad input.
type Walk struct {
	Document []byte
	Client   *Client            // who may do all of it
	Stranger *Client            // who may do none of it, of another team; nil: nobody
	Examples map[string]Example // by operation id; each operation needs one
}

// Run tries, on every operation: no token, a bad one, a stranger's; an unknown
// object; a wrong method; unknown and bad parameters; a stale and a malformed
// If-Match; and on every body: malformed, none, of another media type, too
// large, unknown, missing, mistyped, null, oversized, out of bounds and
// duplicate members. Each must be refused as the contract says, and nothing
// that can be read may change by it.
func (w Walk) Run(t *testing.T) {
	t.Helper()
	var document struct {
		Paths      map[string]map[string]operation
		Components struct{ Schemas map[string]schema }
	}
	if err := json.Unmarshal(w.Document, &document); err != nil {
		t.Fatalf("read the document: %v", err)
	}
	known := map[string]bool{}
	for template, item := range document.Paths {
		for method, op := range item {
			example, has := w.Examples[op.OperationID]
			known[op.OperationID] = true
			if !has {
				t.Errorf("operation %s has no example", op.OperationID)
				continue
			}
			call := &walked{
				walk: w, op: op, method: strings.ToUpper(method), template: template, example: example,
				schemas: document.Components.Schemas, item: item, watched: w.watched(document.Paths),
			}
			t.Run(op.OperationID, call.run)
		}
	}
	for id := range w.Examples {
		if !known[id] {
			t.Errorf("there is an example of %s, which is no operation", id)
		}
	}
}

// watched answers the paths whose answers tell whether something was changed.
func (w Walk) watched(paths map[string]map[string]operation) []string {
	var watched []string
	for _, item := range paths {
		if op, has := item["get"]; has && !w.Examples[op.OperationID].Volatile {
			watched = append(watched, w.Examples[op.OperationID].Path)
		}
	}
	slices.Sort(watched)
	return watched
}

type operation struct {
	OperationID string
	Security    []map[string][]string
	Parameters  []struct {
		Name, In string
		Schema   schema
	}
	RequestBody *struct {
		Required bool
		Content  map[string]struct {
			Schema  schema
			Example any
		}
	}
}

func (o operation) has(in, name string) bool {
	for _, p := range o.Parameters {
		if p.In == in && p.Name == name {
			return true
		}
	}
	return false
}

// walked is one operation that is tried.
type walked struct {
	walk             Walk
	op               operation
	item             map[string]operation
	method, template string
	example          Example
	schemas          map[string]schema
	watched          []string
}

func (w *walked) run(t *testing.T) {
	if len(w.op.Security) > 0 {
		w.strangers(t)
	}
	if strings.HasSuffix(w.template, "}") || strings.Contains(w.template, "}/") {
		w.unknownObject(t)
	}
	w.refused(t, "a wrong method", w.walk.Client, w.otherMethod(), w.example.Path, nil, http.StatusMethodNotAllowed, "method_not_allowed")
	w.queries(t)
	if w.op.has("header", "If-Match") {
		client := w.walk.Client
		w.refused(t, "a stale version", client.IfMatch(`"999999999"`), w.method, w.example.Path, w.body(), http.StatusPreconditionFailed, "version_mismatch")
		w.refused(t, "a weak version", client.IfMatch(`W/"1"`), w.method, w.example.Path, w.body(), http.StatusPreconditionFailed, "version_mismatch")
		w.refused(t, "a malformed version", client.IfMatch(`1`), w.method, w.example.Path, w.body(), http.StatusBadRequest, "malformed_header")
	}
	if w.method != http.MethodGet {
		w.bodies(t)
	}
	if w.op.has("header", "Idempotency-Key") {
		w.refused(t, "an idempotency key that is too long", w.walk.Client.Idempotent(strings.Repeat("k", 256)), w.method, w.example.Path, w.body(), http.StatusUnprocessableEntity, "validation_failed")
	}
}

func (w *walked) strangers(t *testing.T) {
	anonymous := w.walk.Client.With("Authorization", "")
	w.refused(t, "no token", anonymous, w.method, w.example.Path, w.body(), http.StatusUnauthorized, "unauthenticated")
	w.refused(t, "a bad token", anonymous.With("Authorization", "Bearer tg_bad"), w.method, w.example.Path, w.body(), http.StatusUnauthorized, "unauthenticated")
	foreign := w.example.Foreign
	if foreign == 0 && strings.Contains(w.template, "{") {
		foreign = http.StatusNotFound
	}
	if w.walk.Stranger == nil || foreign == 0 {
		return
	}
	w.attempt(t, "a stranger", func(t *testing.T) {
		answer := w.walk.Stranger.Do(t, w.method, w.example.Path, w.body()).Want(t, foreign)
		if foreign >= http.StatusBadRequest {
			answer.problem(t)
		}
	})
}

// unknownObject puts another id into the last parameter of the path.
func (w *walked) unknownObject(t *testing.T) {
	names, values := strings.Split(w.template, "/"), strings.Split(w.example.Path, "/")
	for i := len(names) - 1; i >= 0 && i < len(values); i-- {
		if strings.HasPrefix(names[i], "{") {
			values[i] = "none-such"
			break
		}
	}
	w.attempt(t, "an unknown object", func(t *testing.T) {
		answer := w.walk.Client.Do(t, w.method, strings.Join(values, "/"), w.body())
		answer.problem(t)
		if answer.Status != http.StatusNotFound && answer.Status != http.StatusUnprocessableEntity { // 422: it cannot be an id
			t.Errorf("status %d: %s", answer.Status, answer.Body)
		}
	})
}

func (w *walked) otherMethod() string {
	for _, method := range []string{http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodPost, http.MethodGet} {
		if _, has := w.item[strings.ToLower(method)]; !has {
			return method
		}
	}
	return http.MethodTrace
}

func (w *walked) queries(t *testing.T) {
	bad := map[string]string{"an unknown parameter": "surely_unknown=1"}
	if w.op.has("query", "limit") {
		bad["a limit of nothing"], bad["a limit that is too high"] = "limit=0", "limit=201"
		bad["a limit that is no number"], bad["a limit twice"] = "limit=many", "limit=1&limit=2"
	}
	if w.op.has("query", "cursor") {
		bad["a cursor that nobody gave"] = "cursor=bm90IG9uZQ"
	}
	for name, query := range bad {
		separator := "?"
		if strings.Contains(w.example.Path, "?") {
			separator = "&"
		}
		w.refused(t, name, w.walk.Client, w.method, w.example.Path+separator+query, w.body(), http.StatusUnprocessableEntity, "validation_failed")
	}
}

// refused tries one call, which must be refused with this status and code.
func (w *walked) refused(t *testing.T, name string, client *Client, method, path string, body any, status int, code string) {
	w.attempt(t, name, func(t *testing.T) {
		problem := client.Do(t, method, path, body).Refused(t, status, code)
		if code == "validation_failed" {
			located(t, problem)
		}
	})
}

func located(t *testing.T, problem httpapi.Problem) {
	t.Helper()
	if len(problem.Errors) == 0 || slices.ContainsFunc(problem.Errors, func(f httpapi.Fault) bool { return f.Location == "" || f.Message == "" }) {
		t.Errorf("the faults are not located: %+v", problem.Errors)
	}
}

// attempt runs one case, after which everything that can be read is as before.
func (w *walked) attempt(t *testing.T, name string, try func(t *testing.T)) {
	if slices.Contains(w.example.Except, name) {
		return
	}
	t.Run(name, func(t *testing.T) {
		before := w.readable(t)
		try(t)
		if after := w.readable(t); after != before {
			t.Errorf("something was changed:\nbefore %s\nafter  %s", before, after)
		}
	})
}

func (w *walked) readable(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, path := range w.watched {
		answer := w.walk.Client.Get(t, path).Want(t, http.StatusOK)
		all.WriteString(path + " " + answer.ETag() + " " + string(answer.Body))
	}
	return all.String()
}
