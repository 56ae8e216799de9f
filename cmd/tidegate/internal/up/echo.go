package up

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// echoBody bounds what is echoed of a body.
const echoBody = 64 << 10

// serveEcho answers every request with what it was sent, until ctx ends: the
// upstream of the demonstration, which shows what a service learns of its
// callers.
func serveEcho(ctx context.Context, listener net.Listener) {
	server := &http.Server{Handler: http.HandlerFunc(echo), ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	go func() {
		defer stop()
		_ = server.Serve(listener) // it ends by being closed
	}()
}

func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, echoBody))
	if err != nil {
		return // the caller is gone
	}
	headers := map[string]string{}
	for name, values := range r.Header {
		headers[name] = strings.Join(values, ", ")
	}
	w.Header().Set("Content-Type", "application/json")
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(map[string]any{
		"message": "You have reached the echo service behind Tidegate.",
		"method":  r.Method, "path": r.URL.Path, "query": r.URL.RawQuery, "headers": headers, "body": string(body),
	})
}
