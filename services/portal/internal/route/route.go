// Package route hands calls of the management address to the services that own
// their paths.
//
// A service in the same process is called as a function; one elsewhere over
// HTTP, at one of its replicas. Paths, queries, bodies and tokens pass as they
// are: each service judges its callers by itself, so the portal is trusted with
// nothing.
//
// A call is tried at another replica only when the first cannot have seen it, or
// when it reads. It is never sent twice otherwise: a command whose connection
// broke is 502, and the caller's Idempotency-Key makes it safe to try again.
package route

import (
	"context"
	"fmt"

	"github.com/valyala/fasthttp"

	"github.com/tidegate-io/tidegate/libs/es"
)

// Peer is a service to which calls are handed.
type Peer interface {
	// Forward answers a call as the service answers it. An error means that
	// nothing was answered: ErrDown or ErrBroken.
	Forward(ctx context.Context, call *fasthttp.RequestCtx) error
}

// Local is a service of this process.
type Local fasthttp.RequestHandler

// Forward calls the service.
func (l Local) Forward(_ context.Context, call *fasthttp.RequestCtx) error {
	l(call)
	return nil
}

// ErrDown: no replica of a service can be reached; none has seen the call.
var ErrDown = es.Refuse(es.Unavailable, "service_unavailable", "the service cannot be reached; nothing was done")

// Peers answers the services named, each from this process when it is here and
// from its addresses otherwise.
func Peers(names []string, local map[string]fasthttp.RequestHandler, remote map[string][]string) (map[string]Peer, error) {
	peers := map[string]Peer{}
	for _, name := range names {
		switch handler, here := local[name]; {
		case here:
			peers[name] = Local(handler)
		case len(remote[name]) > 0:
			peer, err := NewRemote(name, remote[name])
			if err != nil {
				return nil, err
			}
			peers[name] = peer
		default:
			return nil, fmt.Errorf("the %s service is neither in this process nor at an address", name)
		}
	}
	return peers, nil
}
