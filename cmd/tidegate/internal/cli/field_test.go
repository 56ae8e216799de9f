package cli

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAFieldIsGivenByItsShortFlagAndByItsWholeName(t *testing.T) {
	var path string
	var body map[string]any
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, body = r.URL.RequestURI(), nil
		if r.Method != http.MethodGet {
			if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
				t.Error(err)
			}
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"items":[],"next_cursor":""}`))
	}))
	defer api.Close()
	for name, c := range map[string]struct {
		args, path string
		want       map[string]any
	}{
		"a request, short":      {"subscription create --consumer acme --service pets --plan gold", "/v1/subscriptions", map[string]any{"consumer_id": "acme", "service_id": "pets", "plan_id": "gold"}},
		"a request, whole":      {"subscription create --consumer-id acme --service-id pets --plan-id gold", "/v1/subscriptions", map[string]any{"consumer_id": "acme", "service_id": "pets", "plan_id": "gold"}},
		"chosen credentials":    {"subscription assign sub_1 --credential-ids cred_1,cred_2", "/v1/subscriptions/sub_1/credentials", map[string]any{"credential_ids": []any{"cred_1", "cred_2"}}},
		"an overlap in hours":   {"credential rotate cred_1 --overlap 24h", "/v1/credentials/cred_1/rotate", map[string]any{"overlap_seconds": 86400.0}},
		"an overlap in seconds": {"credential rotate cred_1 --overlap-seconds 3600", "/v1/credentials/cred_1/rotate", map[string]any{"overlap_seconds": 3600.0}},
		"a filter":              {"credential list --consumer-id acme", "/v1/credentials?consumer_id=acme", nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := &session{stdin: strings.NewReader(""), stdout: &strings.Builder{}, stderr: &strings.Builder{}}
			root := newRoot(s)
			root.SetArgs(append(strings.Fields(c.args), "--address", api.URL, "--token", "t", "-o", "json"))
			if err := root.ExecuteContext(t.Context()); err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(path, c.path) {
				t.Errorf("called %s, not %s", path, c.path)
			}
			if diff := cmp.Diff(c.want, body); diff != "" {
				t.Errorf("sent (-want +got):\n%s", diff)
			}
		})
	}
}
