package route_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/services/portal/internal/route"
)

// portal serves a peer on a real port and answers its base URL.
func portal(t *testing.T, peer route.Peer) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &fasthttp.Server{Handler: func(call *fasthttp.RequestCtx) {
		err := peer.Forward(t.Context(), call)
		var broken *httpapi.Problem
		switch {
		case errors.As(err, &broken):
			call.Error(broken.Code, broken.Status)
		case errors.Is(err, route.ErrDown):
			call.Error("down", http.StatusServiceUnavailable)
		case err != nil:
			call.Error(err.Error(), http.StatusInternalServerError)
		}
	}}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Shutdown() })
	return "http://" + listener.Addr().String()
}

func remote(t *testing.T, addresses ...string) route.Peer {
	t.Helper()
	peer, err := route.NewRemote("consumer", addresses)
	if err != nil {
		t.Fatal(err)
	}
	return peer
}

// replica is a service of another process, which counts its calls.
func replica(t *testing.T, handler http.HandlerFunc) (address string, calls *atomic.Int64) {
	t.Helper()
	calls = &atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		handler(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, calls
}

// nobody is an address at which nothing listens.
func nobody(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return "http://" + listener.Addr().String()
}

func hangUp(w http.ResponseWriter, _ *http.Request) {
	connection, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = connection.Close()
	}
}

func call(t *testing.T, method, target, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Add(name, value)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(content)
}

func TestACallPassesAsItIs(t *testing.T) {
	address, _ := replica(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("ETag", `"3"`)
		w.Header().Add("Set-Cookie", "a=1")
		w.Header().Add("Set-Cookie", "b=2")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, strings.Join([]string{
			r.Method, r.RequestURI, string(body), r.Header.Get("Authorization"), r.Header.Get("Idempotency-Key"), r.Header.Get("Prefer"),
		}, "|"))
	})
	answer, body := call(t, "POST", portal(t, remote(t, address))+"/v1/consumers/a%2Fb/suspend?x=1&x=%20", `{"reason":"é"}`,
		"Authorization: Bearer t", "Idempotency-Key: k", "Prefer: wait=5")
	if want := `POST|/v1/consumers/a%2Fb/suspend?x=1&x=%20|{"reason":"é"}|Bearer t|k|wait=5`; body != want {
		t.Errorf("the service was sent %s, want %s", body, want)
	}
	if answer.StatusCode != http.StatusCreated || answer.Header.Get("ETag") != `"3"` || len(answer.Header.Values("Set-Cookie")) != 2 {
		t.Errorf("the caller was answered %d %v", answer.StatusCode, answer.Header)
	}
}

func TestHeadersOfOneConnectionDoNotCross(t *testing.T) {
	address, _ := replica(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "X-Private")
		w.Header().Set("X-Private", "1")
		w.Header().Set("Keep-Alive", "timeout=5")
		w.Header().Set("X-Public", r.Header.Get("X-Secret")+r.Header.Get("Te")+r.Header.Get("Proxy-Authorization")+"|"+r.Header.Get("Authorization"))
	})
	answer, _ := call(t, "GET", portal(t, remote(t, address)), "", "Connection: X-Secret, Authorization", "X-Secret: s", "Te: trailers",
		"Proxy-Authorization: p", "Authorization: Bearer t")
	if got := answer.Header.Get("X-Public"); got != "|Bearer t" {
		t.Errorf("the service saw %q, want the token alone", got)
	}
	if answer.Header.Get("X-Private") != "" || answer.Header.Get("Keep-Alive") != "" {
		t.Errorf("the caller was given the service's connection headers: %v", answer.Header)
	}
}

func TestAReplicaThatCannotBeReachedIsPassedOver(t *testing.T) {
	address, calls := replica(t, func(http.ResponseWriter, *http.Request) {})
	base := portal(t, remote(t, nobody(t), address))
	for range 6 {
		if answer, _ := call(t, "POST", base, "{}"); answer.StatusCode != http.StatusOK {
			t.Fatalf("a command was answered %d while a replica was there", answer.StatusCode)
		}
	}
	if calls.Load() != 6 {
		t.Errorf("the live replica had %d calls, want each once", calls.Load())
	}
}

func TestReplicasTakeTurns(t *testing.T) {
	one, first := replica(t, func(http.ResponseWriter, *http.Request) {})
	two, second := replica(t, func(http.ResponseWriter, *http.Request) {})
	base := portal(t, remote(t, one, two))
	for range 10 {
		call(t, "GET", base, "")
	}
	if first.Load() != 5 || second.Load() != 5 {
		t.Errorf("the replicas had %d and %d calls, want five each", first.Load(), second.Load())
	}
}

func TestACommandIsNeverSentTwice(t *testing.T) {
	one, first := replica(t, hangUp)
	two, second := replica(t, hangUp)
	answer, body := call(t, "POST", portal(t, remote(t, one, two)), "{}")
	if first.Load()+second.Load() != 1 {
		t.Errorf("it was sent %d times", first.Load()+second.Load())
	}
	if answer.StatusCode != http.StatusBadGateway || body != "service_failed" {
		t.Errorf("a broken command was answered %d %s, want 502 service_failed", answer.StatusCode, body)
	}
}

func TestAReadIsTriedAtAnotherReplica(t *testing.T) {
	broken, _ := replica(t, hangUp)
	whole, _ := replica(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "fine") })
	base := portal(t, remote(t, broken, whole))
	for range 4 {
		if answer, body := call(t, "GET", base, ""); answer.StatusCode != http.StatusOK || body != "fine" {
			t.Fatalf("a read was answered %d %s", answer.StatusCode, body)
		}
	}
}

func TestWithoutAnyReplicaNothingWasDone(t *testing.T) {
	answer, _ := call(t, "POST", portal(t, remote(t, nobody(t), nobody(t))), "{}")
	if answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("it was answered %d, want 503", answer.StatusCode)
	}
}

func TestAnAnswerStreamsAsItComes(t *testing.T) {
	next := make(chan struct{})
	address, _ := replica(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for range 2 {
			_, _ = io.WriteString(w, "data: x\n")
			_ = http.NewResponseController(w).Flush()
			<-next
		}
	})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, portal(t, remote(t, address)), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	lines := bufio.NewReader(answer.Body)
	for range 2 {
		read := make(chan string, 1)
		go func() {
			line, _ := lines.ReadString('\n')
			read <- line
		}()
		select {
		case line := <-read:
			if line != "data: x\n" {
				t.Fatalf("read %q", line)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("what the service had sent was held back")
		}
		next <- struct{}{}
	}
}

func TestAnAnswerThatBreaksOffIsNotTakenForWhole(t *testing.T) {
	address, _ := replica(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, portal(t, remote(t, address)), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return // refused outright is as good
	}
	defer func() { _ = answer.Body.Close() }()
	if body, err := io.ReadAll(answer.Body); err == nil {
		t.Errorf("half an answer was read as a whole one: %q", body)
	}
}
