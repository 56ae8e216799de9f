package main_test

import (
	"net/http"
	"testing"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/journey"
	"github.com/tidegate-io/tidegate/libs/es/pgstore/pgtest"
)

func TestTheMainJourneyOnPostgres(t *testing.T) {
	address, dir := pgtest.Start(t), t.TempDir()
	child := journey.Up(t, binary(t), dir, "--database-url", address)
	journey.Run(t, child.System())
	post(t, child, "/v1/consumers", `{"id":"acme","name":"Acme","team":"apps"}`)
	child.Kill()
	child = journey.Up(t, binary(t), dir, "--database-url", address)
	if status := get(t, child.Ready.ManagementURL+"/v1/consumers/acme", child.Ready.AdminToken); status != http.StatusOK {
		t.Errorf("after kill -9 the consumer is answered %d", status)
	}
}
