package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/services/gateway/internal/gatewaytest"
)

// signing is a world with a subscriber who signs its requests by a scheme.
func signing(t *testing.T, scheme string, config map[string]any) (*gatewaytest.World, *gatewaytest.Recorder, gatewaytest.MACSigner) {
	t.Helper()
	w, up, _ := open(t)
	return w, up, w.HMAC(t, "cred_mac", "acme", scheme, config)
}

func post(body string) gatewaytest.Message {
	return gatewaytest.Message{Method: "POST", Target: "/pets/a?b=c", Host: "h", Body: body}
}

// now is when requests are signed.
func now() time.Time { return time.Now() }

// call sends a message on a connection and reads the answer.
func call(t *testing.T, c net.Conn, b *bufio.Reader, m gatewaytest.Message) (*http.Response, string) {
	t.Helper()
	if _, err := io.WriteString(c, m.Wire()); err != nil {
		t.Fatal(err)
	}
	return gatewaytest.ReadAnswer(t, b, m.Method)
}

func TestABodyThatIsSignedArrivesByteForByte(t *testing.T) {
	w, up, s := signing(t, "aksk", nil)
	g := gatewaytest.Start(t, w)
	c := g.Dial(t)
	b := bufio.NewReader(c)
	for _, size := range []int{0, 1, 5000, 32 << 10, 32<<10 + 1, 64 << 10, 200_000, 3 << 20} {
		for _, chunked := range []bool{false, true} {
			m := post(strings.Repeat("body ", size)[:size])
			if m.Chunked = chunked; chunked {
				m.Trailers = []string{"X-Sum", fmt.Sprint(size)}
			}
			answer, body := call(t, c, b, s.AKSK(m.With("X-Size", fmt.Sprint(size, chunked)), time.Now(), "host", "x-size"))
			if answer.StatusCode != 200 || body != m.Body || answer.Close {
				t.Fatalf("%d bytes, chunked %v: %s, %d bytes, closing %v", size, chunked, answer.Status, len(body), answer.Close)
			}
			bodies := up.Bodies()
			last := bodies[len(bodies)-1]
			_, headers := up.Last(t)
			lengths, codings := gatewaytest.Values(headers, "Content-Length"), gatewaytest.Values(headers, "Transfer-Encoding")
			if chunked {
				if lengths != nil || !slices.Equal(codings, []string{"chunked"}) || last.Trailers != "X-Sum: "+m.Trailers[1]+"\r\n" {
					t.Errorf("%d bytes in chunks: %q, trailers %q", size, headers, last.Trailers)
				}
			} else if codings != nil || !slices.Equal(lengths, []string{fmt.Sprint(size)}) {
				t.Errorf("%d bytes: %q", size, headers)
			}
			if last.Content != m.Body {
				t.Errorf("%d bytes, chunked %v: upstream got %d bytes that are others", size, chunked, len(last.Content))
			}
		}
	}
	if g, h := len(up.Heads()), 16; g != h {
		t.Errorf("upstream was called %d times", g)
	}
}

