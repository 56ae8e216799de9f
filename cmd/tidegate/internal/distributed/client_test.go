package distributed_test

import (
	"context"
	"fmt"
	"net/http"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/web"
)

// manage calls the management API, as administrator.
func (s *topology) manage(ctx context.Context, base, method, path string, body web.Object, headers ...string) web.Reply {
	return web.Do(ctx, method, base+path, body, append(headers, "Authorization: Bearer "+s.admin)...)
}

// through calls a service through a gateway.
func through(ctx context.Context, gateway, service, key string) web.Reply {
	return web.Do(ctx, http.MethodGet, gateway+"/"+service+"/", nil, "X-API-Key: "+key)
}

// gatewayCount is how many gateways docker-compose.yml has.
const gatewayCount = 2

// everywhere says why a command is not in force at every gateway.
func everywhere(r web.Reply) error { return r.AppliedBy(fmt.Sprintf("%d/%[1]d", gatewayCount)) }
