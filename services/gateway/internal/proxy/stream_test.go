package proxy_test

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/services/gateway/internal/gatewaytest"
)

// behind starts a gateway before a Go server and answers both and the key.
func behind(t *testing.T, handler http.HandlerFunc, change ...func(*catalog.Drafted)) (g *gatewaytest.Gateway, up *httptest.Server, key string) {
	t.Helper()
	up = httptest.NewServer(handler)
	t.Cleanup(up.Close)
	w := gatewaytest.NewWorld()
	w.Service(t, "pets", up.URL, change...)
	w.Consumer(t, "acme")
	w.Subscribe(t, "sub_1", "acme", "pets")
	key = w.APIKey(t, "cred_1", "acme")
	return gatewaytest.Start(t, w), up, key
}

func TestEventsArriveOneByOne(t *testing.T) {
	next := make(chan string)
	g, _, key := behind(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.WriteHeader(200)
		w.(http.Flusher).Flush()
		for event := range next {
			fmt.Fprintf(w, "data: %s\n\n", event)
			w.(http.Flusher).Flush()
		}
	}, func(d *catalog.Drafted) { d.TimeoutSeconds = 1 })
	c := g.Dial(t)
	fmt.Fprintf(c, "GET /pets/events HTTP/1.1\r\nHost: h\r\nX-API-Key: %s\r\n\r\n", key)
	answer, err := http.ReadResponse(bufio.NewReader(c), nil) // the head comes before any event
	if err != nil || answer.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatal(answer, err)
	}
	body := bufio.NewReader(answer.Body)
	for i := range 3 {
		if i == 2 {
			time.Sleep(1500 * time.Millisecond) // longer than the service's timeout: an event stream may be silent
		}
		next <- fmt.Sprint("event ", i)
		if line, err := body.ReadString('\n'); err != nil || line != fmt.Sprintf("data: event %d\n", i) {
			t.Fatalf("%q, %v", line, err)
		}
		_, _ = body.ReadString('\n')
	}
	close(next)
	if rest, err := io.ReadAll(body); err != nil || len(rest) > 0 {
		t.Errorf("%q, %v", rest, err)
	}
}

func TestARequestsBodyReachesUpstreamAsItComes(t *testing.T) {
	for name, framing := range map[string]string{"chunks": "Transfer-Encoding: chunked", "length": "Content-Length: 2"} {
		t.Run(name, func(t *testing.T) {
			first := make(chan byte, 1)
			g, _, key := behind(t, func(w http.ResponseWriter, r *http.Request) {
				b := make([]byte, 1)
				_, _ = io.ReadFull(r.Body, b)
				first <- b[0]
				rest, _ := io.ReadAll(r.Body)
				fmt.Fprintf(w, "%s%s %v", b, rest, r.TransferEncoding)
			})
			c := g.Dial(t)
			one, two := "a", "b"
			if name == "chunks" {
				one, two = "1\r\na\r\n", "1\r\nb\r\n0\r\n\r\n"
			}
			fmt.Fprintf(c, "POST /pets HTTP/1.1\r\nHost: h\r\nX-API-Key: %s\r\n%s\r\n\r\n%s", key, framing, one)
			select {
			case b := <-first:
				if b != 'a' {
					t.Fatal(b)
				}
			case <-time.After(5 * time.Second):
				t.Fatal("the first byte waits for the second")
			}
			_, _ = io.WriteString(c, two)
			answer, body := gatewaytest.ReadAnswer(t, bufio.NewReader(c), "POST")
			if answer.StatusCode != 200 || !strings.HasPrefix(body, "ab ") || strings.Contains(body, "chunked") != (name == "chunks") {
				t.Errorf("%s %q", answer.Status, body)
			}
		})
	}
}

func TestQuestionAndAnswerMayFlowAtTheSameTime(t *testing.T) {
	g, _, key := behind(t, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		lines := bufio.NewScanner(r.Body)
		for lines.Scan() {
			fmt.Fprintln(w, "you said", lines.Text())
			w.(http.Flusher).Flush()
		}
	})
	c := g.Dial(t)
	fmt.Fprintf(c, "POST /pets HTTP/1.1\r\nHost: h\r\nX-API-Key: %s\r\nTransfer-Encoding: chunked\r\n\r\n", key)
	fmt.Fprint(c, "4\r\none\n\r\n")
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	body := bufio.NewReader(answer.Body)
	for _, word := range []string{"one", "two"} {
		if line, err := body.ReadString('\n'); err != nil || line != "you said "+word+"\n" {
			t.Fatalf("%q, %v", line, err)
		}
		if word == "one" {
			fmt.Fprint(c, "4\r\ntwo\n\r\n0\r\n\r\n")
		}
	}
}

