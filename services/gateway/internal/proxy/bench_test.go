package proxy_test

import (
	"net"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/tidegate-io/tidegate/services/gateway/internal/gatewaytest"
)

// BenchmarkProxy sends the same calls through the gateway and through the least
// proxy that can be made of the same server and client, which decides nothing,
// cleans nothing and buffers whole bodies.
func BenchmarkProxy(b *testing.B) {
	upstream := listenAndServe(b, func(ctx *fasthttp.RequestCtx) { ctx.SetBodyString("hello") })
	client := &fasthttp.HostClient{Addr: upstream}
	bare := listenAndServe(b, func(ctx *fasthttp.RequestCtx) {
		ctx.Request.SetHost(upstream)
		if err := client.Do(&ctx.Request, &ctx.Response); err != nil {
			ctx.Error(err.Error(), fasthttp.StatusBadGateway)
		}
	})
	w := gatewaytest.NewWorld()
	w.Service(b, "pets", "http://"+upstream)
	w.Consumer(b, "acme")
	w.Subscribe(b, "sub_1", "acme", "pets")
	key := w.APIKey(b, "cred_1", "acme")
	g := gatewaytest.Start(b, w)
	for name, address := range map[string]string{"bare": bare, "gateway": g.Address} {
		for _, body := range []string{"", strings.Repeat("x", 1024)} {
			method := "GET"
			if body != "" {
				method = "POST"
			}
			b.Run(name+"/"+method, func(b *testing.B) {
				b.RunParallel(func(pb *testing.PB) {
					c := &fasthttp.HostClient{Addr: address}
					request, answer := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
					request.Header.SetMethod(method)
					request.SetRequestURI("http://" + address + "/pets/17")
					request.Header.Set("X-API-Key", key)
					request.SetBodyString(body)
					for pb.Next() {
						if err := c.Do(request, answer); err != nil || answer.StatusCode() != 200 || string(answer.Body()) != "hello" {
							b.Errorf("%d %s %v", answer.StatusCode(), answer.Body(), err)
							return
						}
					}
				})
			})
		}
	}
}

func listenAndServe(b *testing.B, handler fasthttp.RequestHandler) (address string) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &fasthttp.Server{Handler: handler, CloseOnShutdown: true}
	go func() { _ = server.Serve(l) }()
	b.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}
