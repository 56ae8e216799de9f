package journey

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

type object = map[string]any

// caller gives up on what does not answer; the longest Prefer: wait is 30 s.
var caller = &http.Client{Timeout: 45 * time.Second}

// client is somebody at the management API.
type client struct {
	t     testing.TB
	base  string
	token string
}

func (c client) get(path string) answer {
	c.t.Helper()
	return c.send(http.MethodGet, path, nil)
}

func (c client) post(path string, body object, headers ...string) answer {
	c.t.Helper()
	return c.send(http.MethodPost, path, body, headers...)
}

func (c client) send(method, path string, body object, headers ...string) answer {
	c.t.Helper()
	return send(c.t, method, c.base+path, body, append(headers, "Authorization: Bearer "+c.token)...)
}

// call calls a service through a gateway.
func call(t testing.TB, gateway, service, key string) answer {
	t.Helper()
	var headers []string
	if key != "" {
		headers = append(headers, "X-API-Key: "+key)
	}
	return send(t, http.MethodGet, gateway+"/"+service+"/pets", nil, headers...)
}

// answer is what a call was answered.
type answer struct {
	t      testing.TB
	call   string
	status int
	header http.Header
	body   []byte
}

func send(t testing.TB, method, target string, body object, headers ...string) answer {
	t.Helper()
	var content io.Reader = http.NoBody
	if body != nil {
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
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, value)
	}
	response, err := caller.Do(request)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	return answer{t: t, call: method + " " + target, status: response.StatusCode, header: response.Header, body: raw}
}

func (a answer) want(status int) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s answered %d, want %d: %s", a.call, a.status, status, a.body)
	}
	return a
}

// text answers a member by path, such as "secret.api_key"; empty when there is
// none.
func (a answer) text(path string) string {
	a.t.Helper()
	var value any
	if err := json.Unmarshal(a.body, &value); err != nil {
		a.t.Fatalf("%s: %v: %s", a.call, err, a.body)
	}
	for step := range strings.SplitSeq(path, ".") {
		holder, _ := value.(object)
		value = holder[step]
	}
	if value == nil {
		return ""
	}
	return fmt.Sprint(value)
}
