package httpapi

import (
	"context"

	"github.com/tidegate-io/tidegate/libs/es"
)

// call is what is known of the request that is being answered. One goroutine
// answers a request, so it has no lock.
type call struct {
	id     string // the request id
	route  string // "/v1/consumers/{id}"; empty: none matched
	status int    // of the operation's success
	target string // "POST /v1/consumers/acme/suspend"
	list   string // what a cursor belongs to: the target and its filters
	body   []byte
	match  ifMatch
	lease  *es.Lease
	kept   bool // the append has kept the answer for the lease
}

type callKey struct{}

func withCall(ctx context.Context, c *call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// callFrom answers the call of a context; outside a request, an empty one.
func callFrom(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{status: 200}
}

// RequestID answers the id that was made for this call: the X-Request-Id of
// its answer, the request_id of its problem, the correlation id of its events.
func RequestID(ctx context.Context) string { return callFrom(ctx).id }
