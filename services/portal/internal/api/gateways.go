// Package api holds the portal's own operations: the gateways that there are,
// and the OpenAPI document of all services.
package api

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
)

// Fleet is what is known of the gateways; bus.Fleet is one.
type Fleet interface {
	Gateways() []bus.Gateway
	Remove(id string)
}

// Gateway is one gateway as it was last heard.
type Gateway struct {
	ID       string           `json:"id" example:"gw_01h455vb4pex5vsknk084sn02q"`
	Status   string           `json:"status" enum:"live,stale,lost" doc:"live: heard within 3 s. stale: it serves a last good state and is cut off from events. lost: silent without a goodbye, so it may still serve."`
	Applied  map[string]int64 `json:"applied" doc:"The position that is in force and on its disk, by stream." example:"{\"TIDEGATE_CONSUMER\":42}"`
	Lag      int64            `json:"lag" doc:"Events that services have announced and it has not applied." example:"0"`
	LastSeen time.Time        `json:"last_seen"`
	Version  string           `json:"version"`
}

type gatewayInput struct {
	ID string `path:"id" maxLength:"256" doc:"The gateway's id."`
}

// Gateways registers the operations on gateways.
func Gateways(api *httpapi.Server, fleet Fleet) {
	httpapi.Register(api, httpapi.Operation{
		ID: "list-gateways", Method: http.MethodGet, Path: "/v1/gateways", Summary: "List gateways",
		Description: "Every gateway that is heard, and those that fell silent without a goodbye until an administrator removes them.",
	}, func(ctx context.Context, in *struct{ httpapi.Paging }) (*httpapi.List[Gateway], error) {
		if err := authorize(ctx, httpapi.Read); err != nil {
			return nil, err
		}
		return page(ctx, fleet.Gateways(), in.Paging)
	})
	httpapi.Register(api, httpapi.Operation{
		ID: "get-gateway", Method: http.MethodGet, Path: "/v1/gateways/{id}", Summary: "Get a gateway",
	}, func(ctx context.Context, in *gatewayInput) (*struct{ Body Gateway }, error) {
		if err := authorize(ctx, httpapi.Read); err != nil {
			return nil, err
		}
		found, err := find(fleet, in.ID)
		if err != nil {
			return nil, err
		}
		return &struct{ Body Gateway }{show(found)}, nil
	})
	httpapi.Register(api, httpapi.Operation{
		ID: "remove-gateway", Method: http.MethodDelete, Path: "/v1/gateways/{id}", Summary: "Remove a lost gateway", Status: http.StatusNoContent,
		Description: "Says that a gateway which fell silent is gone for good, so that nothing counts it as unconfirmed any more. One that is heard cannot be removed, and one that is heard again comes back.",
	}, func(ctx context.Context, in *gatewayInput) (*httpapi.Empty, error) {
		if err := authorize(ctx, httpapi.Write); err != nil {
			return nil, err
		}
		found, err := find(fleet, in.ID)
		if err != nil {
			return nil, err
		}
		if found.Status != bus.GatewayLost {
			return nil, ErrHeard.In(found.Status)
		}
		fleet.Remove(in.ID)
		return &httpapi.Empty{}, nil
	})
}

// ErrHeard: a gateway that is heard is not gone.
var ErrHeard = es.Refuse(es.Illegal, "illegal_transition", "the gateway is heard; only a lost one can be removed")

func authorize(ctx context.Context, verb httpapi.Verb) error {
	return httpapi.Authorize(ctx, httpapi.Access{Object: httpapi.Gateway, Verb: verb})
}

func find(fleet Fleet, id string) (bus.Gateway, error) {
	all := fleet.Gateways()
	i := slices.IndexFunc(all, func(g bus.Gateway) bool { return g.ID == id })
	if i < 0 {
		return bus.Gateway{}, es.ErrNotFound
	}
	return all[i], nil
}

// page answers the gateways behind the cursor, which is the id of the last one
// that was shown.
func page(ctx context.Context, all []bus.Gateway, paging httpapi.Paging) (*httpapi.List[Gateway], error) {
	query, err := paging.Query(ctx, es.Query{})
	if err != nil {
		return nil, err
	}
	all = slices.SortedFunc(slices.Values(all), func(a, b bus.Gateway) int { return strings.Compare(a.ID, b.ID) })
	items, next := []Gateway{}, ""
	for _, g := range all {
		if g.ID <= query.After {
			continue
		}
		if len(items) == query.Limit {
			next = items[len(items)-1].ID
			break
		}
		items = append(items, show(g))
	}
	return httpapi.NewList(ctx, items, next), nil
}

func show(g bus.Gateway) Gateway {
	applied := map[string]int64{bus.MaterialStream: g.Material}
	for source, cursor := range g.Applied {
		applied[bus.Stream(source)] = cursor.Position
	}
	return Gateway{ID: g.ID, Status: g.Status, Applied: applied, Lag: g.Lag, LastSeen: g.LastSeen.UTC(), Version: g.Version}
}
