package httpapitest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/tidegate-io/tidegate/libs/httpapi"
)

// Client calls an API with some headers.
type Client struct {
	url    string
	http   *http.Client
	header map[string]string
}

// With answers a client that sends a header too; an empty value sends it no
// longer.
func (c *Client) With(name, value string) *Client {
	next := *c
	next.header = maps.Clone(c.header)
	if next.header == nil {
		next.header = map[string]string{}
	}
	next.header[name] = value
	return &next
}

// IfMatch answers a client that names the version it means.
func (c *Client) IfMatch(etag string) *Client { return c.With("If-Match", etag) }

// Idempotent answers a client that names its call.
func (c *Client) Idempotent(key string) *Client { return c.With("Idempotency-Key", key) }

// Get, Post, Put, Patch and Delete call. A body is sent as it is when it is a
// string or bytes, as JSON otherwise, not at all when nil.
func (c *Client) Get(t testing.TB, path string) *Response {
	t.Helper()
	return c.Do(t, http.MethodGet, path, nil)
}

// Post calls.
func (c *Client) Post(t testing.TB, path string, body any) *Response {
	t.Helper()
	return c.Do(t, http.MethodPost, path, body)
}

// Put calls.
func (c *Client) Put(t testing.TB, path string, body any) *Response {
	t.Helper()
	return c.Do(t, http.MethodPut, path, body)
}

// Patch calls.
func (c *Client) Patch(t testing.TB, path string, body any) *Response {
	t.Helper()
	return c.Do(t, http.MethodPatch, path, body)
}

// Delete calls.
func (c *Client) Delete(t testing.TB, path string) *Response {
	t.Helper()
	return c.Do(t, http.MethodDelete, path, nil)
}

// Do calls.
func (c *Client) Do(t testing.TB, method, path string, body any) *Response {
	t.Helper()
	var reader io.Reader = http.NoBody
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	case []byte:
		reader = bytes.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			t.Fatalf("%s %s: write the body: %v", method, path, err)
		}
		reader = bytes.NewReader(raw)
	}
	request, err := http.NewRequestWithContext(context.Background(), method, c.url+path, reader)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	for name, value := range c.header {
		request.Header.Set(name, value)
		if value == "" {
			request.Header.Del(name)
		}
	}
	answer, err := c.http.Do(request)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = answer.Body.Close() }()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatalf("%s %s: read the answer: %v", method, path, err)
	}
	return &Response{call: method + " " + path, Status: answer.StatusCode, Header: answer.Header, Body: raw}
}

// Response is what was answered.
type Response struct {
	Status int
	Header http.Header
	Body   []byte

	call string
}

// Want fails the test unless the status is this one.
func (r *Response) Want(t testing.TB, status int) *Response {
	t.Helper()
	if r.Status != status {
		t.Fatalf("%s: status %d, want %d: %s", r.call, r.Status, status, r.Body)
	}
	return r
}

// Refused fails the test unless the answer is a problem with this status and
// code that is complete, and answers it.
func (r *Response) Refused(t testing.TB, status int, code string) httpapi.Problem {
	t.Helper()
	problem := r.problem(t)
	if r.Status != status || problem.Code != code {
		t.Fatalf("%s: status %d, code %q, want %d, %q: %s", r.call, r.Status, problem.Code, status, code, r.Body)
	}
	return problem
}

func (r *Response) problem(t testing.TB) httpapi.Problem {
	t.Helper()
	var problem httpapi.Problem
	if err := json.Unmarshal(r.Body, &problem); err != nil {
		t.Fatalf("%s: status %d: the answer is no problem: %v: %s", r.call, r.Status, err, r.Body)
	}
	if got := r.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Fatalf("%s: a problem has the Content-Type %q", r.call, got)
	}
	if problem.Type == "" || problem.Title == "" || problem.Detail == "" || problem.Code == "" || problem.Status != r.Status {
		t.Fatalf("%s: status %d: the problem is not complete: %s", r.call, r.Status, r.Body)
	}
	if id := r.Header.Get("X-Request-Id"); id == "" || id != problem.RequestID {
		t.Fatalf("%s: X-Request-Id %q, request_id %q", r.call, id, problem.RequestID)
	}
	return problem
}

// ETag answers the version of the object.
func (r *Response) ETag() string { return r.Header.Get("ETag") }

// JSON reads the body.
func (r *Response) JSON(t testing.TB, into any) *Response {
	t.Helper()
	if err := json.Unmarshal(r.Body, into); err != nil {
		t.Fatalf("%s: read the answer: %v: %s", r.call, err, r.Body)
	}
	return r
}

// Read answers the body as T.
func Read[T any](t testing.TB, r *Response) T {
	t.Helper()
	var value T
	r.JSON(t, &value)
	return value
}
