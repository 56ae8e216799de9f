package distributed_test

import (
	"testing"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/journey"
)

// TestManyProcesses starts the topology once; its parts follow one another on
// it, each from a state in which everything runs.
func TestManyProcesses(t *testing.T) {
	s := start(t)
	t.Run("the main journey goes through either portal and both gateways", func(t *testing.T) {
		for portal := range s.of["portal"] {
			journey.Run(t, s.system(portal))
		}
	})
	t.Run("an idempotency key holds across replicas", s.idempotency)
	t.Run("what is unique is unique across replicas", s.uniqueness)
	t.Run("a policy takes effect once", s.cascade)
	t.Run("replicas relay everything between them", s.orderly)
	t.Run("nothing that was acknowledged is lost or doubled when processes are killed under load", s.crashes)
}
