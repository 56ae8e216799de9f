package admin_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/services/gateway/internal/gatewaytest"
)

func TestASignedCallIsDecidedAboutWithoutItsBody(t *testing.T) {
	w := gatewaytest.NewWorld()
	w.Service(t, "pets", "http://127.0.0.1:1")
	w.Consumer(t, "acme")
	w.Subscribe(t, "sub_1", "acme", "pets")
	s := w.HMAC(t, "cred_mac", "acme", "aksk", nil)
	g := gatewaytest.Start(t, w)
	ask := func(m gatewaytest.Message) int {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+g.AdminAddress+"/authz", nil)
		if err != nil {
			t.Fatal(err)
		}
		headers := m.With("X-Forwarded-Method", m.Method, "X-Forwarded-Uri", m.Target, "X-Forwarded-Host", m.Host, "X-Original-Content-Length", strconv.Itoa(len(m.Body))).Headers
		for i := 0; i < len(headers); i += 2 {
			request.Header.Set(headers[i], headers[i+1])
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		return answer.StatusCode
	}
	m := gatewaytest.Message{Method: "POST", Target: "/pets/a?b=c", Host: "api.example.com"}
	signed := s.AKSK(m, time.Now(), "host")
	if status := ask(signed); status != 200 {
		t.Errorf("a signature over no body: %d", status)
	}
	if status := ask(signed); status != 401 {
		t.Errorf("the same again: %d", status)
	}
	m.Body = "a body that only the other proxy sees"
	if status := ask(s.AKSK(m, time.Now(), "host")); status != 401 {
		t.Errorf("a signature over a body: %d", status)
	}
}
