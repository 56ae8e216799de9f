package bus

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mrand "math/rand/v2"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Config says where NATS is.
type Config struct {
	// URL is one or more addresses joined by commas, with user and password in
	// them: "nats://credential:...@nats-1:4222,nats://...". Unused when InProcess
	// is set.
	URL  string
	Name string // of this process, seen in NATS monitoring: "credential"
	// InProcess connects to a server in this process without a port;
	// libs/bus/embedded has one. When it also has UserInfo() (user, password
	// string), these are used.
	InProcess nats.InProcessConnProvider
	// External says that the user is an outside reader of events, as the one in
	// embedded.Server's ReaderURL: it hears no heartbeats, and is answered on the
	// inbox that every NATS client has.
	External bool
	// Replicas of every stream; 0 is 1. A cluster of three wants 3.
	Replicas int
	// Namespace is the organisation; it appears in the connection's name and
	// nowhere in subjects.
	Namespace string
	Log       *slog.Logger
}

// Conn is a connection to NATS that mends itself for ever.
type Conn struct {
	nc       *nats.Conn
	js       jetstream.JetStream
	log      *slog.Logger
	replicas int
	external bool
	instance string // of this Conn, random
	keys     atomic.Pointer[func() (ids, active []string)]

	mu        sync.Mutex
	reconnect chan struct{} // closed at the next (re)connect
}

// Connect answers a connection. NATS being down is no error: it is connected to
// in the background, for ever. Errors are faults of the configuration.
func Connect(ctx context.Context, cfg Config) (*Conn, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.URL == "" && cfg.InProcess == nil {
		return nil, errors.New("connect to NATS: no address is configured")
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	c := &Conn{log: cfg.Log, replicas: max(cfg.Replicas, 1), external: cfg.External, instance: rand.Text(), reconnect: make(chan struct{})}
	nc, err := nats.Connect(cfg.URL, c.options(cfg)...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	c.nc = nc
	if c.js, err = jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(window), jetstream.WithPublishAsyncTimeout(ackTime)); err != nil {
		nc.Close()
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	return c, nil
}

// Connected says whether NATS can be reached right now.
func (c *Conn) Connected() bool { return c.nc.IsConnected() }

// Close ends the connection. What runs on it ends with its own context.
func (c *Conn) Close() { c.nc.Close() }

// options: everything that is lost with a connection is repeated by its owner,
// so nothing is buffered while there is none.
func (c *Conn) options(cfg Config) []nats.Option {
	name, user := cfg.Name, userOf(cfg.URL)
	if cfg.Namespace != "" {
		name = cfg.Namespace + "/" + cfg.Name
	}
	opts := []nats.Option{
		nats.Name(name),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(),
		nats.ReconnectBufSize(-1),
		nats.CustomReconnectDelay(reconnectDelay),
		nats.Timeout(3 * time.Second),
		nats.PingInterval(5 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.ConnectHandler(func(nc *nats.Conn) { c.connected(nc) }),
		nats.ReconnectHandler(func(nc *nats.Conn) { c.connected(nc) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err == nil {
				return // it was closed here
			}
			c.log.Warn("connection to NATS lost", "error", err)
		}),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			c.log.Warn("NATS reports an error", "error", err, "subject", subjectOf(sub))
		}),
	}
	if cfg.InProcess != nil {
		opts = append(opts, nats.InProcessServer(cfg.InProcess))
		if known, ok := cfg.InProcess.(interface {
			UserInfo() (user, password string)
		}); ok {
			user, _ = known.UserInfo()
			opts = append(opts, nats.UserInfoHandler(known.UserInfo)) // asked at every connect: a server that was started anew has new ones
		}
	}
	if cfg.External {
		return opts
	}
	return append(opts, nats.CustomInboxPrefix(inboxPrefix(user)))
}

// inboxPrefix is a user's own. Were it shared, whoever may subscribe to it would
// hear the answers that others are given, material included.
func inboxPrefix(user string) string {
	if user == "" {
		user = "tidegate"
	}
	return "_INBOX_" + user
}

func (c *Conn) connected(nc *nats.Conn) {
	c.log.Info("connected to NATS", "server", nc.ConnectedServerName())
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.reconnect)
	c.reconnect = make(chan struct{})
}

// reconnected answers a channel that is closed at the next (re)connect.
func (c *Conn) reconnected() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reconnect
}

// awaitConnection returns once NATS is connected, or ctx has ended.
func (c *Conn) awaitConnection(ctx context.Context) error {
	for {
		again := c.reconnected()
		if c.Connected() {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-again:
		case <-time.After(beatInterval):
		}
	}
}

// reconnectDelay grows to two seconds and is spread, so that a server that
// comes back is not met by everybody at once.
func reconnectDelay(attempt int) time.Duration {
	delay := min(25*time.Millisecond<<min(attempt, 8), 2*time.Second)
	return delay/2 + mrand.N(delay)/2 + time.Millisecond
}

// userOf answers the user in the first of several addresses.
func userOf(addresses string) string {
	first, _, _ := strings.Cut(addresses, ",")
	if parsed, err := url.Parse(strings.TrimSpace(first)); err == nil && parsed.User != nil {
		return parsed.User.Username()
	}
	return ""
}

func subjectOf(sub *nats.Subscription) string {
	if sub == nil {
		return ""
	}
	return sub.Subject
}

// pause waits between attempts. It answers ctx's error when that has ended.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// backoff answers how long to wait before an attempt, from 1: doubling from
// first to last, spread by half.
func backoff(attempt int, first, last time.Duration) time.Duration {
	delay := min(first<<min(attempt-1, 16), last)
	return delay/2 + mrand.N(delay/2+1)
}
