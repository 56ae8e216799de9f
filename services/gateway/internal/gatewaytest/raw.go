package gatewaytest

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"
	"testing"
	"time"
)

// Recorder is an upstream that keeps the head of each request exactly as it came
// on the wire.
type Recorder struct {
	URL string
	// Answer writes the answer; nil: 200 with what the body was.
	Answer func(c net.Conn, r *http.Request, body []byte)

	mu     sync.Mutex
	heads  []string
	bodies []Body
}

// Body is what followed a head: the content, and the trailers as they came.
type Body struct{ Content, Trailers string }

// Record starts a recorder that lives as long as the test.
func Record(t testing.TB) *Recorder {
	t.Helper()
	l := listen(t)
	t.Cleanup(func() { _ = l.Close() })
	r := &Recorder{URL: "http://" + l.Addr().String()}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go r.serve(c)
		}
	}()
	return r
}

func (r *Recorder) serve(c net.Conn) {
	defer c.Close()
	b := bufio.NewReader(c)
	for {
		var head strings.Builder
		for {
			line, err := b.ReadString('\n')
			if err != nil {
				return
			}
			head.WriteString(line)
			if line == "\r\n" {
				break
			}
		}
		r.mu.Lock()
		r.heads = append(r.heads, head.String())
		r.mu.Unlock()
		request, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head.String())))
		if err != nil {
			return
		}
		var content io.Reader = http.NoBody
		switch {
		case len(request.TransferEncoding) > 0:
			content = httputil.NewChunkedReader(b)
		case request.ContentLength > 0:
			content = io.LimitReader(b, request.ContentLength)
		}
		body, err := io.ReadAll(content)
		if err != nil {
			return
		}
		var trailers strings.Builder
		if len(request.TransferEncoding) > 0 {
			for line := ""; line != "\r\n"; trailers.WriteString(line) {
				if line, err = b.ReadString('\n'); err != nil {
					return
				}
			}
		}
		r.mu.Lock()
		r.bodies = append(r.bodies, Body{string(body), strings.TrimSuffix(trailers.String(), "\r\n")})
		r.mu.Unlock()
		if r.Answer != nil {
			r.Answer(c, request, body)
			continue
		}
		answer := http.Response{ProtoMajor: 1, ProtoMinor: 1, StatusCode: 200, ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(string(body)))}
		if answer.Write(c) != nil {
			return
		}
	}
}

// Heads answers the heads so far.
func (r *Recorder) Heads() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.heads...)
}

// Bodies answers the bodies so far that came whole.
func (r *Recorder) Bodies() []Body {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Body(nil), r.bodies...)
}

// LastBody answers the content of the last one.
func (r *Recorder) LastBody(t testing.TB) string {
	t.Helper()
	bodies := r.Bodies()
	if len(bodies) == 0 {
		t.Fatal("upstream was not called")
	}
	return bodies[len(bodies)-1].Content
}

// Last answers the request line and the headers of the last head.
func (r *Recorder) Last(t testing.TB) (line string, headers []string) {
	t.Helper()
	heads := r.Heads()
	if len(heads) == 0 {
		t.Fatal("upstream was not called")
	}
	lines := strings.Split(strings.TrimSuffix(heads[len(heads)-1], "\r\n\r\n"), "\r\n")
	return lines[0], lines[1:]
}

// Values answers the values of a header, whose name is compared exactly as
// written but for case.
func Values(headers []string, name string) (values []string) {
	for _, h := range headers {
		if n, v, _ := strings.Cut(h, ": "); strings.EqualFold(n, name) {
			values = append(values, v)
		}
	}
	return values
}

// Raw sends bytes on a new connection and reads one answer.
func (g *Gateway) Raw(t testing.TB, request string) (*http.Response, string) {
	t.Helper()
	c := g.Dial(t)
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	return ReadAnswer(t, bufio.NewReader(c), strings.SplitN(request, " ", 2)[0])
}

// Dial opens a connection that lives as long as the test.
func (g *Gateway) Dial(t testing.TB) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", g.Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(15 * time.Second))
	return c
}

// ReadAnswer reads one answer to a request of a method.
func ReadAnswer(t testing.TB, b *bufio.Reader, method string) (*http.Response, string) {
	t.Helper()
	answer, err := http.ReadResponse(b, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("read the answer: %v", err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatalf("read the answer's body: %v", err)
	}
	return answer, string(body)
}
