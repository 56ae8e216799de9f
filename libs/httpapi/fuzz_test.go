package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/valyala/fasthttp"

	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
)

// FuzzBody sends anything as a body. What is let through is what a decoder of
// another make would read too; what is not is refused as the contract says; and
// nothing makes the server fail.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{
		`{"title":"a"}`, `{"title":"a","tags":[{},{}]}`, `{"title":"a","labels":{"a.b[0]":"c"},"limits":null}`, `{"title":"a","due":"2026-01-01T00:00:00Z"}`,
		`{"title":"a","weight":1e999}`, `{"title":"a","limits":{"requests":1,"per_seconds":-0}}`, `[[[[`, `null`, `"\ud800"`, "\xef\xbb\xbf{}", `{"a":1,"a":2}`, `{"":""}`,
	} {
		f.Add([]byte(seed))
	}
	server := httpapi.New(httpapi.Config{Service: "note", Version: "1"})
	var got writeInput
	httpapi.Register(server, httpapi.Operation{ID: "write", Method: http.MethodPost, Path: "/v1/notes", Summary: "Write", Public: true},
		func(_ context.Context, in *writeInput) (*httpapi.Empty, error) {
			got = *in
			return &httpapi.Empty{}, nil
		})
	httpapi.Register(server, httpapi.Operation{ID: "change", Method: http.MethodPatch, Path: "/v1/notes/{id}", Summary: "Change", Public: true},
		func(_ context.Context, in *patchInput) (*httpapi.Empty, error) {
			_, err1 := in.Body.Labels.Apply(map[string]string{"a": "b"})
			_, err2 := in.Body.Limits.Apply(limits{})
			if err1 != nil {
				return nil, err1
			}
			return &httpapi.Empty{}, err2
		})
	handle := server.Handler()
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, method := range []string{http.MethodPost, http.MethodPatch} {
			var call fasthttp.RequestCtx
			call.Request.Header.SetMethod(method)
			call.Request.SetRequestURI(map[string]string{http.MethodPost: "/v1/notes", http.MethodPatch: "/v1/notes/x"}[method])
			call.Request.SetBody(body)
			got = writeInput{}
			handle(&call)
			switch status := call.Response.StatusCode(); status {
			case 400, 413, 422:
				var problem httpapi.Problem
				if err := json.Unmarshal(call.Response.Body(), &problem); err != nil || problem.Code == "" || len(problem.Errors) == 0 && status != 413 {
					t.Errorf("%s %q: %s", method, body, call.Response.Body())
				}
			case 204:
				var again map[string]any
				if err := json.Unmarshal(body, &again); err != nil || !utf8.Valid(body) {
					t.Errorf("%s %q was let through: %v", method, body, err)
				}
				if title, _ := again["title"].(string); method == http.MethodPost && (title != got.Body.Title || title == "") {
					t.Errorf("%q: title %q, read as %q", body, title, got.Body.Title)
				}
			default:
				t.Errorf("%s %q: status %d: %s", method, body, status, call.Response.Body())
			}
		}
	})
}

// FuzzHeaders sends anything as the headers that the server reads.
func FuzzHeaders(f *testing.F) {
	for _, seed := range []string{`"1"`, `W/"1", "2"`, `*`, `wait=5`, `wait="`, `Bearer a.b.c`, ``, `,`, `"`, `W/`, "\x00", "key"} {
		f.Add(seed)
	}
	server := httpapi.New(httpapi.Config{Service: "note", Version: "1", Auth: httpapitest.Tokens{}})
	httpapi.Register(server, httpapi.Operation{ID: "do", Method: http.MethodPost, Path: "/v1/do", Summary: "Do", Public: true},
		func(context.Context, *struct{}) (*httpapi.Empty, error) { return &httpapi.Empty{}, nil })
	httpapi.Register(server, httpapi.Operation{ID: "get", Method: http.MethodGet, Path: "/v1/do", Summary: "Get"},
		func(context.Context, *struct{}) (*httpapi.Empty, error) { return &httpapi.Empty{}, nil })
	handle := server.Handler()
	f.Fuzz(func(t *testing.T, value string) {
		for _, method := range []string{http.MethodPost, http.MethodGet} {
			for _, name := range []string{"If-Match", "If-None-Match", "Prefer", "Idempotency-Key", "Authorization", "Content-Type", "Content-Encoding", "Traceparent"} {
				var call fasthttp.RequestCtx
				call.Request.Header.SetMethod(method)
				call.Request.SetRequestURI("/v1/do")
				call.Request.Header.Set(name, value)
				handle(&call)
				if status := call.Response.StatusCode(); status >= 500 {
					t.Errorf("%s with %s %q: status %d: %s", method, name, value, status, call.Response.Body())
				}
			}
		}
	})
}

// FuzzTarget asks for anything.
func FuzzTarget(f *testing.F) {
	for _, seed := range []string{"/v1/notes/a", "/v1/notes/%61", "/v1/notes/a?x=1", "/v1/notes/%", "//", "/v1/notes/a%2fb", "*", "http://x/v1/notes/a", "/v1/notes/\xff", "/v1/notes/../x", "?;=&&"} {
		f.Add(seed)
	}
	server := httpapi.New(httpapi.Config{Service: "note", Version: "1"})
	httpapi.Register(server, httpapi.Operation{ID: "get", Method: http.MethodGet, Path: "/v1/notes/{id}", Summary: "Get", Public: true},
		func(_ context.Context, in *struct {
			NoteID
			httpapi.Paging
		}) (*httpapi.Object[string], error) {
			return httpapi.NewObject(1, in.ID), nil
		})
	handle := server.Handler()
	f.Fuzz(func(t *testing.T, target string) {
		if strings.ContainsAny(target, " \r\n") {
			return // no request target
		}
		var call fasthttp.RequestCtx
		call.Request.SetRequestURI(target)
		handle(&call)
		if status := call.Response.StatusCode(); status >= 500 || bytes.Contains(call.Response.Body(), []byte("\x00")) {
			t.Errorf("%q: status %d: %s", target, status, call.Response.Body())
		}
	})
}
