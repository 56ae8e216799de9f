package up

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// api is the public management API, as the demonstration uses it.
type api struct{ base, token string }

// find answers an object; nil when there is none.
func (a *api) find(ctx context.Context, path string) (object, error) {
	status, body, err := a.call(ctx, http.MethodGet, path, nil)
	if err != nil || status == http.StatusNotFound {
		return nil, err
	}
	return body, accepted(http.MethodGet, path, status, body)
}

// send runs a command and waits until it is in force, so that what the banner
// shows works at once.
func (a *api) send(ctx context.Context, method, path string, command object) (object, error) {
	status, body, err := a.call(ctx, method, path, command)
	if err != nil {
		return nil, err
	}
	return body, accepted(method, path, status, body)
}

func accepted(method, path string, status int, body object) error {
	if status >= http.StatusBadRequest {
		return fmt.Errorf("%s %s answered %d %v: %v %v", method, path, status, body["code"], body["detail"], body["errors"])
	}
	return nil
}

func (a *api) call(ctx context.Context, method, path string, command object) (int, object, error) {
	var content io.Reader = http.NoBody
	if command != nil {
		encoded, err := json.Marshal(command)
		if err != nil {
			return 0, nil, err
		}
		content = bytes.NewReader(encoded)
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, a.base+path, content)
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Authorization", "Bearer "+a.token)
	request.Header.Set("Content-Type", "application/json")
	if method != http.MethodGet {
		request.Header.Set("Prefer", "wait=5")
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, nil, err
	}
	body := object{}
	if strings.Contains(answer.Header.Get("Content-Type"), "json") {
		if err := json.Unmarshal(raw, &body); err != nil {
			return 0, nil, fmt.Errorf("%s %s: %w", method, path, err)
		}
	}
	return answer.StatusCode, body, nil
}
