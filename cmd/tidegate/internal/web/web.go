// Package web calls running programs over HTTP, for tests that go on when a call
// is not answered: their programs are killed meanwhile.
package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
)

// Object is a JSON object.
type Object = map[string]any

// client gives up on what does not answer; the longest Prefer: wait is 30 s.
var client = &http.Client{Timeout: 50 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 32}}

// Reply is what a call was answered, or why it was not.
type Reply struct {
	Call   string
	Status int // 0: it was not answered
	Header http.Header
	Body   []byte
	Err    error
}

// Do calls any address. Headers are "Name: value".
func Do(ctx context.Context, method, target string, body Object, headers ...string) Reply {
	r := Reply{Call: method + " " + target}
	var content io.Reader = http.NoBody
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return Reply{Call: r.Call, Err: err}
		}
		content = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, target, content)
	if err != nil {
		return Reply{Call: r.Call, Err: err}
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, value)
	}
	answer, err := client.Do(request)
	if err != nil {
		return Reply{Call: r.Call, Err: err}
	}
	defer func() { _ = answer.Body.Close() }()
	r.Status, r.Header = answer.StatusCode, answer.Header
	if r.Body, r.Err = io.ReadAll(answer.Body); r.Err != nil {
		r.Status = 0 // half an answer is none
	}
	return r
}

// Want fails the test unless the status is as wanted.
func (r Reply) Want(t testing.TB, status int) Reply {
	t.Helper()
	if r.Status != status {
		t.Fatalf("want %d: %s", status, r)
	}
	return r
}

func (r Reply) String() string {
	if r.Err != nil {
		return fmt.Sprintf("%s is not answered: %v", r.Call, r.Err)
	}
	return fmt.Sprintf("%s is answered %d %v: %s", r.Call, r.Status, r.Header, r.Body)
}

// Text answers a member by path, such as "secret.api_key"; empty when there is
// none.
func (r Reply) Text(path string) string { return Member(r.Body, path) }

// Items are those of a list.
func (r Reply) Items() []any {
	var list struct{ Items []any }
	_ = json.Unmarshal(r.Body, &list) // what is no list has none
	return list.Items
}

// Applied is how many gateways had applied a command when it was answered, and of
// how many: "2/2".
func (r Reply) Applied() string { return r.Header.Get("Tidegate-Applied") }

// AppliedBy says why a command is not in force where it should be, everywhere and
// for certain.
func (r Reply) AppliedBy(want string) error {
	if r.Applied() != want || r.Header.Get("Tidegate-Unconfirmed") != "" {
		return fmt.Errorf("want it to be applied by %s: %s", want, r)
	}
	return nil
}

// Replayed says that the answer is that of an earlier call with the same key.
func (r Reply) Replayed() bool { return r.Header.Get("Idempotency-Replayed") == "true" }

// Member answers a member of a JSON document by path.
func Member(body []byte, path string) string {
	var value any
	if json.Unmarshal(body, &value) != nil {
		return ""
	}
	for step := range strings.SplitSeq(path, ".") {
		holder, _ := value.(Object)
		value = holder[step]
	}
	if value == nil {
		return ""
	}
	return fmt.Sprint(value)
}

// Unique makes a name that nothing else has.
func Unique(prefix string) string {
	return prefix + "-" + strings.ReplaceAll(events.NewID(time.Now()), "-", "")
}
