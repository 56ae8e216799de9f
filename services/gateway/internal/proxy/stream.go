package proxy

import (
	"bytes"
	"errors"
	"io"
	"net"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/tidegate-io/tidegate/services/gateway/internal/wire"
)

// stream lets the answer's body follow its head, piece by piece as it comes.
func (x *exchange) stream(length int, closing bool, timeout time.Duration) {
	x.up = fasthttp.AcquireResponse()
	x.up.Header.DisableNormalizing() // it reads the trailers
	x.up.StreamBody = true
	x.up.Header.SetContentLength(length)
	if err := x.up.ReadBody(x.conn.Reader, 0); err != nil {
		x.abandonAnswer()
		return
	}
	h := &x.ctx.Response.Header
	if bytes.HasPrefix(h.ContentType(), []byte("text/event-stream")) {
		timeout = 0
	}
	a := &answer{x: x, stream: x.up.BodyStream(), closing: closing, timeout: timeout, client: client(x.ctx), chunked: length == -1}
	if length < 0 && !x.ctx.Request.Header.IsHTTP11() {
		a.toHTTP10()
		return
	}
	if buffered := x.conn.Reader.Buffered(); buffered == 0 || length > buffered {
		x.ctx.Response.ImmediateHeaderFlush = true
	}
	x.ctx.Response.SetBodyStream(a, max(length, -1))
}

// abandonAnswer is for what cannot happen: reading ahead of a stream reads
// nothing.
func (x *exchange) abandonAnswer() {
	x.ctx.SetConnectionClose()
	x.ctx.SetStatusCode(fasthttp.StatusBadGateway)
	x.end()
}

// answer is the body of an answer on its way to the client.
type answer struct {
	x       *exchange
	stream  io.Reader
	client  *wire.Conn
	timeout time.Duration // between two pieces; 0: none
	closing bool
	whole   bool
	chunked bool
}

// Read answers the next piece. When upstream breaks off, the client's connection
// is reset: it must not take what it has for all.
func (a *answer) Read(p []byte) (int, error) {
	var deadline time.Time
	if a.timeout > 0 {
		deadline = time.Now().Add(a.timeout)
	}
	_ = a.x.conn.SetReadDeadline(deadline)
	n, err := a.stream.Read(p)
	a.x.sent += int64(n)
	switch {
	case err == nil:
	case errors.Is(err, io.EOF) && (!a.chunked || !a.x.conn.Ended()):
		a.whole = true
		a.trailers()
	default:
		a.client.Reset()
		a.x.broken = ByUpstream
		return 0, errBroken
	}
	_ = a.client.SetWriteDeadline(time.Now().Add(stallTime))
	return n, err
}

// trailers hands on the trailers that upstream announced.
func (a *answer) trailers() {
	h := &a.x.ctx.Response.Header
	for _, name := range h.PeekTrailerKeys() {
		if value := a.x.up.Header.PeekBytes(name); value != nil {
			h.SetBytesKV(name, value)
		}
	}
}

// Close ends the exchange; the server calls it when it has written what it
// could.
func (a *answer) Close() error {
	if x := a.x; x != nil {
		a.x = nil
		x.reuse = a.whole && !a.closing
		if !a.whole && x.broken == ByNobody {
			x.broken = ByClient
		}
		x.end()
	}
	return nil
}

// toHTTP10 writes an answer of unknown length to a client that does not know
// chunks: its end is the connection's.
func (a *answer) toHTTP10() {
	h := &a.x.ctx.Response.Header
	h.SetContentLength(0) // takes Transfer-Encoding out
	h.Del(fasthttp.HeaderContentLength)
	h.Del(fasthttp.HeaderTrailer)
	h.SetConnectionClose()
	head := bytes.Clone(h.Header())
	a.x.ctx.HijackSetNoResponse(true)
	a.x.ctx.Hijack(func(c net.Conn) {
		defer a.Close() //nolint:errcheck // it never fails
		if _, err := c.Write(head); err == nil {
			_, _ = io.Copy(onlyWriter{c}, onlyReader{a})
		}
	})
}

// onlyWriter and onlyReader keep io.Copy from short cuts past the deadlines.
type (
	onlyWriter struct{ io.Writer }
	onlyReader struct{ io.Reader }
)

// errBroken: upstream ended in the middle of its answer.
var errBroken = errors.New("upstream broke off its answer")
