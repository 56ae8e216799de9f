package route

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/tidegate-io/tidegate/libs/httpapi"
)

// Times of a call to another process. Prefer: wait holds an answer back for 30
// seconds at most, so a service that has not begun to answer after this has
// failed. A body that has begun may take as long as it likes.
const (
	dialTime   = 2 * time.Second
	answerTime = 45 * time.Second
	restTime   = time.Second // of a replica that could not be reached
	idleTime   = 60 * time.Second
)

// Remote is a service of other processes.
type Remote struct {
	name     string
	replicas []*replica
	turn     atomic.Uint32
	client   *http.Transport
}

type replica struct {
	base    *url.URL
	resting atomic.Int64 // until this Unix nanosecond
}

// NewRemote makes a service of its replicas' base URLs.
func NewRemote(name string, addresses []string) (*Remote, error) {
	r := &Remote{name: name, client: &http.Transport{
		DialContext:           (&net.Dialer{Timeout: dialTime, KeepAlive: 15 * time.Second}).DialContext,
		ResponseHeaderTimeout: answerTime,
		IdleConnTimeout:       idleTime,
		MaxIdleConnsPerHost:   64,
		DisableCompression:    true, // bodies pass as they are
		ForceAttemptHTTP2:     true,
	}}
	for _, address := range addresses {
		base, err := url.Parse(address)
		if err != nil {
			return nil, fmt.Errorf("the address of the %s service: %w", name, err)
		}
		r.replicas = append(r.replicas, &replica{base: base})
	}
	return r, nil
}

// Forward sends the call to a replica. Replicas take turns; one that could not
// be reached is tried last for a while.
func (r *Remote) Forward(ctx context.Context, call *fasthttp.RequestCtx) error {
	body := bytes.Clone(call.Request.Body()) // its buffer is reused while a late replica may still read it
	var last error
	for _, replica := range r.order() {
		answer, err := r.send(ctx, replica, call, body)
		if err == nil {
			relay(call, answer)
			return nil
		}
		last = err
		unseen := unsent(err)
		if unseen {
			replica.resting.Store(time.Now().Add(restTime).UnixNano())
		}
		if !unseen && !reads(call) {
			return r.broken(err)
		}
	}
	if unsent(last) {
		return ErrDown.Saying("the %s service cannot be reached; nothing was done", r.name)
	}
	return r.broken(last)
}

// order answers the replicas in the order in which they are tried.
func (r *Remote) order() []*replica {
	n := len(r.replicas)
	first := int(r.turn.Add(1)) % n
	now := time.Now().UnixNano()
	var ready, resting []*replica
	for i := range n {
		replica := r.replicas[(first+i)%n]
		if replica.resting.Load() > now {
			resting = append(resting, replica)
		} else {
			ready = append(ready, replica)
		}
	}
	return append(ready, resting...)
}

func (r *Remote) send(ctx context.Context, to *replica, call *fasthttp.RequestCtx, body []byte) (*http.Response, error) {
	request, err := outgoing(ctx, to.base, call, body)
	if err != nil {
		return nil, err
	}
	return r.client.RoundTrip(request)
}

// broken answers the problem of a call that a replica may have seen and did not
// answer.
func (r *Remote) broken(err error) error {
	status, code := http.StatusBadGateway, "service_failed"
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		status, code = http.StatusGatewayTimeout, "service_timeout"
	}
	return &httpapi.Problem{
		Type: "https://tidegate.io/problems/" + code, Title: http.StatusText(status), Status: status, Code: code,
		Detail: fmt.Sprintf("The %s service did not answer; it cannot be known whether the call was done. Repeat it with the same Idempotency-Key.", r.name),
	}
}

// reads says whether a call may be sent again without harm.
func reads(call *fasthttp.RequestCtx) bool { return call.IsGet() || call.IsHead() || call.IsOptions() }

// unsent says whether an error came before anything was sent.
func unsent(err error) bool {
	var dialled *net.OpError
	return errors.As(err, &dialled) && dialled.Op == "dial"
}

// relay gives a replica's answer to the caller, its body as it comes.
func relay(call *fasthttp.RequestCtx, answer *http.Response) {
	call.Response.Reset()
	call.SetStatusCode(answer.StatusCode)
	dropHopByHop(answer.Header)
	for name, values := range answer.Header {
		if name == "Content-Length" {
			continue
		}
		for _, value := range values {
			call.Response.Header.Add(name, value)
		}
	}
	if answer.ContentLength == 0 || call.IsHead() {
		_ = answer.Body.Close()
		call.Response.SkipBody = call.IsHead()
		if answer.ContentLength > 0 {
			call.Response.Header.SetContentLength(int(answer.ContentLength))
		}
		return
	}
	call.Response.SetBodyStream(answer.Body, int(answer.ContentLength))
}
