package proxy

import (
	"bytes"
	"errors"
	"io"
	"time"

	"github.com/tidegate-io/tidegate/services/gateway/internal/authn"
)

// ahead is the part of a request's body that was read before the decision,
// because a signature covers it or a credential may be in it. It goes upstream
// with the rest. Bodies that nobody asks for are not touched.
type ahead struct {
	content []byte // in lent memory
	whole   bool   // that is all there is
	began   time.Time
	err     error // why it cannot be read on
	waiting bool  // the client waits for "100 Continue"
}

// A body that is read ahead must have arrived after aheadTime and one second
// for each aheadRate bytes of it: memory is not held for those who trickle.
const (
	aheadTime = 30 * time.Second
	aheadRate = 32 << 10
)

// aheadStart is the first buffer's size; it doubles as the body arrives.
const aheadStart = 64 << 10

// aheadMemory is what bodies of all calls that are read ahead take at a time,
// at least: aheadBodies of the largest have room in any case.
const (
	aheadMemory = 256 << 20
	aheadBodies = 8
)

var _ authn.Body = (*exchange)(nil)

// Whole is authn.Body's. A body that announces more than the limit is not begun
// to be read, and its client not told to send it.
func (x *exchange) Whole(limit int) ([]byte, error) {
	a, length := &x.ahead, x.ctx.Request.Header.ContentLength()
	switch {
	case length == 0, length < -1:
		return nil, nil
	case length > limit:
		return nil, authn.ErrBodyTooLarge
	case a.waiting:
		return nil, authn.ErrBodyLater
	}
	for !a.whole && a.err == nil && len(a.content) <= limit {
		a.err = x.readAhead(length)
	}
	switch {
	case a.err != nil:
		return nil, a.err
	case len(a.content) > limit:
		return nil, authn.ErrBodyTooLarge
	}
	return a.content, nil
}

// readAhead reads the next piece.
func (x *exchange) readAhead(length int) error {
	a, c, stream := &x.ahead, client(x.ctx), x.ctx.RequestBodyStream()
	if stream == nil {
		a.whole = true
		return nil
	}
	if !x.room(length) {
		return authn.ErrBodyNoRoom
	}
	if a.began.IsZero() {
		a.began = time.Now()
	}
	_ = c.SetReadDeadline(a.began.Add(x.proxy.cfg.BodyTime + time.Duration(len(a.content)/aheadRate)*time.Second))
	n, err := stream.Read(a.content[len(a.content):cap(a.content)])
	_ = c.SetReadDeadline(time.Time{})
	a.content = a.content[:len(a.content)+n]
	switch {
	case length >= 0 && len(a.content) == length:
		a.whole = true
	case err == nil:
	case length < 0 && errors.Is(err, io.EOF) && !c.Ended(): // its end is taken for the body's between two chunks
		a.whole = true
	case timedOut(err):
		return authn.ErrBodySlow
	default:
		return authn.ErrBodyBroken
	}
	return nil
}

// room sees to it that there is memory for the next piece.
func (x *exchange) room(length int) bool {
	a, m := &x.ahead, x.proxy.memory
	if len(a.content) < cap(a.content) {
		return true
	}
	size := max(2*cap(a.content), aheadStart)
	if length > 0 {
		size = min(size, length)
	}
	larger := m.take(size)
	if larger == nil {
		return false
	}
	larger = append(larger, a.content...)
	m.give(a.content)
	a.content = larger
	return true
}

// release gives the memory back.
func (x *exchange) release() {
	x.proxy.memory.give(x.ahead.content)
	x.ahead.content = nil
}

// body answers what goes upstream as the body, and its length; -1: in chunks.
func (x *exchange) body() (io.Reader, int) {
	stream, length := x.ctx.RequestBodyStream(), x.ctx.Request.Header.ContentLength()
	a := &x.ahead
	switch {
	case stream == nil:
		return nil, 0
	case a.whole && length > 0:
		return bytes.NewReader(a.content), len(a.content)
	case a.whole:
		return bytes.NewReader(a.content), length
	case len(a.content) > 0:
		return io.MultiReader(bytes.NewReader(a.content), stream), length
	}
	return stream, length
}
