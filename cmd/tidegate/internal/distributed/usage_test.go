package distributed_test

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/web"
)

// flushTime is more than gateways keep uses to themselves.
const flushTime = 12 * time.Second

// Uses of two gateways add up in two replicas, each once, whatever dies between
// them.
func (s *topology) uses(t *testing.T) {
	c := s.client(t)
	total := gatewayCount // calls of client
	call := func(gateway, times int) {
		t.Helper()
		for range times {
			if r := through(t.Context(), s.gateways()[gateway], c.service, c.key); r.Status != http.StatusOK {
				t.Fatalf("want it let through: %s", r)
			}
			total++
		}
	}
	used := func(replica int) (int, web.Reply) {
		r := s.manage(t.Context(), s.of["credential"][replica].address, http.MethodGet, "/v1/credentials/"+c.credential, nil)
		n, err := strconv.Atoi(r.Text("use_count"))
		if r.Status != http.StatusOK || err != nil {
			return -1, r
		}
		return n, r
	}
	counted := func(replica int) {
		t.Helper()
		eventually(t, fmt.Sprintf("replica %d knows of %d uses", replica+1, total), func() error {
			if n, r := used(replica); n != total {
				return fmt.Errorf("not so: %s", r)
			}
			return nil
		})
	}
	call(0, 5)
	call(1, 3)
	counted(0)
	counted(1)

	credential := s.of["credential"][0]
	credential.kill()
	call(0, 4)
	call(1, 4)
	counted(1)
	credential.start()
	credential.await()

	for node := range nodes {
		s.nats.Kill(node)
	}
	call(0, 6)
	call(1, 7)
	time.Sleep(flushTime) // what is kept from being reported is on disk
	gateway := s.of["gateway"][0]
	gateway.kill()
	for node := range nodes {
		s.nats.Start(node)
	}
	gateway.start()
	gateway.await()
	counted(0)

	call(0, 2)
	gateway.kill() // with what it has counted since its last report
	gateway.start()
	gateway.await()
	total -= 2
	s.eventuallyCalls(t, c, "")
	total += gatewayCount
	time.Sleep(flushTime)
	if n, r := used(1); n < total || n > total+2 {
		t.Errorf("%d uses are known, want %d, and 2 more unless they died with the gateway: %s", n, total, r)
	}
	s.settle()
}
