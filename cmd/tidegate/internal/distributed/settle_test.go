package distributed_test

import (
	"fmt"
	"net/http"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/web"
	"github.com/tidegate-io/tidegate/libs/app"
)

// settle returns once every replica of every service does its work and knows
// that both gateways have applied all that there was.
func (s *topology) settle() {
	s.t.Helper()
	for i := range s.of["consumer"] {
		eventually(s.t, fmt.Sprintf("replica %d of every service has its commands applied everywhere", i+1), func() error { return s.exercise(i) })
	}
}

// exercise has one replica of each service do one command.
func (s *topology) exercise(replica int) error {
	ctx, name := s.t.Context(), web.Unique("settle")
	for _, step := range []struct {
		service, path string
		body          web.Object
	}{
		{"consumer", "/v1/consumers", web.Object{"id": name, "name": "Settle"}},
		{"catalog", "/v1/services", service(name, s.upstream.URL)},
		{"catalog", "/v1/services/" + name + "/publish", nil},
		{"credential", "/v1/consumers/" + name + "/credentials", web.Object{"name": "key", "type": "api_key"}},
		{"subscription", "/v1/subscriptions", web.Object{"consumer_id": name, "service_id": name, "as_provider": true}},
	} {
		answer := s.manage(ctx, s.of[step.service][replica].address, http.MethodPost, step.path, step.body, "Prefer: wait=10")
		if answer.Status != http.StatusCreated && answer.Status != http.StatusOK {
			return fmt.Errorf("want it done: %s", answer)
		}
		if err := everywhere(answer); err != nil {
			return err
		}
	}
	return nil
}

// service is a service at a path of its name.
func service(id, upstream string) web.Object {
	return web.Object{
		"id": id, "name": id, "routes": []web.Object{{"path_prefix": "/" + id, "strip_prefix": true}},
		"upstreams": []web.Object{{"url": upstream, "weight": 1}}, "approval": web.Object{"mode": "auto"},
	}
}

// owners are the programs that own paths, in order of name.
var owners = app.Owners()
