package bustest

import (
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
)

// Ports from which addresses are taken. They are below those that systems give
// to outgoing connections, so that none takes the port of a process which is
// down for a moment.
const (
	firstPort = 12000
	lastPort  = 32000
)

// given are the ports that this process has had.
var given sync.Map

// FreeAddress answers an address on which nobody listens, and that it answers
// once.
func FreeAddress(t testing.TB) string {
	t.Helper()
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if _, had := given.LoadOrStore(port, true); had {
			continue
		}
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		if listener, err := net.Listen("tcp", address); err == nil {
			_ = listener.Close()
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}
