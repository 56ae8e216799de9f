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

// sendBody sends a body of known length: at once with the head when all of it
// has arrived already, else as it comes.
func (x *exchange) sendBody(body io.Reader, length int, timeout time.Duration) error {
	switch {
	case !x.ahead.whole:
	case length > copySize:
		x.startUpload(&upload{x: x, body: body, length: length, timeout: timeout, ahead: true})
		return nil
	default:
		return x.sendAhead()
	}
	buffer := copyBuffers.Get().(*[]byte)
	c := client(x.ctx)
	_ = c.SetReadDeadline(time.Now().Add(stallTime))
	n, _ := body.Read(*buffer) // the byte that the server read ahead; a fault comes again
	n += more(c, body, (*buffer)[n:min(length, copySize)])
	if n < length {
		x.startUpload(&upload{x: x, body: body, length: length, timeout: timeout, buffer: buffer, read: n})
		return nil
	}
	x.received += int64(n)
	_, err := x.conn.Writer.Write((*buffer)[:n])
	copyBuffers.Put(buffer)
	if err == nil {
		err = x.conn.Writer.Flush()
	}
	return err
}

// sendAhead sends a small body that is here already with the head.
func (x *exchange) sendAhead() error {
	x.received += int64(len(x.ahead.content))
	_, err := x.conn.Writer.Write(x.ahead.content)
	x.release()
	if err == nil {
		err = x.conn.Writer.Flush()
	}
	return err
}

// more takes what has arrived already behind the one byte that the server read
// ahead, and waits for nothing. It is not for chunks, of which half a head could
// be lost.
func more(c *wire.Conn, body io.Reader, buffer []byte) int {
	if len(buffer) == 0 {
		return 0
	}
	_ = c.SetReadDeadline(time.Unix(1, 0))
	n, _ := body.Read(buffer)
	return n
}

// upload carries a request's body to upstream while the answer is waited for, so
// that both may flow at the same time.
type upload struct {
	x       *exchange
	body    io.Reader
	length  int // -1: in chunks
	timeout time.Duration
	buffer  *[]byte // with what was read already
	read    int
	ahead   bool // all of it is here already

	client *wire.Conn
	sent   atomic.Bool // everything was handed over, before upstream could know
	failed atomic.Bool // the client sent no whole body
	done   chan struct{}
	total  int64 // what came of it; for who has seen done
}

// startUpload sets an upload going.
func (x *exchange) startUpload(u *upload) {
	u.client, u.done = client(x.ctx), make(chan struct{})
	if u.buffer == nil {
		u.buffer = copyBuffers.Get().(*[]byte)
	}
	x.upload = u
	go u.run()
}

func (u *upload) run() {
	defer close(u.done)
	defer copyBuffers.Put(u.buffer)
	if u.ahead {
		defer u.x.release()
	}
	total := u.read
	defer func() { u.total = int64(total) }()
	if u.read > 0 && u.write((*u.buffer)[:u.read], false, false) != nil {
		return // upstream may have answered all the same
	}
	for {
		if !u.ahead {
			_ = u.client.SetReadDeadline(time.Now().Add(stallTime))
		}
		n, err := u.body.Read(*u.buffer)
		total += n
		end := errors.Is(err, io.EOF) || u.length >= 0 && total >= u.length
		if err != nil && !end || end && total < u.length || u.length < 0 && end && !u.ahead && u.client.Ended() {
			u.failed.Store(true)
			_ = u.x.conn.Close() // upstream must not take what it has for all
			return
		}
		if end {
			u.sent.Store(true)
		}
		if u.write((*u.buffer)[:n], u.length < 0, end) != nil {
			u.sent.Store(false)
			return
		}
		if end {
			return
		}
	}
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
