package proxy

import (
	"errors"
	"io"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/services/gateway/internal/authz"
	"github.com/tidegate-io/tidegate/services/gateway/internal/header"
	"github.com/tidegate-io/tidegate/services/gateway/internal/target"
	"github.com/tidegate-io/tidegate/services/gateway/internal/upstream"
)

// exchange is one call on its way.
//
//  1. begin takes it from the server, decide judges it, and reads its body ahead
//     when it must (ahead).
//  2. refuse answers it, or forward sends it on: the head, and beside it the body
//     as it comes (upload).
//  3. The answer's head is copied; its body is a stream that the server writes
//     after the handler has returned.
//  4. end gives everything back: the upstream connection to the pool when both
//     messages were whole, and to nobody otherwise.
type exchange struct {
	proxy     *Proxy
	ctx       *fasthttp.RequestCtx
	call      authz.Call
	fields    []header.Field // memory of call.Fields
	nominated header.Nominated
	head      []byte // of the request to upstream
	requestID string
	began     time.Time
	malformed bool
	close     bool // the client's connection, after the answer
	ahead     ahead

	told // what came of it so far

	conn   *upstream.Conn
	up     *fasthttp.Response // what reads the answer's body
	upload *upload
	reuse  bool // the upstream connection can carry another exchange
}

func (x *exchange) decide() {
	if x.malformed {
		x.call.Code, x.call.Service, x.call.Route = authz.MalformedRequest, nil, nil
		x.call.Limits.Standings, x.call.Decision = nil, access.Decision{}
		x.close = true
		return
	}
	x.close = x.closing()
	began := time.Now()
	x.proxy.cfg.Decider.Decide(&x.call)
	x.deciding += time.Since(began)
}

// closing says that the client wants its connection closed, in whatever way it
// wrote that.
func (x *exchange) closing() bool {
	x.nominated = header.Nominate(x.nominated[:0], x.call.Fields)
	return x.nominated.Has("close")
}

// refuse answers with the call's code, in place of whatever was begun.
func (x *exchange) refuse() {
	h := &x.ctx.Response.Header
	clean(x.ctx)
	writeProblem(x.ctx, x.call.Code, x.requestID)
	add := func(name, value string) { h.Add(name, value) }
	x.call.AnswerHeaders(add)
	x.call.RefusalHeaders(add)
	if x.close {
		h.SetConnectionClose()
	}
	if !x.ctx.IsHead() {
		x.sent = int64(len(x.ctx.Response.Body()))
	}
	x.observe()
}

// Bodies of refused calls are read away up to a size and a time, so that the
// connection can be used on; beyond that it is closed.
const (
	discardSize = 256 << 10
	discardTime = 250 * time.Millisecond
)

// discardBody reads away what the client sends with a call that is answered
// without it.
func (x *exchange) discardBody() {
	body := x.ctx.RequestBodyStream()
	if body == nil || x.ahead.whole {
		return
	}
	if x.ahead.err != nil {
		x.ctx.SetConnectionClose()
		return
	}
	if length := x.ctx.Request.Header.ContentLength(); length > discardSize {
		x.ctx.SetConnectionClose()
		return
	}
	defer func() { _ = x.ctx.Conn().SetReadDeadline(time.Time{}) }()
	_ = x.ctx.Conn().SetReadDeadline(time.Now().Add(discardTime))
	buffer := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buffer)
	for total := 0; total <= discardSize; {
		n, err := body.Read(*buffer)
		x.received += int64(n)
		if total += n; err != nil {
			if !errors.Is(err, io.EOF) {
				x.ctx.SetConnectionClose()
			}
			return
		}
	}
	x.ctx.SetConnectionClose()
}

// end gives everything back. It is the last that is done with an exchange.
func (x *exchange) end() {
	if x.upload != nil && !x.upload.finish() {
		x.reuse = false
	}
	x.finish()
	if x.up != nil {
		fasthttp.ReleaseResponse(x.up)
	}
	if x.conn != nil {
		if x.reuse {
			x.conn.Release()
		} else {
			_ = x.conn.Close()
		}
	}
	p := x.proxy
	x.release()
	x.ahead = ahead{}
	x.told = told{line: x.line[:0]}
	x.ctx, x.conn, x.up, x.upload, x.reuse = nil, nil, nil, nil, false
	x.call.Method, x.call.Raw, x.call.Host = "", "", ""
	x.call.Target, x.call.Fields, x.call.Body = target.Target{}, nil, nil
	clear(x.fields[:cap(x.fields)])
	clear(x.nominated)
	p.calls.Put(x)
}
