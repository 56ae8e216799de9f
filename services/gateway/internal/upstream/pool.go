// Package upstream keeps connections to the services behind the gateway and
// chooses among the addresses of one.
//
// It never pools a connection whose last exchange did not end well: who holds a
// connection either releases it after a complete exchange, or closes it.
package upstream

import (
	"bufio"
	"context"
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidegate-io/tidegate/services/gateway/internal/wire"
)

// Times and sizes of connections. An idle connection is closed before most
// servers would close it themselves (60 s is the common default).
const (
	idleTime    = 45 * time.Second
	idlePerHost = 256
	dialTime    = 5 * time.Second
	keepAlive   = 15 * time.Second
	readSize    = 16 << 10 // also bounds a response's header block
	writeSize   = 4 << 10
)

// Pool holds the idle connections to one address.
type Pool struct {
	Address Address

	use  *use
	mu   sync.Mutex
	idle []*Conn // the last one was used last
	down time.Time
}

// Conn is one connection, in use by one exchange.
type Conn struct {
	*wire.Conn
	Reader *bufio.Reader
	Writer *bufio.Writer
	Reused bool // it has carried an exchange before: the server may have closed it meanwhile

	pool   *Pool
	since  time.Time
	closed atomic.Bool
}

// Close closes the connection, however often it is called.
func (c *Conn) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		c.pool.use.open.Add(-1)
	}
	return c.Conn.Close()
}

// Get answers an idle connection that is still open, or dials for as long as
// timeout allows.
func (p *Pool) Get(timeout time.Duration) (*Conn, error) {
	for {
		c := p.take()
		if c == nil {
			return p.dial(timeout)
		}
		if time.Since(c.since) < idleTime && c.Reader.Buffered() == 0 && quiet(c.Conn.Conn) {
			c.Reused = true
			p.use.used.Add(1)
			return c, nil
		}
		_ = c.Close()
	}
}

func (p *Pool) take() *Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	c := p.idle[n-1]
	p.idle[n-1] = nil
	p.idle = p.idle[:n-1]
	p.use.idle.Add(-1)
	return c
}

func (p *Pool) dial(timeout time.Duration) (*Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), min(timeout, dialTime))
	defer cancel()
	dialer := net.Dialer{KeepAlive: keepAlive}
	conn, err := dialer.DialContext(ctx, "tcp", p.Address.Dial)
	if err == nil && p.Address.TLS != nil {
		secure := tls.Client(conn, p.Address.TLS)
		if err = secure.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
		}
		conn = secure
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.down = time.Now()
		p.use.failed.Add(1)
		return nil, err
	}
	p.down = time.Time{}
	p.use.dialled.Add(1)
	p.use.open.Add(1)
	watched := wire.Watch(conn)
	return &Conn{Conn: watched, Reader: bufio.NewReaderSize(watched, readSize), Writer: bufio.NewWriterSize(conn, writeSize), pool: p}, nil
}

// Release gives a connection back whose exchange is complete.
func (c *Conn) Release() {
	_ = c.SetDeadline(time.Time{})
	c.since = time.Now()
	p := c.pool
	p.mu.Lock()
	if len(p.idle) < idlePerHost {
		p.idle = append(p.idle, c)
		p.use.idle.Add(1)
		c = nil
	}
	p.mu.Unlock()
	if c != nil {
		_ = c.Close()
	}
}

// sweep closes what has been idle for too long.
func (p *Pool) sweep(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fresh := 0
	for fresh < len(p.idle) && now.Sub(p.idle[fresh].since) >= idleTime {
		_ = p.idle[fresh].Close()
		fresh++
	}
	p.use.idle.Add(-int64(fresh))
	kept := copy(p.idle, p.idle[fresh:])
	clear(p.idle[kept:])
	p.idle = p.idle[:kept]
}

// downTime is how long an address that could not be dialled is tried last.
const downTime = time.Second

func (p *Pool) isDown(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return now.Sub(p.down) < downTime
}

// Address answers where the connection leads.
func (c *Conn) Address() Address { return c.pool.Address }
