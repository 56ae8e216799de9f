package proxy

import (
	"errors"
	"io"
	"net"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/services/gateway/internal/authz"
	"github.com/tidegate-io/tidegate/services/gateway/internal/header"
	"github.com/tidegate-io/tidegate/services/gateway/internal/upstream"
)

// defaultTimeout is for services that say nothing.
const defaultTimeout = 30 * time.Second

// maxTries bounds how often an idempotent call without a body is sent.
const maxTries = 3

// errInterim: upstream sends interim responses without end.
var errInterim = errors.New("too many interim responses")

// forward sends the call upstream and begins the answer.
//
// The service's timeout bounds the wait for the answer's head, counted from the
// last piece of the request that went out, and then each wait for a piece of its
// body, but of an event stream: that may be silent.
func (x *exchange) forward() {
	if x.ahead.whole {
		x.ahead.content = x.hidden().Body(x.ahead.content)
	}
	body, length := x.body()
	upgrade := x.upgrade(length)
	timeout := x.timeout()
	var tried []*upstream.Pool
	for sent := 0; ; {
		began := time.Now()
		pool := x.proxy.cfg.Upstreams.Pick(x.call.Service.Upstreams, tried, began)
		if pool == nil {
			x.abandon(access.UpstreamUnreachable)
			return
		}
		var err error
		x.spans.Try(x.proxy.cfg.Tracer, x.call.Method, pool.Address.Dial)
		if x.conn, err = pool.Get(timeout); err != nil {
			x.tried(began, "connect")
			tried = append(tried, pool) // nothing was sent: another address is no retry
			continue
		}
		sent++
		if err = x.send(body, length, upgrade, timeout); err == nil {
			err = x.readHead(timeout)
		}
		if err == nil {
			x.tried(began, "")
			break
		}
		x.tried(began, string(x.blame(err)))
		if x.again(err, length, sent) {
			_ = x.conn.Close()
			x.conn = nil
			continue
		}
		x.abandon(x.blame(err))
		return
	}
	x.answer(upgrade, timeout)
}

func (x *exchange) timeout() time.Duration {
	if t := x.call.Service.Timeout; t > 0 {
		return t
	}
	return defaultTimeout
}

// send writes the head, and lets the body follow by itself.
func (x *exchange) send(body io.Reader, length int, upgrade string, timeout time.Duration) error {
	now := time.Now()
	_ = x.conn.SetWriteDeadline(now.Add(timeout))
	_ = x.conn.SetReadDeadline(now.Add(timeout))
	if _, err := x.conn.Writer.Write(x.writeHead(x.conn.Address(), length, upgrade)); err != nil {
		return err
	}
	if length > 0 {
		return x.sendBody(body, length, timeout)
	}
	if err := x.conn.Writer.Flush(); err != nil || length == 0 {
		return err
	}
	x.startUpload(&upload{x: x, body: body, length: length, timeout: timeout, ahead: x.ahead.whole})
	return nil
}

// maxInterim bounds interim responses to one call.
const maxInterim = 16

// readHead reads the head of the final answer into the client's.
func (x *exchange) readHead(timeout time.Duration) error {
	h := &x.ctx.Response.Header
	for range maxInterim {
		if err := h.Read(x.conn.Reader); err != nil {
			return err
		}
		if status := h.StatusCode(); status >= 200 || status == fasthttp.StatusSwitchingProtocols {
			return nil
		}
		_ = x.conn.SetReadDeadline(time.Now().Add(timeout))
	}
	return errInterim
}

// again says whether the call may be sent once more: it is idempotent, has no
// body, and upstream closed the connection without a byte of an answer.
func (x *exchange) again(err error, length, sent int) bool {
	if length != 0 || sent >= maxTries || !idempotent(x.call.Method) || timedOut(err) {
		return false
	}
	var network *net.OpError
	return errors.Is(err, io.EOF) || errors.As(err, &network)
}

func idempotent(method string) bool {
	switch method {
	case "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE":
		return true
	}
	return false
}

func timedOut(err error) bool {
	var network net.Error
	return errors.Is(err, fasthttp.ErrTimeout) || errors.As(err, &network) && network.Timeout()
}

// blame says whose fault it was that there is no answer.
func (x *exchange) blame(err error) access.Code {
	switch {
	case x.upload != nil && x.upload.clientFailed():
		return authz.MalformedRequest
	case timedOut(err):
		return access.UpstreamTimeout
	}
	return access.UpstreamUnreachable
}

// abandon answers a call that upstream did not.
func (x *exchange) abandon(code access.Code) {
	x.close = x.close || x.upload != nil && !x.upload.ahead // where the body stands is not known
	x.call.Code = code
	x.refuse()
	if x.upload == nil {
		x.discardBody()
	}
	x.end()
}

// answer begins the client's answer with the head that was read.
func (x *exchange) answer(upgrade string, timeout time.Duration) {
	h := &x.ctx.Response.Header
	if h.StatusCode() == fasthttp.StatusSwitchingProtocols {
		if upgrade == "" {
			x.abandon(access.UpstreamUnreachable)
			return
		}
		x.tunnel()
		return
	}
	closing := x.clean()
	if x.upload != nil && !x.upload.whole() {
		closing = true // an answer before the end of the question: the rest of it has no reader
		x.close = x.close || !x.upload.ahead
	}
	if x.close {
		h.SetConnectionClose()
	}
	x.observe()
	length := h.ContentLength()
	if status := h.StatusCode(); x.ctx.IsHead() || status == fasthttp.StatusNoContent || status == fasthttp.StatusNotModified || length == 0 {
		x.reuse = !closing
		x.end()
		return
	}
	x.stream(length, closing, timeout)
}

// ourVersion is what an answer says, whatever upstream speaks.
var ourVersion = []byte("HTTP/1.1")

// clean takes out of the answer's head what concerns the upstream connection
// alone, and adds ours. It says whether upstream closes the connection.
func (x *exchange) clean() (closing bool) {
	h := &x.ctx.Response.Header
	h.SetProtocol(ourVersion)
	closing = h.ConnectionClose() && (!x.ctx.IsHead() || h.ContentLength() != -2) // an answer to HEAD may leave its length out
	h.ResetConnectionClose()
	var nominated header.Nominated // the request's may still be in use
	for name, value := range h.All() {
		if (header.Field{Name: text(name)}).Is("Connection") {
			nominated = append(nominated, string(value))
		}
	}
	closing = closing || nominated.Has("close")
	var gone []string
	for name := range h.All() {
		switch n := text(name); {
		case n == fasthttp.HeaderContentLength, n == fasthttp.HeaderTransferEncoding, n == fasthttp.HeaderTrailer:
		case header.Hop(n), nominated.Has(n), oursInAnswers(n, len(x.call.Limits.Standings) > 0):
			gone = append(gone, string(name))
		}
	}
	for _, name := range gone {
		h.Del(name)
	}
	h.Add(header.RequestID, x.requestID)
	x.call.AnswerHeaders(func(name, value string) { h.Add(name, value) })
	return closing
}

// oursInAnswers says whether only the gateway may say something to the client.
func oursInAnswers(name string, limited bool) bool {
	f := header.Field{Name: name}
	return f.Is(header.RequestID) || limited && (f.Is("RateLimit") || f.Is("RateLimit-Policy"))
}
