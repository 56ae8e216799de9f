package distributed_test

import (
	"testing"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/journey"
)

// TestManyProcesses starts the topology once. Its parts follow one another on
// it, each from a state in which everything runs; after one that failed there is
// no such state.
func TestManyProcesses(t *testing.T) {
	s := start(t)
	for _, part := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"the main journey goes through either portal and both gateways", s.journeys},
		{"an idempotency key holds across replicas", s.idempotency},
		{"what is unique is unique across replicas", s.uniqueness},
		{"a policy takes effect once", s.cascade},
		{"replicas relay everything between them", s.orderly},
		{"nothing that was acknowledged is lost or doubled when processes are killed under load", s.crashes},
		{"uses are counted once, whatever dies", s.uses},
		{"commands are accepted without NATS", s.withoutNATS},
		{"nothing is half done without Postgres", s.withoutPostgres},
		{"a gateway restarts alone with what it knew", s.alone},
		{"the main journey goes through after all that", s.journeys},
		{"every process ends in good order when it is told to", s.shutdown},
	} {
		if !t.Run(part.name, part.run) {
			return
		}
	}
}

func (s *topology) journeys(t *testing.T) {
	for portal := range s.of["portal"] {
		journey.Run(t, s.system(portal))
	}
}
