package main_test

import (
	"net/http"
	"testing"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/journey"
	"github.com/tidegate-io/tidegate/libs/bus/bustest"
	"github.com/tidegate-io/tidegate/libs/es/pgstore/pgtest"
)

func TestTheMainJourneyOnAnExternalNATS(t *testing.T) {
	server, dir := bustest.Start(t), t.TempDir()
	child := journey.Up(t, binary(t), dir, "--nats-url", server.URL())
	if child.Ready.NATSURL != server.URL() {
		t.Errorf("nats_url is %q, want %q", child.Ready.NATSURL, server.URL())
	}
	journey.Run(t, child.System())

	server.Kill()
	post(t, child, "/v1/consumers", `{"id":"acme","name":"Acme","team":"apps"}`)
	server.Restart()
	child.Kill()
	child = journey.Up(t, binary(t), dir, "--nats-url", server.URL())
	if status := get(t, child.Ready.ManagementURL+"/v1/consumers/acme", child.Ready.AdminToken); status != http.StatusOK {
		t.Errorf("a consumer that was registered while NATS was down is answered %d after kill -9", status)
	}
	journey.Run(t, child.System())
}

func TestTheMainJourneyOnAnExternalNATSAndPostgres(t *testing.T) {
	address, server := pgtest.Start(t), bustest.Start(t)
	journey.Run(t, journey.Up(t, binary(t), t.TempDir(), "--nats-url", server.URL(), "--database-url", address).System())
}
