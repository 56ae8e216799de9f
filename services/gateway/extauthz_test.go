package gateway_test

import (
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"

	auth "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

func TestTheGatewayDecidesForEnvoyWhereItIsToldTo(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer up.Close()
	s := newSystem(t)
	s.populate(up.URL)
	key := s.issue("cred_envoy")
	g := s.gateway()
	g.kill()
	address := free(t)
	g.env = append(g.env, "TIDEGATE_EXT_AUTHZ_LISTEN="+address)
	g.start()
	eventually(t, "the gateway is live", func() bool { return g.ready() && g.status() == "live" })
	c, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	eventually(t, "it says that it serves", func() bool {
		answer, err := healthpb.NewHealthClient(c).Check(t.Context(), &healthpb.HealthCheckRequest{})
		return err == nil && answer.Status == healthpb.HealthCheckResponse_SERVING
	})
	ask := func(key string) *auth.CheckResponse {
		answer, err := auth.NewAuthorizationClient(c).Check(t.Context(), &auth.CheckRequest{Attributes: &auth.AttributeContext{
			Request: &auth.AttributeContext_Request{Http: &auth.AttributeContext_HttpRequest{
				Method: "GET", Path: "/pets/1", Host: "api", Headers: map[string]string{"x-api-key": key},
			}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	eventually(t, "the key counts", func() bool { return ask(key).GetOkResponse() != nil })
	if told := ask("wrong").GetDeniedResponse(); told.GetStatus().GetCode() != 401 {
		t.Errorf("a wrong key: %v", told)
	}
	if err := g.running.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := g.running.Wait(); err != nil {
		t.Errorf("SIGTERM: %v", err)
	}
	g.running = nil
}