func TestNothingGoesUpstreamBeforeTheBodyIsVerified(t *testing.T) {
	for _, scheme := range []string{"aksk", "signature", "rfc9421"} {
		for _, chunked := range []bool{false, true} {
			t.Run(fmt.Sprint(scheme, chunked), func(t *testing.T) {
				w, up, s := signing(t, scheme, nil)
				g := gatewaytest.Start(t, w)
				sign := func(body string) gatewaytest.Message {
					m := post(body)
					m.Chunked = chunked
					switch scheme {
					case "aksk":
						return s.AKSK(m, time.Now(), "host")
					case "signature":
						return s.Draft("hmac-sha256", m.Digest(), time.Now(), "@request-target", "date", "digest")
					}
					return s.RFC9421("sig", m.ContentDigest(), time.Now(), "", "@method", "@target-uri", "content-digest")
				}
				m := sign(strings.Repeat("right ", 20_000))
				wire := m.Wire()
				c := g.Dial(t)
				_, _ = io.WriteString(c, wire[:len(wire)-10])
				time.Sleep(50 * time.Millisecond)
				if heads := up.Heads(); len(heads) > 0 {
					t.Fatalf("upstream got %q before the end of the body", heads)
				}
				_, _ = io.WriteString(c, wire[len(wire)-10:])
				if answer, body := gatewaytest.ReadAnswer(t, bufio.NewReader(c), "POST"); answer.StatusCode != 200 || body != m.Body {
					t.Fatalf("%s, %d bytes", answer.Status, len(body))
				}
				wrong := sign(strings.Repeat("wrong ", 20_000))
				wrong.Body = wrong.Body[:len(wrong.Body)-1] + "!"
				c = g.Dial(t)
				b := bufio.NewReader(c)
				if answer, body := call(t, c, b, wrong); answer.StatusCode != 401 || !strings.Contains(body, "credential_invalid") {
					t.Errorf("%s %s", answer.Status, body)
				}
				if answer, _ := call(t, c, b, sign("the same connection serves on")); answer.StatusCode != 200 {
					t.Errorf("the next call: %s", answer.Status)
				}
				if n := len(up.Heads()); n != 2 {
					t.Errorf("upstream was called %d times", n)
				}
			})
		}
	}
}

func TestABodyBeyondTheLimitIsRefused(t *testing.T) {
	w, up, s := signing(t, "aksk", nil)
	g := gatewaytest.Start(t, w, func(set *gatewaytest.Setup) { set.SignedBodyLimit = 1000 })
	for _, chunked := range []bool{false, true} {
		for size, status := range map[int]int{1000: 200, 1001: 413, 100_000: 413, 1_000_000: 413} {
			m := post(strings.Repeat("x", size))
			m.Chunked = chunked
			answer, body := g.Raw(t, s.AKSK(m.With("X-Chunked", fmt.Sprint(chunked)), time.Now(), "x-chunked").Wire())
			if answer.StatusCode != status || status == 413 && !strings.Contains(body, `"body_too_large"`) {
				t.Errorf("%d bytes, chunked %v: %s", size, chunked, answer.Status)
			}
		}
	}
	if n := len(up.Heads()); n != 2 {
		t.Errorf("upstream was called %d times", n)
	}
	stranger := gatewaytest.MACSigner{AccessKey: "nobody", Secret: "secret"}
	if answer, _ := g.Raw(t, stranger.AKSK(post(strings.Repeat("x", 1001)), time.Now(), "host").Wire()); answer.StatusCode != 401 {
		t.Errorf("of nobody: %s", answer.Status)
	}
}

func TestABodyThatEndsEarlyIsRefusedBeforeUpstreamHearsOfIt(t *testing.T) {
	w, up, s := signing(t, "aksk", nil)
	g := gatewaytest.Start(t, w)
	for name, wire := range map[string]string{
		"a length":            s.AKSK(post("twelve bytes"), time.Now(), "host").Head() + "twelve",
		"between two chunks":  s.AKSK(gatewaytest.Message{Method: "POST", Target: "/pets", Host: "h", Body: "half", Chunked: true}, time.Now(), "host").Head() + "4\r\nhalf\r\n",
		"in a chunk":          s.AKSK(gatewaytest.Message{Method: "POST", Target: "/pets", Host: "h", Body: "half", Chunked: true}, time.Now(), "host").Head() + "5\r\nhalf",
		"before the trailers": s.AKSK(gatewaytest.Message{Method: "POST", Target: "/pets", Host: "h", Body: "half", Chunked: true}, time.Now(), "host").Head() + "4\r\nhalf\r\n0\r\n",
		"a broken chunk":      s.AKSK(gatewaytest.Message{Method: "POST", Target: "/pets", Host: "h", Body: "half", Chunked: true}, time.Now(), "host").Head() + "zz\r\nhalf\r\n0\r\n\r\n",
	} {
		c := g.Dial(t)
		_, _ = io.WriteString(c, wire)
		_ = c.(*net.TCPConn).CloseWrite()
		answer, body := gatewaytest.ReadAnswer(t, bufio.NewReader(c), "POST")
		if answer.StatusCode != 400 || !strings.Contains(body, "malformed_request") || !answer.Close {
			t.Errorf("%s: %s, closing %v: %s", name, answer.Status, answer.Close, body)
		}
	}
	if heads := up.Heads(); len(heads) > 0 {
		t.Errorf("upstream got %q", heads)
	}
}

