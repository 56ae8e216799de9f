// Package wire watches connections for their end.
//
// The server's reader of chunked bodies takes a connection that ends between two
// chunks for a body that is complete. Whoever must know asks the connection
// whether its end was read: behind a complete body it never is.
package wire

import (
	"net"
	"sync/atomic"
	"time"
)

// Conn is a connection that remembers its end.
type Conn struct {
	net.Conn
	ended atomic.Bool
}

// Watch wraps a connection.
func Watch(c net.Conn) *Conn { return &Conn{Conn: c} }

// Read notes every fault but a time-out.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		if network, ok := err.(net.Error); !ok || !network.Timeout() { //nolint:errorlint // the net package's own, unwrapped
			c.ended.Store(true)
		}
	}
	return n, err
}

// Ended says that a read met the connection's end, or a fault.
func (c *Conn) Ended() bool { return c.ended.Load() }

// Reset makes closing the connection look like the fault that it is.
func (c *Conn) Reset() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
}

// CloseWrite tells the other side that nothing more comes.
func (c *Conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}

// Listener wraps every connection.
type Listener struct{ net.Listener }

// keepAlive is how often a silent connection is tried.
const keepAlive = 15 * time.Second

// Accept answers a *Conn.
func (l Listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetKeepAlivePeriod(keepAlive)
	}
	return Watch(c), nil
}
