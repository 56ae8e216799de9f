// Package extauthz tells the decision to Envoy: its external authorization
// protocol (envoy.service.auth.v3) over gRPC.
//
// The decision is authz's, as on the data path. What Envoy says of the call is
// believed, for it is Envoy that terminates the client's connection: the address
// is for the inside of a network, and has no authentication of its own.
package extauthz

import (
	"context"
	"net"
	"net/http"
	"time"

	auth "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/services/gateway/internal/authn"
	"github.com/tidegate-io/tidegate/services/gateway/internal/authz"
	"github.com/tidegate-io/tidegate/services/gateway/internal/proxy"
)

// Config is what a server is made of.
type Config struct {
	Decider *authz.Decider
	Clock   func() time.Time
	// Ready is nil when decisions may be asked for.
	Ready func() error
	// SignedBodyLimit is how large a body may be that a signature covers, in
	// bytes; 0: authn.DefaultSignedBodyLimit.
	SignedBodyLimit int
	// Observe is told of every call that was decided about.
	Observe func(proxy.Observation)
}

// Sizes and times of a connection.
const (
	headRoom   = 1 << 20 // of a message, beside the body
	maxStreams = 1024    // at a time on one connection
	pingTime   = 10 * time.Second
	healthTime = 250 * time.Millisecond
)

// Server serves decisions.
type Server struct {
	auth.UnimplementedAuthorizationServer
	cfg    Config
	grpc   *grpc.Server
	health *health.Server
}

var _ auth.AuthorizationServer = (*Server)(nil)

// New makes a server; Serve lets it serve.
func New(cfg Config) *Server {
	if cfg.SignedBodyLimit == 0 {
		cfg.SignedBodyLimit = authn.DefaultSignedBodyLimit
	}
	s := &Server{cfg: cfg, health: health.NewServer()}
	s.grpc = grpc.NewServer(
		grpc.MaxRecvMsgSize(cfg.SignedBodyLimit+headRoom),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: pingTime, PermitWithoutStream: true}),
	)
	auth.RegisterAuthorizationServer(s.grpc, s)
	healthpb.RegisterHealthServer(s.grpc, s.health)
	s.beat()
	return s
}

// Serve serves a listener until Shutdown.
func (s *Server) Serve(l net.Listener) error {
	done := make(chan struct{})
	defer close(done)
	go func() {
		for tick := time.NewTicker(healthTime); ; {
			select {
			case <-done:
				tick.Stop()
				return
			case <-tick.C:
				s.beat()
			}
		}
	}()
	return s.grpc.Serve(l)
}

// beat says how it stands to those who watch grpc.health.v1: for the process and
// for the service, which are one.
func (s *Server) beat() {
	standing := healthpb.HealthCheckResponse_SERVING
	if s.cfg.Ready() != nil {
		standing = healthpb.HealthCheckResponse_NOT_SERVING
	}
	s.health.SetServingStatus("", standing)
	s.health.SetServingStatus(auth.Authorization_ServiceDesc.ServiceName, standing)
}

// Shutdown says that it ends, takes no new questions, and waits for those that
// were asked for as long as ctx allows. Its error is ctx's when some were cut off.
func (s *Server) Shutdown(ctx context.Context) error {
	s.health.Shutdown()
	done := make(chan struct{})
	go func() {
		s.grpc.GracefulStop()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		s.grpc.Stop()
		<-done
		return ctx.Err()
	}
}

// Check decides about one call. It never fails as a gRPC call: what cannot be
// read is refused, for Envoy may be told to let through what was not answered.
func (s *Server) Check(_ context.Context, asked *auth.CheckRequest) (*auth.CheckResponse, error) {
	began, now := time.Now(), s.cfg.Clock()
	requestID := events.NewID(now)
	call := authz.Call{At: now}
	if describe(&call, asked.GetAttributes()) {
		s.cfg.Decider.Decide(&call)
	} else {
		call.Code = authz.MalformedRequest
	}
	took := time.Since(began)
	o := proxy.Observation{Code: call.Code, Status: http.StatusOK, Took: took, Deciding: took}
	if call.Service != nil {
		o.Service = call.Service.ID
	}
	defer func() { s.cfg.Observe(o) }()
	if call.Code == access.Allowed {
		return allowed(&call, asked.GetAttributes().GetRequest().GetHttp().GetScheme(), requestID), nil
	}
	o.Status = authz.Status(call.Code)
	return denied(&call, requestID), nil
}
