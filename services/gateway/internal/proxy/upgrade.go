package proxy

import (
	"io"
	"net"
	"time"

	"github.com/tidegate-io/tidegate/services/gateway/internal/header"
	"github.com/tidegate-io/tidegate/services/gateway/internal/upstream"
)

// upgrade answers to what protocol a call wants to change, such as "websocket";
// empty: to none. It was authenticated as any other.
func (x *exchange) upgrade(length int) string {
	x.nominated = header.Nominate(x.nominated[:0], x.call.Fields)
	if length != 0 || !x.ctx.Request.Header.IsHTTP11() || !x.nominated.Has("upgrade") {
		return ""
	}
	for _, f := range x.call.Fields {
		if f.Is("Upgrade") {
			return f.Value
		}
	}
	return ""
}

// tunnel passes upstream's consent on and then every byte, both ways, until one
// side ends.
func (x *exchange) tunnel() {
	h := &x.ctx.Response.Header
	protocol := ""
	for name, value := range h.All() {
		if (header.Field{Name: text(name)}).Is("Upgrade") {
			protocol = string(value)
		}
	}
	x.clean()
	h.Set("Connection", "Upgrade")
	h.Set("Upgrade", protocol)
	x.observe()
	conn := x.conn
	x.conn = nil
	open := x.tunnelled()
	x.ctx.Hijack(func(client net.Conn) {
		end := open()
		end(join(client, conn))
	})
	x.end()
}

// join copies both ways. The end of one direction ends the other's writing; the
// end of both ends the connections. It answers how many bytes went each way.
func join(client net.Conn, server *upstream.Conn) (received, sent int64) {
	_ = server.SetDeadline(time.Time{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		received, _ = io.Copy(onlyWriter{server}, onlyReader{client})
		_ = server.CloseWrite()
	}()
	sent, _ = io.Copy(onlyWriter{client}, server.Reader)
	_ = client.Close()
	<-done
	_ = server.Close()
	return received, sent
}
