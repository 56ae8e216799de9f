// Package embedded runs a NATS server with JetStream inside the process. It is
// the project's only import of nats-server.
//
// It is durable (every message is synced before it is acknowledged) and closed:
// the process itself connects without a port, and the one user who may come in
// from outside reads events and nothing else.
package embedded

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Config says where the server keeps its streams and whether it listens.
type Config struct {
	Dir    string // for streams and the reader's password; made with mode 0700
	Listen string // "host:port" for readers of events; port 0 takes a free one; "" has no port
	Log    *slog.Logger
}

// Server is a running server. It is a bus.Config.InProcess.
type Server struct {
	server           *server.Server
	internal, reader string // passwords
	listens          bool
}

// The users. The internal one may come in through the process alone.
const (
	internalUser = "internal"
	readerUser   = "reader"
	passwordFile = "reader.password"
	startTime    = 30 * time.Second // to recover the streams
)

// Start starts a server and returns when it is ready: its streams are read from
// disk by then. A port that is taken is an error.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("start the embedded NATS: %w", err)
	}
	password, err := readerPassword(filepath.Join(cfg.Dir, passwordFile))
	if err != nil {
		return nil, fmt.Errorf("start the embedded NATS: %w", err)
	}
	s := &Server{internal: rand.Text(), reader: password, listens: cfg.Listen != ""}
	opts, err := s.options(cfg)
	if err != nil {
		return nil, fmt.Errorf("start the embedded NATS: %w", err)
	}
	if s.server, err = server.NewServer(opts); err != nil {
		return nil, fmt.Errorf("start the embedded NATS: %w", err)
	}
	log := &bridge{log: cfg.Log, fatal: make(chan string, 1)}
	s.server.SetLoggerV2(log, false, false, false)
	if err := s.await(ctx, log); err != nil {
		s.Shutdown()
		return nil, fmt.Errorf("start the embedded NATS: %w", err)
	}
	return s, nil
}

// await starts the server and returns once it takes connections, or has said
// why it never will. It does not return while the server is still starting: then
// it could not be shut down.
func (s *Server) await(ctx context.Context, log *bridge) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.server.Start()
	ready := make(chan bool, 1)
	go func() { ready <- s.server.ReadyForConnections(startTime) }()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case reason := <-log.fatal:
		return errors.New(reason)
	case ok := <-ready:
		if !ok {
			return errors.New("it was not ready in time")
		}
		return nil
	}
}

func (s *Server) options(cfg Config) (*server.Options, error) {
	opts := &server.Options{}
	if err := opts.ProcessConfigString(settings(s.internal, s.reader)); err != nil {
		return nil, err
	}
	opts.StoreDir = filepath.Join(cfg.Dir, "jetstream")
	opts.NoSigs = true
	opts.DontListen = true
	if cfg.Listen == "" {
		return opts, nil
	}
	host, port, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, fmt.Errorf("port %q is not a number", port)
	}
	opts.DontListen, opts.Host, opts.Port = false, host, number
	if number == 0 {
		opts.Port = server.RANDOM_PORT
	}
	return opts, nil
}

// readerPassword answers the password of earlier starts, so that an address that
// was given to somebody keeps working.
func readerPassword(path string) (string, error) {
	kept, err := os.ReadFile(path)
	if err == nil && strings.TrimSpace(string(kept)) != "" {
		return strings.TrimSpace(string(kept)), os.Chmod(path, 0o600)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	password := rand.Text()
	temporary := path + ".new"
	if err := os.WriteFile(temporary, []byte(password+"\n"), 0o600); err != nil {
		return "", err
	}
	return password, os.Rename(temporary, path)
}

// Conn answers the provider of in-process connections for bus.Config.InProcess.
func (s *Server) Conn() *Server { return s }

// InProcessConn connects without a port.
func (s *Server) InProcessConn() (net.Conn, error) { return s.server.InProcessConn() }

// UserInfo answers the credentials of in-process connections.
func (s *Server) UserInfo() (user, password string) { return internalUser, s.internal }

// ReaderURL answers the address of the user who may read events and nothing
// else: "nats://reader:...@127.0.0.1:4222". Empty when there is no port.
func (s *Server) ReaderURL() string {
	if !s.listens {
		return ""
	}
	address := url.URL{Scheme: "nats", User: url.UserPassword(readerUser, s.reader), Host: s.server.Addr().String()}
	return address.String()
}

// Shutdown ends it; what was acknowledged is on disk.
func (s *Server) Shutdown() {
	s.server.Shutdown()
	s.server.WaitForShutdown()
}

// bridge writes the server's log lines to slog. Its notices are ours to debug.
type bridge struct {
	log   *slog.Logger
	fatal chan string
}

var _ server.Logger = (*bridge)(nil)

func (b *bridge) Noticef(format string, v ...any) { b.say(slog.LevelDebug, format, v) }
func (b *bridge) Debugf(string, ...any)           {}
func (b *bridge) Tracef(string, ...any)           {}
func (b *bridge) Warnf(format string, v ...any)   { b.say(slog.LevelWarn, format, v) }
func (b *bridge) Errorf(format string, v ...any)  { b.say(slog.LevelError, format, v) }

func (b *bridge) say(level slog.Level, format string, v []any) {
	b.log.Log(context.Background(), level, "NATS says", "text", fmt.Sprintf(format, v...))
}

func (b *bridge) Fatalf(format string, v ...any) {
	reason := fmt.Sprintf(format, v...)
	b.log.Error("NATS cannot start", "reason", reason)
	select {
	case b.fatal <- reason:
	default:
	}
}
