package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tidegate-io/tidegate/events"
)

// client speaks to the management API. It knows JSON, problems and pages, and
// nothing about any resource.
type client struct {
	address string
	token   string
	wait    string // seconds for Prefer: wait; empty: none
	http    *http.Client
	say     func(format string, args ...any) // tells how far a command was applied; nil: nobody
}

// callTime is longer than the longest Prefer: wait.
const callTime = 60 * time.Second

func newClient(address, token, wait string) *client {
	return &client{address: strings.TrimSuffix(address, "/"), token: token, wait: wait, http: &http.Client{Timeout: callTime}}
}

// problem is a refusal as the API tells it.
type problem struct {
	Status        int    `json:"status"`
	Title         string `json:"title"`
	Detail        string `json:"detail"`
	Code          string `json:"code"`
	RequestID     string `json:"request_id"`
	CurrentStatus string `json:"current_status"`
	Errors        []struct {
		Location string `json:"location"`
		Message  string `json:"message"`
	} `json:"errors"`
}

func (p *problem) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s (%d %s)", strings.TrimSuffix(p.Detail, "."), p.Status, p.Code)
	if p.CurrentStatus != "" {
		fmt.Fprintf(&text, "; its status is %s", p.CurrentStatus)
	}
	for _, fault := range p.Errors {
		fmt.Fprintf(&text, "\n  %s: %s", fault.Location, fault.Message)
	}
	if p.Status >= http.StatusInternalServerError && p.RequestID != "" {
		fmt.Fprintf(&text, "\n  request %s", p.RequestID)
	}
	return text.String()
}

// call sends one request and answers the decoded body; nil when there is none.
func (c *client) call(ctx context.Context, method, path string, query url.Values, body any, header http.Header) (any, error) {
	target := c.address + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	var content io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, target, content)
	if err != nil {
		return nil, usage("the address %q: %w", c.address, err)
	}
	maps.Copy(request.Header, header)
	c.dress(request, body != nil)
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be reached (is `tidegate up` running? see --address): %w", c.address, unwrapURL(err))
	}
	defer func() { _ = answer.Body.Close() }()
	decoded, err := read(answer)
	if err == nil {
		c.tell(answer.Header)
	}
	return decoded, err
}

// tell says how many gateways have applied a command that was waited for.
func (c *client) tell(header http.Header) {
	applied := header.Get("Tidegate-Applied")
	if applied == "" || c.say == nil {
		return
	}
	c.say("%s gateways have applied it", applied)
	if silent := header.Get("Tidegate-Unconfirmed"); silent != "" && silent != "0" {
		c.say("%s fell silent without a goodbye and may still serve the old state: see `tidegate gateway list`", silent)
	}
}

func (c *client) dress(request *http.Request, hasBody bool) {
	request.Header.Set("Accept", "application/json")
	if hasBody {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	if request.Method == http.MethodGet {
		return
	}
	if c.wait != "" {
		request.Header.Set("Prefer", "wait="+c.wait)
	}
	if request.Method == http.MethodPost && request.Header.Get("Idempotency-Key") == "" {
		request.Header.Set("Idempotency-Key", events.NewID(time.Now()))
	}
}

func read(answer *http.Response) (any, error) {
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if answer.StatusCode >= http.StatusBadRequest {
		refused := &problem{}
		if json.Unmarshal(raw, refused) != nil || refused.Code == "" {
			refused = &problem{Detail: strings.TrimSpace(answer.Status), Code: "unknown"}
		}
		refused.Status = answer.StatusCode
		return nil, refused
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var decoded any
	if err := decoder.Decode(&decoded); err != nil {
		return nil, fmt.Errorf("the answer is no JSON; is this the management address? %w", err)
	}
	return decoded, nil
}

// list answers all items of a list, or the first limit of them (0: all).
func (c *client) list(ctx context.Context, path string, query url.Values, limit int) ([]any, error) {
	items := []any{}
	if query == nil {
		query = url.Values{}
	}
	for {
		query.Set("limit", "200")
		if limit > 0 {
			query.Set("limit", fmt.Sprint(min(limit-len(items), 200)))
		}
		page, err := c.call(ctx, http.MethodGet, path, query, nil, nil)
		if err != nil {
			return nil, err
		}
		found, next, err := itemsOf(page)
		if err != nil {
			return nil, err
		}
		items = append(items, found...)
		if next == "" || limit > 0 && len(items) >= limit {
			return items, nil
		}
		query.Set("cursor", next)
	}
}

// whole answers the items of a list that has no pages.
func (c *client) whole(ctx context.Context, path string) ([]any, error) {
	answer, err := c.call(ctx, http.MethodGet, path, nil, nil, nil)
	if err != nil {
		return nil, err
	}
	items, _, err := itemsOf(answer)
	return items, err
}

func itemsOf(page any) (items []any, next string, err error) {
	object, _ := page.(map[string]any)
	items, ok := object["items"].([]any)
	if !ok {
		return nil, "", errors.New("the answer is no list; is this the management address?")
	}
	next, _ = object["next_cursor"].(string)
	return items, next, nil
}

// unwrapURL drops the address that net/http repeats in its errors.
func unwrapURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}