func TestLargeBodiesArriveWhole(t *testing.T) {
	g, _, key := behind(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("length") {
			w.Header().Set("Content-Length", fmt.Sprint(r.ContentLength))
		}
		_ = http.NewResponseController(w).EnableFullDuplex()
		_, _ = io.Copy(w, r.Body)
	})
	content := make([]byte, 8<<20)
	_, _ = rand.Read(content)
	for _, c := range []struct {
		path string
		body io.Reader
	}{
		{"/pets?length", bytes.NewReader(content)},
		{"/pets", bytes.NewReader(content)},
		{"/pets", io.MultiReader(bytes.NewReader(content))}, // of unknown length
	} {
		answer, body := g.Do(t, "PUT", c.path, c.body, "X-API-Key", key)
		if answer.StatusCode != 200 || sha256.Sum256([]byte(body)) != sha256.Sum256(content) {
			t.Errorf("%s: %s, %d bytes", c.path, answer.Status, len(body))
		}
	}
}

func TestWhenUpstreamDiesInMidBodyTheClientIsTold(t *testing.T) {
	for name, head := range map[string]string{"chunks": "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", "length": "Content-Length: 8\r\n\r\nhalf"} {
		t.Run(name, func(t *testing.T) {
			w, up, key := open(t)
			up.Answer = func(c net.Conn, _ *http.Request, _ []byte) {
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n"+head)
				_ = c.Close()
			}
			g := gatewaytest.Start(t, w)
			c := g.Dial(t)
			fmt.Fprintf(c, "GET /pets HTTP/1.1\r\nHost: h\r\nX-API-Key: %s\r\n\r\n", key)
			answer, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err == nil {
				_, err = io.ReadAll(answer.Body)
			}
			if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("the client takes half a body for all of it: %v", err)
			}
			if _, err := c.Write([]byte("x")); err == nil {
				if _, err = c.Read(make([]byte, 1)); err == nil {
					t.Error("the connection is still used")
				}
			}
		})
	}
}

// counting answers a server that counts its connections.
func counting(t *testing.T, handler http.HandlerFunc) (up *httptest.Server, connections *atomic.Int64) {
	t.Helper()
	connections = &atomic.Int64{}
	up = httptest.NewUnstartedServer(handler)
	up.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	up.Start()
	t.Cleanup(up.Close)
	return up, connections
}

func TestAnUpstreamConnectionIsUsedAgainOnlyAfterAWholeExchange(t *testing.T) {
	up, connections := counting(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/slow":
			time.Sleep(1300 * time.Millisecond)
		case "/endless":
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 4096)); err != nil {
					return
				}
				w.(http.Flusher).Flush()
			}
		default:
			_, _ = io.Copy(w, r.Body)
		}
	})
	w := gatewaytest.NewWorld()
	w.Service(t, "pets", up.URL, func(d *catalog.Drafted) { d.TimeoutSeconds = 1 })
	w.Consumer(t, "acme")
	w.Subscribe(t, "sub_1", "acme", "pets")
	key := w.APIKey(t, "cred_1", "acme")
	g := gatewaytest.Start(t, w)

	for range 5 {
		g.Get(t, "/pets/fast", "X-API-Key", key)
		g.Do(t, "POST", "/pets/echo", strings.NewReader("body"), "X-API-Key", key)
		g.Do(t, "HEAD", "/pets/fast", nil, "X-API-Key", key)
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections for whole exchanges, one after the other", n)
	}
	if answer, body := g.Get(t, "/pets/slow", "X-API-Key", key); answer.StatusCode != 504 || !strings.Contains(body, "upstream_timeout") {
		t.Errorf("%s %s", answer.Status, body)
	}
	if answer, body := g.Do(t, "POST", "/pets/echo", strings.NewReader("mine"), "X-API-Key", key); answer.StatusCode != 200 || body != "mine" {
		t.Errorf("after a timeout: %s %q", answer.Status, body)
	}
	if n := connections.Load(); n != 2 {
		t.Errorf("%d connections: the one that timed out must not be used again", n)
	}
	c := g.Dial(t)
	fmt.Fprintf(c, "GET /pets/endless HTTP/1.1\r\nHost: h\r\nX-API-Key: %s\r\n\r\n", key)
	_, _ = io.ReadFull(c, make([]byte, 1000))
	_ = c.Close()
	if answer, body := g.Do(t, "POST", "/pets/echo", strings.NewReader("mine"), "X-API-Key", key); answer.StatusCode != 200 || body != "mine" {
		t.Errorf("after a client that left: %s %q", answer.Status, body)
	}
}

