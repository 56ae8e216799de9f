package proxy

import (
	"errors"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidegate-io/tidegate/services/gateway/internal/wire"
)

// copySize is how much of a body is in the gateway's hands at once.
const copySize = 32 << 10

var copyBuffers = sync.Pool{New: func() any {
	b := make([]byte, copySize)
	return &b
}}

// upload carries a request's body to upstream while the answer is waited for, so
// that both may flow at the same time.
type upload struct {
	x       *exchange
	client  *wire.Conn
	timeout time.Duration
	sent    atomic.Bool // everything was handed over, before upstream could know
	failed  atomic.Bool // the client sent no whole body
	done    chan struct{}
}

func (x *exchange) startUpload(body io.Reader, length int, timeout time.Duration) *upload {
	u := &upload{x: x, client: client(x.ctx), timeout: timeout, done: make(chan struct{})}
	go u.run(body, length)
	return u
}

func (u *upload) run(body io.Reader, length int) {
	defer close(u.done)
	buffer := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buffer)
	for total := 0; ; {
		_ = u.client.SetReadDeadline(time.Now().Add(stallTime))
		n, err := body.Read(*buffer)
		if total == 0 && n == 1 && err == nil && length > 1 {
			n += u.more(body, (*buffer)[1:])
		}
		total += n
		end := errors.Is(err, io.EOF) || length >= 0 && total >= length
		if err != nil && !end || end && total < length || length < 0 && end && u.client.Ended() {
			u.failed.Store(true)
			_ = u.x.conn.Close() // upstream must not take what it has for all
			return
		}
		if end {
			u.sent.Store(true)
		}
		if u.write((*buffer)[:n], length < 0, end) != nil {
			u.sent.Store(false)
			return // it may have answered all the same
		}
		if end {
			return
		}
	}
}

// more takes what has arrived already behind the one byte that the server read
// ahead, and waits for nothing. It is not for chunks, of which half a head could
// be lost.
func (u *upload) more(body io.Reader, buffer []byte) int {
	_ = u.client.SetReadDeadline(time.Unix(1, 0))
	n, _ := body.Read(buffer) // a real fault comes again with the next read
	return n
}

// write passes one piece on, at once.
func (u *upload) write(piece []byte, chunked, end bool) error {
	conn := u.x.conn
	now := time.Now()
	_ = conn.SetWriteDeadline(now.Add(u.timeout))
	w := conn.Writer
	var err error
	switch {
	case !chunked:
		_, err = w.Write(piece)
	default:
		if len(piece) > 0 {
			_, _ = w.Write(strconv.AppendInt(w.AvailableBuffer(), int64(len(piece)), 16))
			_, _ = w.WriteString("\r\n")
			_, _ = w.Write(piece)
			_, err = w.WriteString("\r\n")
		}
		if end {
			_, _ = w.WriteString("0\r\n")
			_, err = w.Write(u.x.appendTrailers(nil))
		}
	}
	if err == nil {
		err = w.Flush()
	}
	_ = conn.SetReadDeadline(time.Now().Add(u.timeout))
	return err
}

// whole says that upstream was sent all of the body before it answered.
func (u *upload) whole() bool {
	if !u.sent.Load() {
		return false
	}
	<-u.done
	return u.sent.Load()
}

// clientFailed says that it was the client that broke off.
func (u *upload) clientFailed() bool { return u.failed.Load() }

// finish ends an upload that nobody waits for any more, and says whether it had
// ended well by itself.
func (u *upload) finish() bool {
	if u.whole() {
		return true
	}
	_ = u.client.SetReadDeadline(time.Unix(1, 0))
	_ = u.x.conn.Close()
	<-u.done
	return false
}
