package up

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"github.com/tidegate-io/tidegate/libs/secret"
)

// Demo is what the demonstration keeps: the key of its first consumer, so that
// the banner can show a call that works also after a restart, and where its
// upstream was.
type Demo struct {
	Key  string `json:"key"`
	Path string `json:"path"`
	Echo string `json:"echo"` // host:port
}

// object is a JSON object.
type object = map[string]any

// demoServices are published; the echo upstream answers for all of them.
var demoServices = []object{
	{
		"id": "petstore", "name": "Petstore", "team": "pets", "kind": "rest", "category": "shop", "tags": []string{"animals", "demo"},
		"description": "Find, adopt and return pets. Access is decided by the pets team.",
		"routes":      []object{{"path_prefix": "/petstore", "strip_prefix": true}}, "approval": object{"mode": "manual"},
		"documentation": "# Petstore\n\n`GET /petstore/pets` lists all pets.\n",
	},
	{
		"id": "weather", "name": "Weather", "team": "weather", "kind": "rest", "category": "data", "tags": []string{"forecast", "demo"},
		"description": "The weather, now and tomorrow. Access is given at once.",
		"routes":      []object{{"path_prefix": "/weather", "strip_prefix": true}}, "approval": object{"mode": "auto"},
		"documentation": "# Weather\n\n`GET /weather/now` tells the weather.\n",
	},
	{
		"id": "payments", "name": "Payments", "team": "payments", "kind": "rest", "category": "finance", "tags": []string{"money", "demo"},
		"description": "Take and give money. Access is decided by the payments team.",
		"routes":      []object{{"path_prefix": "/payments", "strip_prefix": true}}, "approval": object{"mode": "manual"},
		"documentation": "# Payments\n\n`POST /payments/charges` takes money.\n",
	},
}

var demoConsumers = []object{
	{"id": "acme-mobile", "name": "Acme mobile app", "team": "mobile", "labels": object{"env": "demo", "custom_id": "ACME-1"}},
	{"id": "globex-batch", "name": "Globex nightly batch", "team": "data", "labels": object{"env": "demo"}},
	{"id": "initech-web", "name": "Initech web shop", "team": "web", "labels": object{"env": "demo"}},
}

var demoCredentials = []struct {
	consumer string
	body     object
}{
	{"globex-batch", object{"name": "nightly", "type": "basic", "config": object{"username": "globex"}}},
	{"initech-web", object{"name": "shop", "type": "api_key"}},
}

// demoSubscriptions are asked for; those to be approved are.
var demoSubscriptions = []struct {
	consumer, service, reason string
	approve                   bool
}{
	{"acme-mobile", "petstore", "The app shows pets.", true},
	{"acme-mobile", "weather", "The app shows the weather.", false},
	{"globex-batch", "weather", "Forecasts for the warehouse.", false},
	{"globex-batch", "payments", "Nightly settlement.", false},
	{"initech-web", "petstore", "A pet corner in the shop.", false},
}

// loadDemo makes the demonstration through the public API. What is there already
// stays as it is, so that it can be run at every start.
func loadDemo(ctx context.Context, dataDir string, ready Ready, log *slog.Logger) (*Demo, error) {
	if ready.AdminToken == "" {
		return nil, errors.New("it needs the built-in issuer; leave out --demo or TIDEGATE_AUTH_JWKS_URL")
	}
	demo, err := readDemo(dataDir)
	if err != nil {
		return nil, err
	}
	listener, err := echoListener(ctx, demo.Echo)
	if err != nil {
		return nil, err
	}
	serveEcho(ctx, listener)
	demo.Echo, demo.Path = listener.Addr().String(), "/petstore/pets"
	if err := demo.save(dataDir); err != nil { // before it is used: a key that is lost is of no use
		_ = listener.Close()
		return nil, err
	}
	public := &api{base: ready.ManagementURL, token: ready.AdminToken}
	for _, step := range []func(context.Context, *api, *Demo) error{makeServices, makeConsumers, makeCredentials, makeSubscriptions} {
		if err := step(ctx, public, demo); err != nil {
			_ = listener.Close()
			return nil, err
		}
	}
	log.InfoContext(ctx, "the demonstration is loaded", "echo", demo.Echo)
	return demo, nil
}

// echoListener listens where the upstream was before, and elsewhere when that
// is taken.
func echoListener(ctx context.Context, before string) (net.Listener, error) {
	var sockets net.ListenConfig
	if before != "" {
		if listener, err := sockets.Listen(ctx, "tcp", before); err == nil {
			return listener, nil
		}
	}
	return sockets.Listen(ctx, "tcp", "127.0.0.1:0")
}

