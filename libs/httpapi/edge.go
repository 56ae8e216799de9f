package httpapi

import (
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/valyala/fasthttp"
)

// requestID is the header of the id that is made for each call. What a client
// sends under the name is not taken: it would be somebody else's id in our logs
// and events.
const requestID = "X-Request-Id"

// security is what every answer says to browsers. A route that serves pages
// overwrites what it must.
var security = [][2]string{
	{"X-Content-Type-Options", "nosniff"},
	{"X-Frame-Options", "DENY"},
	{"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
	{"Referrer-Policy", "no-referrer"},
	{"Cache-Control", "no-store"},
}

// edge is around every request: its id, the headers of its answer, its span,
// its measurements, its line in the log, and what happens when it panics.
func (s *Server) edge(c *fiber.Ctx) (err error) {
	begin := time.Now()
	s.open(c)
	span := s.watch.start(c)
	defer func() {
		if caught := recover(); caught != nil {
			s.log.ErrorContext(c.UserContext(), "call panicked", "request_id", RequestID(c.UserContext()),
				"panic", caught, "stack", string(debug.Stack()))
			err = s.problem(c.UserContext(), fmt.Errorf("panic: %v", caught)).write(c)
		}
		s.close(c, span, time.Since(begin))
	}()
	if _, err := url.ParseRequestURI(c.OriginalURL()); err != nil {
		return s.answerError(c, newProblem(http.StatusBadRequest, "bad_request_target", "The request target cannot be read."))
	}
	if err := c.Next(); err != nil {
		return s.answerError(c, err)
	}
	return nil
}

// open gives a request its id, unless it comes from another server of this
// process, which gave it one.
func (s *Server) open(c *fiber.Ctx) {
	ctx := c.UserContext()
	mine := &call{id: callFrom(ctx).id, status: http.StatusOK}
	if mine.id == "" {
		mine.id = newRequestID()
	}
	c.SetUserContext(withCall(ctx, mine))
	c.Set(requestID, mine.id)
	for _, header := range security {
		c.Set(header[0], header[1])
	}
}

func newRequestID() string {
	id, err := uuid.NewV7()
	if err != nil { // no randomness: the program cannot go on anyway
		id = uuid.New()
	}
	return id.String()
}

func (s *Server) close(c *fiber.Ctx, span *observation, took time.Duration) {
	route := callFrom(c.UserContext()).route
	if route == "" {
		route = matched(c)
	}
	s.watch.end(c, span, route, took)
	s.log.DebugContext(c.UserContext(), "call", "method", c.Method(), "route", route,
		"status", c.Response().StatusCode(), "took", took, "request_id", RequestID(c.UserContext()))
}

// matched answers the pattern of the route that Fiber found; empty when only
// the edge itself was passed.
func matched(c *fiber.Ctx) string {
	if route := c.Route(); route != nil && route.Path != "/" {
		return route.Path
	}
	return ""
}

// answerError answers what Fiber and fasthttp refuse, and what a route that is
// no operation answers as an error.
func (s *Server) answerError(c *fiber.Ctx, err error) error {
	if RequestID(c.UserContext()) == "" { // refused before any route
		s.open(c)
	}
	ctx := c.UserContext()
	refusal, ok := err.(*fiber.Error) //nolint:errorlint // Fiber's own, never wrapped
	if !ok {
		return s.problem(ctx, err).write(c)
	}
	p := newProblem(refusal.Code, codeOf(refusal.Code), "")
	if refusal.Code >= http.StatusInternalServerError && refusal.Code != http.StatusNotImplemented {
		return s.problem(ctx, err).write(c)
	}
	p.RequestID = RequestID(ctx)
	return p.write(c)
}

// known answers 501 to methods that HTTP does not have: Fiber would answer
// them in plain text, past everything here.
func (s *Server) known(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	methods := s.app.Config().RequestMethods
	return func(rctx *fasthttp.RequestCtx) {
		if slices.Contains(methods, string(rctx.Method())) {
			next(rctx)
			return
		}
		rctx.Request.Header.SetMethod(http.MethodGet) // so that Fiber takes it
		c := s.app.AcquireCtx(rctx)
		defer s.app.ReleaseCtx(c)
		_ = s.answerError(c, fiber.NewError(http.StatusNotImplemented))
	}
}
