package crash_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/tidegate-io/tidegate/events"
)

type object = map[string]any

// web gives up on what does not answer.
var web = &http.Client{Timeout: 40 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 32}}

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

func (r reply) String() string {
	if r.err != nil {
		return fmt.Sprintf("%s is not answered: %v", r.call, r.err)
	}
	return fmt.Sprintf("%s is answered %d %v: %s", r.call, r.status, r.header, r.body)
}

// everywhere says whether the gateway had applied the command when it was
// answered.
func (r reply) everywhere() bool {
	return r.header.Get("Tidegate-Applied") == "1/1" && r.header.Get("Tidegate-Unconfirmed") == ""
}

// text answers a member by path, such as "secret.api_key"; empty when there is
// none.
func (r reply) text(path string) string {
	var value any
	if json.Unmarshal(r.body, &value) != nil {
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