func TestABodyThatTricklesIsNotWaitedFor(t *testing.T) {
	w, up, s := signing(t, "aksk", nil)
	g := gatewaytest.Start(t, w, func(set *gatewaytest.Setup) { set.BodyTime = 200 * time.Millisecond })
	c := g.Dial(t)
	began := time.Now()
	_, _ = io.WriteString(c, s.AKSK(post(strings.Repeat("x", 100)), time.Now(), "host").Head())
	stop := make(chan struct{})
	go func() {
		defer close(stop)
		for range 100 {
			if _, err := io.WriteString(c, "x"); err != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	answer, body := gatewaytest.ReadAnswer(t, bufio.NewReader(c), "POST")
	if took := time.Since(began); answer.StatusCode != 408 || !answer.Close || took > time.Second {
		t.Errorf("%s after %v, closing %v: %s", answer.Status, took, answer.Close, body)
	}
	_ = c.Close()
	<-stop
	if heads := up.Heads(); len(heads) > 0 {
		t.Errorf("upstream got %q", heads)
	}
}

func TestBodiesReadAheadShareABoundedMemory(t *testing.T) {
	w, _, s := signing(t, "aksk", nil)
	key := w.APIKey(t, "cred_key", "acme")
	g := gatewaytest.Start(t, w, func(set *gatewaytest.Setup) { set.BodyMemory = 128 << 10 })
	large := s.AKSK(post(strings.Repeat("x", 60_000)), time.Now(), "host").Wire()
	var holders []net.Conn
	for range 2 {
		c := g.Dial(t)
		_, _ = io.WriteString(c, large[:len(large)-1])
		holders = append(holders, c)
	}
	gatewaytest.Eventually(t, "there is no room", func() bool { return g.Data.BodiesAhead() == 128<<10 })
	answer, body := g.Raw(t, s.AKSK(post("small"), time.Now(), "host").Wire())
	if answer.StatusCode != 503 || answer.Header.Get("Retry-After") != "1" || !strings.Contains(body, `"gateway_busy"`) {
		t.Errorf("%v %s", answer.Header, body)
	}
	if answer, _ := g.Do(t, "POST", "/pets", strings.NewReader(strings.Repeat("x", 200_000)), "X-API-Key", key); answer.StatusCode != 200 {
		t.Errorf("a body that nobody reads ahead: %s", answer.Status)
	}
	for _, c := range holders {
		_ = c.Close()
	}
	gatewaytest.Eventually(t, "there is room again", func() bool { return g.Data.BodiesAhead() == 0 })
	if answer, body := g.Raw(t, s.AKSK(post("small"), time.Now(), "host").Wire()); answer.StatusCode != 200 {
		t.Errorf("%s %s", answer.Status, body)
	}
	gatewaytest.Eventually(t, "all of it is given back", func() bool { return g.Data.BodiesAhead() == 0 })
}

func TestABodyIsAskedForOnlyWhenItIsNeededToDecide(t *testing.T) {
	w, up, s := signing(t, "aksk", nil)
	g := gatewaytest.Start(t, w, func(set *gatewaytest.Setup) { set.SignedBodyLimit = 1000 })
	expecting := func(m gatewaytest.Message) gatewaytest.Message { return m.With("Expect", "100-continue") }
	for name, c := range map[string]struct {
		message gatewaytest.Message
		status  int
	}{
		"of nobody":         {gatewaytest.MACSigner{AccessKey: "nobody", Secret: "x"}.AKSK(expecting(post("body")), time.Now(), "host"), 401},
		"of another date":   {s.AKSK(expecting(post("body")), time.Now().Add(-time.Hour), "host"), 401},
		"too large":         {s.AKSK(expecting(post(strings.Repeat("x", 1001))), time.Now(), "host"), 413},
		"of an old service": {func() gatewaytest.Message { m := expecting(post("body")); m.Target = "/nothing"; return m }(), 404},
	} {
		conn := g.Dial(t)
		_, _ = io.WriteString(conn, c.message.Head())
		if answer, body := gatewaytest.ReadAnswer(t, bufio.NewReader(conn), "POST"); answer.StatusCode != c.status || !answer.Close {
			t.Errorf("%s: %s closing %v %s", name, answer.Status, answer.Close, body)
		}
	}
	for _, wrong := range []bool{false, true} {
		for _, chunked := range []bool{false, true} {
			m := expecting(post(fmt.Sprint("the body ", wrong, chunked)))
			m.Chunked = chunked
			m = s.AKSK(m, time.Now(), "host")
			if wrong {
				m.Body = strings.ToUpper(m.Body)
			}
			c := g.Dial(t)
			b := bufio.NewReader(c)
			_, _ = io.WriteString(c, m.Head())
			if line, err := b.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
				t.Fatalf("%q %v", line, err)
			}
			_, _ = b.ReadString('\n')
			_, _ = io.WriteString(c, strings.TrimPrefix(m.Wire(), m.Head()))
			answer, body := gatewaytest.ReadAnswer(t, b, "POST")
			if want := map[bool]int{false: 200, true: 401}[wrong]; answer.StatusCode != want || !wrong && body != m.Body {
				t.Errorf("wrong %v, chunked %v: %s %s", wrong, chunked, answer.Status, body)
			}
		}
	}
	if n := len(up.Heads()); n != 2 {
		t.Errorf("upstream was called %d times", n)
	}
}

func TestAnAnswerBeforeTheEndOfABodyThatIsHereKeepsTheClientsConnection(t *testing.T) {
	w, up, s := signing(t, "aksk", nil)
	g := gatewaytest.Start(t, w)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() { // answers at once, and reads nothing
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			_, _ = io.WriteString(c, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
		}
	}()
	w.Service(t, "early", "http://"+l.Addr().String())
	w.Subscribe(t, "sub_early", "acme", "early")
	gatewaytest.Eventually(t, "the service is known", func() bool {
		answer, _ := g.Get(t, "/early")
		return answer.StatusCode == 401
	})
	c := g.Dial(t)
	b := bufio.NewReader(c)
	m := post(strings.Repeat("x", 8<<20))
	m.Target = "/early/a"
	if answer, _ := call(t, c, b, s.AKSK(m, time.Now(), "host")); answer.StatusCode != 403 || answer.Close {
		t.Fatalf("%s, closing %v", answer.Status, answer.Close)
	}
	if answer, _ := call(t, c, b, s.AKSK(post("next"), time.Now(), "host")); answer.StatusCode != 200 || up.LastBody(t) != "next" {
		t.Errorf("the next call: %s", answer.Status)
	}
}

func TestABodyThatNoSignatureCoversStreams(t *testing.T) {
	w, up, s := signing(t, "signature", nil)
	g := gatewaytest.Start(t, w)
	m := s.Draft("hmac-sha256", post(strings.Repeat("x", 100_000)), time.Now(), "@request-target", "date")
	c := g.Dial(t)
	_, _ = io.WriteString(c, m.Head()+"x")
	gatewaytest.Eventually(t, "upstream hears of it before its end", func() bool { return len(up.Heads()) == 1 })
	_, _ = io.WriteString(c, m.Body[1:])
	if answer, body := gatewaytest.ReadAnswer(t, bufio.NewReader(c), "POST"); answer.StatusCode != 200 || body != m.Body {
		t.Errorf("%s, %d bytes", answer.Status, len(body))
	}
}
