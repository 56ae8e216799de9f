package up

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// Address is where something is to listen.
type Address struct {
	Value string // host:port
	Asked bool   // somebody asked for it, so no other will do
}

// nextPorts is how many ports above a default one are tried.
const nextPorts = 50

// Listen binds an address. A default port that is taken gives the next free
// one; a port that was asked for and is taken is an error. Port 0 takes a free
// one.
func Listen(ctx context.Context, what string, a Address) (net.Listener, error) {
	host, text, err := net.SplitHostPort(a.Value)
	if err != nil {
		return nil, fmt.Errorf("the address of %s: %w", what, err)
	}
	first, err := strconv.Atoi(text)
	if err != nil {
		return nil, fmt.Errorf("the address of %s: %q is no port", what, text)
	}
	tries, sockets := nextPorts, net.ListenConfig{}
	if a.Asked || first == 0 {
		tries = 1
	}
	for port := first; port < first+tries; port++ {
		listener, err := sockets.Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err == nil {
			return listener, nil
		}
		if a.Asked || !errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("listen for %s: %w", what, err)
		}
	}
	return nil, fmt.Errorf("listen for %s: ports %d to %d are all taken", what, first, first+tries-1)
}
