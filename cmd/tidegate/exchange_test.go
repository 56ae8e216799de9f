package main_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/journey"
)

// exchange calls the management API as administrator, and answers what came back
// as it came and decoded. Headers are "Name: value"; without a value they are left
// out.
func exchange(t testing.TB, child *journey.Child, method, path, body string, headers ...string) (status int, raw []byte, decoded map[string]any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, child.Ready.ManagementURL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+child.Ready.AdminToken)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		if request.Header.Set(name, value); value == "" {
			request.Header.Del(name)
		}
	}
	answer, err := caller.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if raw, err = io.ReadAll(answer.Body); err != nil {
		t.Fatal(err)
	}
	if json.Unmarshal(raw, &decoded) != nil {
		decoded = nil // no JSON, or no object
	}
	return answer.StatusCode, raw, decoded
}
