package route

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"github.com/valyala/fasthttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
)

// hopByHop are the headers of one connection alone (RFC 9110 section 7.6.1).
var hopByHop = []string{
	"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "Te", "Trailer",
	"Transfer-Encoding", "Upgrade",
}

// dropHopByHop removes them, and those that Connection names.
func dropHopByHop(header http.Header) {
	for _, list := range header["Connection"] {
		for name := range strings.SplitSeq(list, ",") {
			if name = textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(name)); !kept[name] {
				delete(header, name)
			}
		}
	}
	for _, name := range hopByHop {
		delete(header, name)
	}
}

// kept are headers that Connection cannot remove: without them a call means
// something else.
var kept = map[string]bool{
	"Authorization": true, "Content-Type": true, "Idempotency-Key": true, "If-Match": true, "Prefer": true,
}

// outgoing is a caller's request as another process is sent it. Strings are
// copied: the buffers behind a call are used again when it has been answered.
func outgoing(ctx context.Context, base *url.URL, call *fasthttp.RequestCtx, body []byte) (*http.Request, error) {
	var content io.Reader = http.NoBody
	if len(body) > 0 {
		content = bytes.NewReader(body)
	}
	target := base.Scheme + "://" + base.Host + strings.TrimSuffix(base.EscapedPath(), "/") + string(call.RequestURI())
	request, err := http.NewRequestWithContext(ctx, string(call.Method()), target, content)
	if err != nil {
		return nil, err
	}
	for name, value := range call.Request.Header.All() {
		request.Header.Add(textproto.CanonicalMIMEHeaderKey(string(name)), string(value))
	}
	dropHopByHop(request.Header)
	for _, name := range []string{"Host", "Content-Length"} { // net/http sets them
		delete(request.Header, name)
	}
	forwardedFor := call.RemoteIP().String()
	request.Header.Set("X-Forwarded-For", forwardedFor)
	request.Header.Set("X-Forwarded-Host", string(call.Host()))
	if _, named := request.Header["User-Agent"]; !named {
		request.Header.Set("User-Agent", "") // none, rather than net/http's
	}
	otel.GetTextMapPropagator().Inject(ctx, propagation.HeaderCarrier(request.Header))
	return request, nil
}
