package apptest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/libs/httpapi"
)

// Client calls the management API as somebody.
type Client struct {
	t     testing.TB
	h     *Harness
	token string
}

// As answers a client of a caller.
func (h *Harness) As(subject string, roles []httpapi.Role, teams ...string) *Client {
	h.t.Helper()
	token, err := h.issuer.Token(subject, roles, teams, time.Hour)
	if err != nil {
		h.t.Fatal(err)
	}
	return &Client{t: h.t, h: h, token: token}
}

// Admin, Developer, Provider and Auditor answer clients of one role, whose
// subject is the role's name. Anonymous has no token.
func (h *Harness) Admin() *Client { return h.As("admin", []httpapi.Role{httpapi.Admin}) }

// Developer of teams.
func (h *Harness) Developer(teams ...string) *Client {
	return h.As("developer", []httpapi.Role{httpapi.Developer}, teams...)
}

// Provider of teams.
func (h *Harness) Provider(teams ...string) *Client {
	return h.As("provider", []httpapi.Role{httpapi.Provider}, teams...)
}

// Auditor of everything.
func (h *Harness) Auditor() *Client { return h.As("auditor", []httpapi.Role{httpapi.Auditor}) }

// Anonymous sends no token.
func (h *Harness) Anonymous() *Client { return &Client{t: h.t, h: h} }

// In answers the client for a sub-test.
func (c *Client) In(t testing.TB) *Client { return &Client{t: t, h: c.h, token: c.token} }

// Get, Post, Put, Patch and Delete send a request. A body is sent as JSON; a
// string or bytes as they are. Headers are "Name: value".
func (c *Client) Get(path string, headers ...string) *Answer {
	c.t.Helper()
	return c.Do(http.MethodGet, path, nil, headers...)
}

// Post sends a POST.
func (c *Client) Post(path string, body any, headers ...string) *Answer {
	c.t.Helper()
	return c.Do(http.MethodPost, path, body, headers...)
}

// Put sends a PUT.
func (c *Client) Put(path string, body any, headers ...string) *Answer {
	c.t.Helper()
	return c.Do(http.MethodPut, path, body, headers...)
}

// Patch sends a PATCH.
func (c *Client) Patch(path string, body any, headers ...string) *Answer {
	c.t.Helper()
	return c.Do(http.MethodPatch, path, body, headers...)
}

// Delete sends a DELETE.
func (c *Client) Delete(path string, headers ...string) *Answer {
	c.t.Helper()
	return c.Do(http.MethodDelete, path, nil, headers...)
}

// Do sends a request.
func (c *Client) Do(method, path string, body any, headers ...string) *Answer {
	c.t.Helper()
	return send(c.t, method, c.h.base(path)+path, c.token, body, headers)
}

// Call sends a request to the gateway; headers carry the credential.
func (h *Harness) Call(method, path string, headers ...string) *Answer {
	h.t.Helper()
	return send(h.t, method, h.URL(app.GatewayListener)+path, "", nil, headers)
}

// base answers where a path is served.
func (h *Harness) base(path string) string {
	if portal := h.URL("portal"); portal != "" {
		return portal
	}
	bare, _, _ := strings.Cut(path, "?")
	if owner, owned := app.Owner(bare); owned && h.URL(owner) != "" {
		return h.URL(owner)
	}
	return h.URL(h.names()[0])
}

func send(t testing.TB, method, target, token string, body any, headers []string) *Answer {
	t.Helper()
	var content io.Reader
	switch body := body.(type) {
	case nil:
	case string:
		content = strings.NewReader(body)
	case []byte:
		content = bytes.NewReader(body)
	default:
		encoded, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		content = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, target, content)
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ":")
		request.Header.Set(name, strings.TrimSpace(value))
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	return &Answer{t: t, call: method + " " + target, Status: response.StatusCode, Header: response.Header, Body: raw}
}

// Answer is what a call was answered.
type Answer struct {
	t      testing.TB
	call   string
	Status int
	Header http.Header
	Body   []byte
}

// Want fails the test unless the status is this one.
func (a *Answer) Want(status int) *Answer {
	a.t.Helper()
	if a.Status != status {
		a.t.Fatalf("%s answered %d, want %d: %s", a.call, a.Status, status, a.Body)
	}
	return a
}

// Refused fails the test unless the answer is a problem of this status and code.
func (a *Answer) Refused(status int, code string) *Answer {
	a.t.Helper()
	a.Want(status)
	if got := a.Text("code"); got != code || a.Header.Get("Content-Type") != "application/problem+json" {
		a.t.Fatalf("%s answered the problem %q as %s, want %q: %s", a.call, got, a.Header.Get("Content-Type"), code, a.Body)
	}
	return a
}

// Into decodes the body.
func (a *Answer) Into(v any) *Answer {
	a.t.Helper()
	if err := json.Unmarshal(a.Body, v); err != nil {
		a.t.Fatalf("%s: %v: %s", a.call, err, a.Body)
	}
	return a
}

// Value answers a member by path, such as "items.0.id"; nil when there is none.
func (a *Answer) Value(path string) any {
	a.t.Helper()
	var value any
	a.Into(&value)
	for step := range strings.SplitSeq(path, ".") {
		switch holder := value.(type) {
		case map[string]any:
			value = holder[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(holder) {
				return nil
			}
			value = holder[i]
		default:
			return nil
		}
	}
	return value
}

// Text answers a member as text; empty when there is none.
func (a *Answer) Text(path string) string {
	a.t.Helper()
	if value := a.Value(path); value != nil {
		return fmt.Sprint(value)
	}
	return ""
}
