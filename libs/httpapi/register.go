package httpapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/tidegate-io/tidegate/libs/es"
)

// Operation describes one operation, for the router and for the document.
type Operation struct {
	ID     string // "suspend-consumer": unique among all services
	Method string
	Path   string // "/v1/consumers/{id}/suspend"
	// Summary is a line; Description, when needed, says what the summary does
	// not: what follows, what is refused.
	Summary, Description string
	Tag                  string // the resource; the service's name when empty
	// Status of success: 0 is 200, or 204 when the output is Empty. Operations
	// that answer Created have 201.
	Status int
	// Body and Answer are examples. Their JSON must satisfy the schemas, which
	// OpenAPI checks.
	Body, Answer any
	// Refusals are what this operation may refuse with, beside what every
	// operation does; they are documented.
	Refusals []*es.Refusal
	// Reveal makes of the body that was kept for an Idempotency-Key the one that
	// is answered, when it is kept with something sealed in it; nil: it is
	// answered as it is.
	Reveal func(ctx context.Context, kept []byte) ([]byte, error)
	// Public operations need no token.
	Public bool
	// MaxBody bounds the body, in bytes; 0: MaxBody. At most MaxTransfer.
	MaxBody int
}

// handleTime is how long a handler may take: less than the lease of an
// idempotency key, so that nobody else takes the call over while it runs.
const handleTime = es.LeaseTime - 5*time.Second

// Register adds an operation. See the package comment for its input and output.
// Errors that the handler answers go through one table: *es.Refusal by kind,
// the errors of package es, *Problem; every other one is 500 with the trace id
// alone.
func Register[I, O any](s *Server, op Operation, handle func(context.Context, *I) (*O, error)) {
	if op.MaxBody == 0 {
		op.MaxBody = MaxBody
	}
	described := s.describe(op, outputOf[O]())
	guard := &guard{server: s, op: op}
	described.Middlewares = huma.Middlewares{guard.around}
	huma.Register(s.api, *described, func(ctx context.Context, in *I) (*O, error) {
		var out *O
		var err error
		if key := idempotencyOf(ctx); key != "" {
			out, err = once(ctx, s.cfg, key, func() (*O, error) { return handle(ctx, in) })
		} else {
			out, err = handle(ctx, in)
		}
		var first *replayed
		switch {
		case errors.As(err, &first):
			if op.Reveal != nil && len(first.answer.Body) > 0 {
				if first.answer.Body, err = op.Reveal(ctx, first.answer.Body); err != nil {
					return nil, s.problem(ctx, err)
				}
			}
			return nil, first
		case err != nil:
			return nil, s.problem(ctx, err)
		case out == nil:
			out = new(O)
		}
		return out, nil
	})
	guard.learn(s.api)
}

// guard is what every operation is behind, in this order: 1. who calls (401);
// 2. what it asks of the answer and of the object (headers, 400); 3. what it
// sends (413, 415, 400, 422); then huma's validation and the handler; 4. what
// the answer waits for.
type guard struct {
	server    *Server
	op        Operation
	described *huma.Operation // as huma registered it
	body      bodyRules
}

// learn reads what huma made of the input, once it is registered.
func (g *guard) learn(api huma.API) {
	item := api.OpenAPI().Paths[g.op.Path]
	registered := operationOf(item, g.op.Method)
	g.described = registered
	g.body = newBodyRules(api.OpenAPI().Components.Schemas, registered, g.op)
	g.server.finish(registered, g.op)
}

func (g *guard) around(ctx huma.Context, next func(huma.Context)) {
	c := fiberOf(ctx)
	inside, err := g.admit(ctx.Context(), c)
	if err != nil {
		g.server.refuse(inside, c, err)
		return
	}
	working, cancel := context.WithTimeout(inside, handleTime)
	defer cancel()
	next(admitted{ctx, working})
	switch g.op.Method {
	case http.MethodGet:
		g.unchanged(c)
	default:
		g.server.await(inside, c)
	}
}

// admitted is a call whose body has been read.
type admitted struct {
	outer

	ctx context.Context
}

type outer huma.Context // so that its method Context can be another

func (a admitted) Context() context.Context { return a.ctx }

// Unwrap is how the adapter finds its own context.
func (a admitted) Unwrap() huma.Context { return a.outer }

// SetReadDeadline has nothing to bound any more, and a request that another
// server of this process hands over may have no connection.
func (admitted) SetReadDeadline(time.Time) error { return nil }

func (g *guard) admit(ctx context.Context, c *fiber.Ctx) (context.Context, error) {
	call := callFrom(ctx)
	call.route, call.status = g.op.Path, g.described.DefaultStatus
	call.target = c.Method() + " " + c.Path()
	if !g.op.Public {
		caller, err := g.server.authenticate(ctx, headers(c, fiber.HeaderAuthorization))
		if err != nil {
			return ctx, err
		}
		ctx = WithCaller(ctx, caller)
		ctx = es.WithMeta(ctx, es.Meta{Actor: caller.Subject, CorrelationID: call.id})
	}
	var err error
	if g.op.Method != http.MethodGet {
		if call.match, err = parseIfMatch(headers(c, fiber.HeaderIfMatch)); err != nil {
			return ctx, err
		}
	}
	query, err := g.query(c)
	if err != nil {
		return ctx, err
	}
	call.list = call.target + "?" + filters(query)
	if call.body, err = g.body.read(c); err != nil {
		return ctx, err
	}
	if keys := headers(c, idempotencyKey); g.op.Method == http.MethodPost && len(keys) > 0 {
		key, err := checkKey(keys)
		if err != nil {
			return ctx, err
		}
		if g.server.cfg.Idempotency == nil {
			return ctx, Invalid("header."+idempotencyKey, "this operation keeps no answers")
		}
		ctx = context.WithValue(ctx, idempotencyCtx{}, key)
	}
	return ctx, nil
}

// unchanged answers 304 when the caller has the current version.
func (g *guard) unchanged(c *fiber.Ctx) {
	if c.Response().StatusCode() != http.StatusOK {
		return
	}
	if noneMatch(headers(c, fiber.HeaderIfNoneMatch), string(c.Response().Header.Peek(fiber.HeaderETag))) {
		c.Response().ResetBody()
		c.Status(http.StatusNotModified)
	}
}

// refuse answers a problem before huma.
func (s *Server) refuse(ctx context.Context, c *fiber.Ctx, err error) {
	if err := s.problem(ctx, err).write(c); err != nil {
		s.log.ErrorContext(ctx, "write problem", "error", err)
	}
}

type idempotencyCtx struct{}

func idempotencyOf(ctx context.Context) string {
	key, _ := ctx.Value(idempotencyCtx{}).(string)
	return key
}