func TestOnlyAnIdempotentCallWithoutABodyIsSentAgain(t *testing.T) {
	var calls atomic.Int64
	w, up, key := open(t)
	up.Answer = func(c net.Conn, r *http.Request, _ []byte) {
		if calls.Add(1)%2 == 1 {
			_ = c.Close()
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	}
	g := gatewaytest.Start(t, w)
	if answer, _ := g.Get(t, "/pets", "X-API-Key", key); answer.StatusCode != 200 || calls.Load() != 2 {
		t.Errorf("GET: %s after %d calls", answer.Status, calls.Load())
	}
	calls.Store(0)
	if answer, _ := g.Do(t, "POST", "/pets", nil, "X-API-Key", key); answer.StatusCode != 502 || calls.Load() != 1 {
		t.Errorf("POST: %s after %d calls", answer.Status, calls.Load())
	}
	calls.Store(0)
	if answer, _ := g.Do(t, "PUT", "/pets", strings.NewReader("body"), "X-API-Key", key); answer.StatusCode != 502 || calls.Load() != 1 {
		t.Errorf("PUT with a body: %s after %d calls", answer.Status, calls.Load())
	}
}

func TestABodyIsAskedForOnlyWhenTheCallMayGoOn(t *testing.T) {
	w, up, key := open(t)
	g := gatewaytest.Start(t, w)
	c := g.Dial(t)
	fmt.Fprint(c, "POST /pets HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
	answer, body := gatewaytest.ReadAnswer(t, bufio.NewReader(c), "POST")
	if answer.StatusCode != 401 || !answer.Close || !strings.Contains(body, "credential_missing") || answer.Header.Get("Www-Authenticate") == "" {
		t.Errorf("%s close=%v %s", answer.Status, answer.Close, body)
	}
	c = g.Dial(t)
	b := bufio.NewReader(c)
	fmt.Fprintf(c, "POST /pets HTTP/1.1\r\nHost: h\r\nX-API-Key: %s\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n", key)
	if line, err := b.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("%q %v", line, err)
	}
	_, _ = b.ReadString('\n')
	fmt.Fprint(c, "body")
	if answer, body := gatewaytest.ReadAnswer(t, b, "POST"); answer.StatusCode != 200 || body != "body" {
		t.Errorf("%s %q", answer.Status, body)
	}
	if _, headers := up.Last(t); gatewaytest.Values(headers, "Expect") != nil {
		t.Errorf("upstream got %q", headers)
	}
}

func TestABrokenBodyIsRefusedAndUpstreamsRequestAborted(t *testing.T) {
	aborted := make(chan error, 1)
	g, _, key := behind(t, func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		aborted <- err
	})
	answer, body := g.Raw(t, "POST /pets HTTP/1.1\r\nHost: h\r\nX-API-Key: "+key+"\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\nzz\r\n")
	if answer.StatusCode != 400 || !answer.Close {
		t.Errorf("%s close=%v %s", answer.Status, answer.Close, body)
	}
	if err := <-aborted; err == nil {
		t.Error("upstream took half a body for all of it")
	}
}

