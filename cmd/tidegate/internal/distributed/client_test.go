package distributed_test

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

type object = map[string]any

// web gives up on what does not answer; the longest Prefer: wait is 30 s.
var web = &http.Client{Timeout: 50 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 32}}

// reply is what a call was answered, or why it was not.
type reply struct {
	call   string
	status int
	header http.Header
	body   []byte
	err    error
}

// call calls any address. Headers are "Name: value".
func call(ctx context.Context, method, target string, body object, headers ...string) reply {
	r := reply{call: method + " " + target}
	var content io.Reader = http.NoBody
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return reply{call: r.call, err: err}
		}
		content = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, target, content)
	if err != nil {
		return reply{call: r.call, err: err}
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, value)
	}
	answer, err := web.Do(request)
	if err != nil {
		return reply{call: r.call, err: err}
	}
	defer func() { _ = answer.Body.Close() }()
	r.status, r.header = answer.StatusCode, answer.Header
	if r.body, r.err = io.ReadAll(answer.Body); r.err != nil {
		r.status = 0 // half an answer is none
	}
	return r
}

// manage calls the management API, as administrator.
func (s *topology) manage(ctx context.Context, base, method, path string, body object, headers ...string) reply {
	return call(ctx, method, base+path, body, append(headers, "Authorization: Bearer "+s.admin)...)
}

// through calls a service through a gateway.
func through(ctx context.Context, gateway, service, key string) reply {
	return call(ctx, http.MethodGet, gateway+"/"+service+"/", nil, "X-API-Key: "+key)
}

func (r reply) String() string {
	if r.err != nil {
		return fmt.Sprintf("%s is not answered: %v", r.call, r.err)
	}
	return fmt.Sprintf("%s is answered %d %v: %s", r.call, r.status, r.header, r.body)
}

// want fails the test unless the status is as wanted.
func (r reply) want(t testing.TB, status int) reply {
	t.Helper()
	if r.status != status {
		t.Fatalf("want %d: %s", status, r)
	}
	return r
}

// text answers a member by path, such as "secret.api_key"; empty when there is
// none.
func (r reply) text(path string) string { return member(r.body, path) }

func (r reply) applied() string   { return r.header.Get("Tidegate-Applied") }
func (r reply) replayed() bool    { return r.header.Get("Idempotency-Replayed") == "true" }
func (r reply) everywhere() error { return r.appliedBy(fmt.Sprintf("%d/%[1]d", gatewayCount)) }

// appliedBy says why it is not applied by the gateways that it should be.
func (r reply) appliedBy(want string) error {
	if r.applied() != want || r.header.Get("Tidegate-Unconfirmed") != "" {
		return fmt.Errorf("want it to be applied by %s: %s", want, r)
	}
	return nil
}

// gatewayCount is how many gateways docker-compose.yml has.
const gatewayCount = 2

func member(body []byte, path string) string {
	var value any
	if json.Unmarshal(body, &value) != nil {
		return ""
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

// unique makes a name that nothing else has.
func unique(prefix string) string {
	return prefix + "-" + strings.ReplaceAll(events.NewID(time.Now()), "-", "")
}

// items are those of a list.
func (r reply) items() []any {
	var list struct{ Items []any }
	_ = json.Unmarshal(r.body, &list) // what is no list has none
	return list.Items
}