func makeServices(ctx context.Context, api *api, demo *Demo) error {
	upstreams := []object{{"url": "http://" + demo.Echo, "weight": 1}}
	for _, service := range demoServices {
		path := "/v1/services/" + service["id"].(string)
		there, err := api.find(ctx, path)
		if err != nil {
			return err
		}
		if there == nil {
			body := object{"upstreams": upstreams}
			maps.Copy(body, service)
			if there, err = api.send(ctx, http.MethodPost, "/v1/services", body); err != nil {
				return err
			}
		} else if !same(there["upstreams"], upstreams) && there["status"] != "retired" {
			if _, err := api.send(ctx, http.MethodPatch, path, object{"upstreams": upstreams}); err != nil {
				return err
			}
		}
		if there["status"] == "draft" {
			if _, err := api.send(ctx, http.MethodPost, path+"/publish", nil); err != nil {
				return err
			}
		}
	}
	return nil
}

func makeConsumers(ctx context.Context, api *api, _ *Demo) error {
	for _, consumer := range demoConsumers {
		there, err := api.find(ctx, "/v1/consumers/"+consumer["id"].(string))
		if err != nil || there != nil {
			if err != nil {
				return err
			}
			continue
		}
		if _, err := api.send(ctx, http.MethodPost, "/v1/consumers", consumer); err != nil {
			return err
		}
	}
	return nil
}

func makeCredentials(ctx context.Context, api *api, demo *Demo) error {
	own := object{"name": "demo", "type": "api_key", "config": object{"key": demo.Key}}
	if err := makeCredential(ctx, api, "acme-mobile", own); err != nil {
		return err
	}
	for _, c := range demoCredentials {
		if err := makeCredential(ctx, api, c.consumer, c.body); err != nil {
			return err
		}
	}
	return nil
}

func makeCredential(ctx context.Context, api *api, consumer string, body object) error {
	path := "/v1/consumers/" + consumer + "/credentials"
	there, err := api.find(ctx, path+"?status=all&limit=200")
	if err != nil {
		return err
	}
	items, _ := there["items"].([]any)
	for _, item := range items {
		if known, _ := item.(object); known["name"] == body["name"] {
			return nil
		}
	}
	_, err = api.send(ctx, http.MethodPost, path, body)
	return err
}

func makeSubscriptions(ctx context.Context, api *api, _ *Demo) error {
	for _, s := range demoSubscriptions {
		query := url.Values{"consumer_id": {s.consumer}, "service_id": {s.service}}
		there, err := api.find(ctx, "/v1/subscriptions?"+query.Encode())
		if err != nil {
			return err
		}
		asked, known := first(there)
		if !known {
			asked, err = api.send(ctx, http.MethodPost, "/v1/subscriptions", object{"consumer_id": s.consumer, "service_id": s.service, "reason": s.reason})
			if err != nil {
				return err
			}
		}
		if s.approve && asked["status"] == "pending" {
			path := fmt.Sprintf("/v1/subscriptions/%v/approve", asked["id"])
			if _, err := api.send(ctx, http.MethodPost, path, object{"comment": "Welcome."}); err != nil {
				return err
			}
		}
	}
	return nil
}

// first answers the first item of a list.
func first(list object) (object, bool) {
	items, _ := list["items"].([]any)
	if len(items) == 0 {
		return nil, false
	}
	item, ok := items[0].(object)
	return item, ok
}

// same compares as JSON.
func same(a, b any) bool {
	left, errLeft := json.Marshal(a)
	right, errRight := json.Marshal(b)
	return errLeft == nil && errRight == nil && string(left) == string(right)
}

const demoFile = "demo.json"

func readDemo(dataDir string) (*Demo, error) {
	content, err := os.ReadFile(filepath.Join(dataDir, demoFile))
	if errors.Is(err, fs.ErrNotExist) {
		return &Demo{Key: secret.Generate(secret.APIKey)}, nil
	}
	if err != nil {
		return nil, err
	}
	demo := &Demo{}
	if err := json.Unmarshal(content, demo); err != nil || demo.Key == "" {
		return nil, fmt.Errorf("%s cannot be read; remove it for a new demonstration key: %w", demoFile, err)
	}
	return demo, nil
}

func (d *Demo) save(dataDir string) error {
	content, err := json.Marshal(d)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dataDir, demoFile), content, 0o600)
}