func TestTrailersTravelBothWays(t *testing.T) {
	g, _, key := behind(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		_, _ = io.Copy(w, r.Body)
		w.Header().Set("X-Sum", "up:"+r.Trailer.Get("X-Sum")+r.Trailer.Get("X-Consumer-Id"))
	})
	c := g.Dial(t)
	fmt.Fprintf(c, "POST /pets HTTP/1.1\r\nHost: h\r\nX-API-Key: %s\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum, X-Consumer-Id\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 42\r\nX-Consumer-Id: lie\r\n\r\n", key)
	answer, body := gatewaytest.ReadAnswer(t, bufio.NewReader(c), "POST")
	if body != "hi" || answer.Trailer.Get("X-Sum") != "up:42" {
		t.Errorf("%q, %v", body, answer.Trailer)
	}
}

func TestAnOldClientGetsAnAnswerWithoutChunks(t *testing.T) {
	g, _, key := behind(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "one ")
		w.(http.Flusher).Flush()
		fmt.Fprint(w, "two")
	})
	c := g.Dial(t)
	fmt.Fprintf(c, "GET /pets HTTP/1.0\r\nHost: h\r\nX-API-Key: %s\r\n\r\n", key)
	all, err := io.ReadAll(c)
	head, body, _ := strings.Cut(string(all), "\r\n\r\n")
	if err != nil || body != "one two" || strings.Contains(strings.ToLower(head), "transfer-encoding") || strings.Contains(strings.ToLower(head), "content-length") {
		t.Errorf("%v\n%s", err, all)
	}
}

func TestAnOldUpstreamIsAnsweredForInOurVersion(t *testing.T) {
	g, _, key := behind(t, func(w http.ResponseWriter, r *http.Request) {
		c, buffered, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		_, _ = buffered.WriteString("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil I hang up")
		_ = buffered.Flush()
	})
	c := g.Dial(t)
	answers := bufio.NewReader(c)
	for range 2 { // upstream's connection ends with its answer; the client's goes on
		fmt.Fprintf(c, "GET /pets HTTP/1.1\r\nHost: h\r\nX-API-Key: %s\r\n\r\n", key)
		answer, body := gatewaytest.ReadAnswer(t, answers, "GET")
		if answer.Proto != "HTTP/1.1" || body != "until I hang up" || answer.Close {
			t.Errorf("%s, closing: %v, %q", answer.Proto, answer.Close, body)
		}
	}
}

func TestAnUpgradeBecomesATunnel(t *testing.T) {
	g, _, key := behind(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "echo" || r.Header.Get("Connection") != "Upgrade" || r.Header.Get("X-Consumer-Id") != "acme" {
			w.WriteHeader(400)
			return
		}
		c, b, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		fmt.Fprint(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nfirst")
		_, _ = io.Copy(c, b)
	})
	if answer, _ := g.Raw(t, "GET /pets HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"); answer.StatusCode != 401 {
		t.Fatalf("without a credential: %s", answer.Status)
	}
	c := g.Dial(t)
	fmt.Fprintf(c, "GET /pets HTTP/1.1\r\nHost: h\r\nX-API-Key: %s\r\nConnection: keep-alive, Upgrade\r\nUpgrade: echo\r\n\r\nearly", key)
	b := bufio.NewReader(c)
	answer, err := http.ReadResponse(b, nil)
	if err != nil || answer.StatusCode != 101 || answer.Header.Get("Upgrade") != "echo" || answer.Header.Get("X-Request-Id") == "" {
		t.Fatal(answer, err)
	}
	got := make([]byte, len("firstearly"))
	if _, err := io.ReadFull(b, got); err != nil || string(got) != "firstearly" {
		t.Fatalf("%q %v", got, err)
	}
	fmt.Fprint(c, "ping")
	if _, err := io.ReadFull(b, got[:4]); err != nil || string(got[:4]) != "ping" {
		t.Fatalf("%q %v", got[:4], err)
	}
	_ = c.(*net.TCPConn).CloseWrite()
	if rest, err := io.ReadAll(b); err != nil || len(rest) > 0 {
		t.Errorf("%q %v", rest, err)
	}
}

