package proxy

import (
	"bytes"
	"time"

	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/services/gateway/internal/accesslog"
	"github.com/tidegate-io/tidegate/services/gateway/internal/tracing"
)

// Observation is what is known of a call when its answer begins. Its strings are
// the rule's or constant.
type Observation struct {
	Service  string // id; empty: none was found
	Code     access.Code
	Status   int
	Took     time.Duration // until the answer began
	Upstream time.Duration // of it, what upstream took; 0: it was not asked
	Deciding time.Duration // of it, what the decision took; 0: it waited for a body
}

// Ending is what is known of a call that is over.
type Ending struct {
	Service        string
	Took           time.Duration
	Received, Sent int64 // bytes of the bodies, or through the tunnel
	Broken         Fault
	Tunnel         bool
}

// Fault says by whose fault an answer is not whole.
type Fault string

// Whose fault it can be.
const (
	ByNobody   Fault = ""
	ByUpstream Fault = "upstream"
	ByClient   Fault = "client"
)

// told is what an exchange has to tell.
type told struct {
	deciding, upstream time.Duration
	received, sent     int64
	broken             Fault
	spans              tracing.Call
	line               []byte // of the access log, as far as it is known
	handed             bool   // who ends the tunnel tells of it
}

// tried notes that a try has come to its end.
func (x *exchange) tried(began time.Time, fault string) {
	x.upstream += time.Since(began)
	x.spans.Tried(x.ctx.Response.StatusCode(), fault)
}

// observe tells of a call whose answer begins.
func (x *exchange) observe() {
	o := Observation{Code: x.call.Code, Status: x.ctx.Response.StatusCode(), Took: time.Since(x.began), Upstream: x.upstream, Service: x.service()}
	if x.ahead.began.IsZero() {
		o.Deciding = x.deciding
	}
	x.proxy.cfg.Observe(o)
	if x.spans.On() {
		x.spans.Answered(x.outcome(o.Status))
	}
	if x.proxy.cfg.AccessLog != nil {
		x.line = x.entry(o.Status).Append(x.line[:0])
	}
}

func (x *exchange) service() string {
	if x.call.Service == nil {
		return ""
	}
	return x.call.Service.ID
}

func (x *exchange) route() string {
	if x.call.Route == nil {
		return ""
	}
	return x.call.Route.Prefix()
}

func (x *exchange) outcome(status int) tracing.Outcome {
	c := &x.call
	o := tracing.Outcome{
		Method: c.Method, Host: c.Target.Host, Path: c.Target.Path, Address: c.Address.String(), Route: x.route(), Service: x.service(),
		RequestID: x.requestID, Code: string(c.Code), Status: status,
	}
	if c.Decision.Consumer != nil {
		o.Consumer = c.Decision.Consumer.ID
	}
	return o
}

func (x *exchange) entry(status int) accesslog.Entry {
	c := &x.call
	e := accesslog.Entry{
		Time: c.At, RequestID: x.requestID, TraceID: x.spans.TraceID(c.Fields), Method: c.Method, Host: c.Target.Host, Path: c.Target.Path,
		Route: x.route(), Service: x.service(), Code: string(c.Code), Status: status, Address: c.Address,
	}
	if c.Decision.Consumer != nil {
		e.Consumer = c.Decision.Consumer.ID
	}
	if c.Decision.Credential != nil {
		e.Credential = c.Decision.Credential.ID
	}
	if c.Decision.Subscription != nil {
		e.Subscription = c.Decision.Subscription.ID
	}
	return e
}

// finish tells of a call that is over, but for one that became a tunnel.
func (x *exchange) finish() {
	if x.handed {
		return
	}
	e := Ending{Service: x.service(), Took: time.Since(x.began), Sent: x.sent, Broken: x.broken}
	if x.upload != nil {
		e.Received = x.upload.total
	} else {
		e.Received = x.received + int64(len(x.ahead.content))
	}
	if e.Broken != ByNobody {
		x.spans.Broken(string(e.Broken))
	}
	x.spans.End()
	x.proxy.tell(e, x.line, x.upstream)
}

// tell tells of a call that is over.
func (p *Proxy) tell(e Ending, line []byte, upstream time.Duration) {
	p.cfg.Ended(e)
	if p.cfg.AccessLog != nil {
		p.cfg.AccessLog.Add(accesslog.Outcome{
			Received: e.Received, Sent: e.Sent, Took: e.Took, Upstream: upstream, Broken: string(e.Broken),
		}.Append(line))
	}
}

// tunnelled takes over what is to be told of a call that becomes a tunnel, and
// answers how to tell it once it has ended. Its span ends now.
func (x *exchange) tunnelled() (open func() (end func(received, sent int64))) {
	p, line, upstream, began := x.proxy, bytes.Clone(x.line), x.upstream, x.began
	e := Ending{Service: x.service(), Tunnel: true}
	x.spans.End()
	x.handed = true
	return func() func(received, sent int64) {
		p.tunnels.Add(1)
		return func(received, sent int64) {
			p.tunnels.Add(-1)
			e.Received, e.Sent, e.Took = received, sent, time.Since(began)
			p.tell(e, line, upstream)
		}
	}
}
