package app

import (
	"context"
	"net/http"

	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/libs/httpapi"
)

// State is how a service's outbox stands.
type State struct {
	Service   string `json:"service" example:"consumer"`
	Version   string `json:"version"`
	Epoch     string `json:"epoch" doc:"Of its history; another one after a restore."`
	Position  int64  `json:"position" doc:"Of its last event."`
	Published int64  `json:"published" doc:"The position up to which events are on the bus."`
	Material  int64  `json:"material" doc:"Of its last change of what gateways verify secrets with."`
	Relayed   int64  `json:"material_published" doc:"The same, as far as it is on the bus."`
	Connected bool   `json:"connected" doc:"Whether the bus can be reached."`
	Blocked   string `json:"blocked,omitempty" doc:"Why nothing is published until somebody acts."`
	Parked    int    `json:"parked" doc:"Messages of others that it could not handle."`
}

// registerState adds GET /v1/operations/{service}, for administrators.
func registerState(name string, d Deps, relay *bus.Relay) {
	httpapi.Register(d.API, httpapi.Operation{
		ID: "show-" + name + "-state", Method: http.MethodGet, Path: "/v1/operations/" + name, Tag: "operations",
		Summary: "Show how far " + name + " has come and what it has published",
	}, func(ctx context.Context, _ *struct{}) (*struct{ Body State }, error) {
		if err := httpapi.Authorize(ctx, httpapi.Access{Object: httpapi.Operations, Verb: httpapi.Read}); err != nil {
			return nil, err
		}
		head, err := d.Store.Head(ctx)
		if err != nil {
			return nil, err
		}
		parked, err := d.Store.Parked(ctx, "")
		if err != nil {
			return nil, err
		}
		status := relay.Status()
		state := State{
			Service: name, Version: Version(), Epoch: head.Epoch, Position: head.Position, Published: status.Published,
			Material: head.Material, Relayed: status.Material, Connected: d.Bus.Connected(), Parked: len(parked),
		}
		if status.Blocked != nil {
			state.Blocked = status.Blocked.Error()
		}
		return &struct{ Body State }{state}, nil
	})
}