func TestCallsAreSpreadByWeightAndGoRoundWhatIsDown(t *testing.T) {
	var one, two atomic.Int64
	first := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { one.Add(1) }))
	second := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { two.Add(1) }))
	defer first.Close()
	defer second.Close()
	w := gatewaytest.NewWorld()
	w.Service(t, "pets", "", func(d *catalog.Drafted) {
		d.Upstreams = []catalog.Upstream{{URL: first.URL, Weight: 3}, {URL: second.URL, Weight: 1}, {URL: "http://127.0.0.1:1", Weight: 1}, {URL: "not an address", Weight: 5}}
	})
	w.Consumer(t, "acme")
	w.Subscribe(t, "sub_1", "acme", "pets")
	key := w.APIKey(t, "cred_1", "acme")
	g := gatewaytest.Start(t, w)
	for range 200 {
		if answer, body := g.Do(t, "POST", "/pets", strings.NewReader("x"), "X-API-Key", key); answer.StatusCode != 200 {
			t.Fatalf("%s %s", answer.Status, body)
		}
	}
	if share := float64(one.Load()) / 200; share < .62 || share > .88 || one.Load()+two.Load() != 200 {
		t.Errorf("%d to %d", one.Load(), two.Load())
	}
}

func TestLimitedConsumersSeeWhereTheyStand(t *testing.T) {
	g, _, key := behind(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("RateLimit", "lie") },
		func(d *catalog.Drafted) { d.Plans[0].Rate = planRate })
	for i := range 4 {
		answer, body := g.Get(t, "/pets", "X-API-Key", key)
		if got := answer.Header.Values("RateLimit-Policy"); len(got) != 1 || got[0] != `"plan";q=3;w=60` {
			t.Errorf("RateLimit-Policy %q", got)
		}
		if got := answer.Header.Values("RateLimit"); len(got) != 1 || !strings.HasPrefix(got[0], fmt.Sprintf(`"plan";r=%d;t=`, max(0, 2-i))) {
			t.Errorf("call %d: RateLimit %q", i, got)
		}
		if refused := answer.StatusCode == 429 && answer.Header.Get("Retry-After") != "" && strings.Contains(body, "rate_limited"); refused != (i == 3) {
			t.Errorf("call %d: %s %s", i, answer.Status, body)
		}
	}
}

func TestLimitedConsumersSeeWhereTheyStandWhenTheyAreRefused(t *testing.T) {
	w := gatewaytest.NewWorld()
	w.Service(t, "pets", "http://127.0.0.1:1")
	w.Service(t, "toys", "http://127.0.0.1:1")
	limited := func(r *consumer.Registered) { r.Limits = &consumer.Limits{Rate: planRate} }
	w.Consumer(t, "acme", limited)
	w.Consumer(t, "halted", limited)
	w.Publish(t, "consumer-halted", consumer.Suspended{Concerns: events.Concerns{ConsumerID: "halted"}})
	w.Subscribe(t, "sub_1", "acme", "pets")
	key, suspended := w.APIKey(t, "cred_1", "acme"), w.APIKey(t, "cred_2", "halted")
	g := gatewaytest.Start(t, w)
	stands := func(call, path string, status int, remaining string) {
		t.Helper()
		answer, body := g.Get(t, path, "X-API-Key", key)
		if answer.StatusCode != status {
			t.Fatalf("%s: %s %s", call, answer.Status, body)
		}
		if got := answer.Header.Get("RateLimit-Policy"); got != `"consumer";q=3;w=60` {
			t.Errorf("%s: RateLimit-Policy %q", call, got)
		}
		if got := answer.Header.Get("RateLimit"); !strings.HasPrefix(got, `"consumer";r=`+remaining+`;t=`) {
			t.Errorf("%s: RateLimit %q, not r=%s", call, got, remaining)
		}
	}
	stands("a call that failed behind the gateway", "/pets", 502, "2")
	stands("a call without a subscription", "/toys", 403, "2")
	key = suspended
	stands("a suspended consumer", "/pets", 403, "3")
}

func TestABodyThatEndsBetweenTwoChunksIsNotWhole(t *testing.T) {
	aborted := make(chan error, 1)
	g, _, key := behind(t, func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		aborted <- err
	})
	for _, framing := range []string{"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", "Content-Length: 8\r\n\r\nhalf"} {
		c := g.Dial(t)
		fmt.Fprintf(c, "POST /pets HTTP/1.1\r\nHost: h\r\nX-API-Key: %s\r\n%s", key, framing)
		_ = c.(*net.TCPConn).CloseWrite()
		if err := <-aborted; err == nil {
			t.Errorf("%q: upstream took half a body for all of it", framing)
		}
	}
}
