package httpapi

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/tidegate-io/tidegate/libs/es"
)

// Raw describes an operation of a protocol that has rules of its own: OAuth's
// endpoints take forms and answer errors in their own JSON. It passes the request
// id, the security headers, the span and the recovery from panics, and none of
// the rules of Register; it may honour Prefer: wait.
type Raw struct {
	ID, Method, Path     string // a path without parameters
	Summary, Description string
	Tag                  string // the service's name when empty
	// Form and JSON are example bodies, of structs that describe them; nil: the
	// operation takes none of that kind.
	Form, JSON any
	Answers    []RawAnswer
	// Security names what callers prove themselves with: SecurityBearer,
	// SecurityClient. Any of them will do, and so will a form.
	Security []string
	// Waits says that it honours Prefer: wait.
	Waits bool
}

// The ways in which callers prove themselves, as the document names them.
const (
	SecurityBearer = bearer
	SecurityClient = "client"
)

// RawAnswer describes one answer.
type RawAnswer struct {
	Status      int
	Description string
	Media       string // application/json when empty
	Body        any    // an example, of a struct that describes it; nil: no body
}

// RawRequest is a call of a Raw operation. Its texts are copies.
type RawRequest struct {
	Body []byte
	// Base is the address that was called, such as "https://api.example.com": as
	// the caller or the proxy before us says, so it is not to be trusted.
	Base string

	server *Server
	c      *fiber.Ctx
}

// Header answers every value of a header.
func (r *RawRequest) Header(name string) []string { return headers(r.c, name) }

// Query says whether there is a query string.
func (r *RawRequest) Query() bool { return len(r.c.Request().URI().QueryString()) > 0 }

// Caller answers ctx with the management caller of the request's bearer token.
// ErrUnauthenticated when there is none that can be trusted.
func (r *RawRequest) Caller(ctx context.Context) (context.Context, error) {
	caller, err := r.server.authenticate(ctx, r.Header(fiber.HeaderAuthorization))
	var refused *Problem
	if errors.As(err, &refused) && refused.Status == http.StatusUnauthorized {
		return ctx, ErrUnauthenticated
	}
	if err != nil {
		return ctx, err
	}
	ctx = WithCaller(ctx, caller)
	return es.WithMeta(ctx, es.Meta{Actor: caller.Subject, CorrelationID: RequestID(ctx)}), nil
}

// RawResponse is its answer. Headers overwrite those that every answer has.
type RawResponse struct {
	Status int
	Header map[string]string
	Media  string // application/json when empty
	Body   any    // as JSON; nil: none
}

// RegisterRaw adds an operation that handle answers wholly.
func RegisterRaw(s *Server, op Raw, handle func(context.Context, *RawRequest) *RawResponse) {
	s.app.Add(op.Method, op.Path, func(c *fiber.Ctx) error {
		call := callFrom(c.UserContext())
		call.route = op.Path
		ctx, cancel := context.WithTimeout(c.UserContext(), handleTime)
		defer cancel()
		answer := handle(ctx, &RawRequest{
			Body: bytes.Clone(c.Request().Body()), Base: c.BaseURL(), server: s, c: c,
		})
		for name, value := range answer.Header {
			c.Set(name, value)
		}
		c.Status(answer.Status)
		if answer.Body != nil {
			encoded, err := encode(answer.Body)
			if err != nil {
				return err
			}
			media := answer.Media
			if media == "" {
				media = mediaJSON
			}
			c.Set(fiber.HeaderContentType, media)
			if err := c.Send(encoded); err != nil {
				return err
			}
		}
		if op.Waits {
			s.await(c.UserContext(), c)
		}
		return nil
	})
	s.documentRaw(op)
}

// documentRaw puts the operation into the document.
func (s *Server) documentRaw(op Raw) {
	document := s.api.OpenAPI()
	tag := op.Tag
	if tag == "" {
		tag = s.cfg.Service
	}
	described := &huma.Operation{
		OperationID: op.ID, Method: op.Method, Path: op.Path, Summary: op.Summary, Description: op.Description,
		Tags: []string{tag}, Responses: map[string]*huma.Response{},
	}
	schemas := document.Components.Schemas
	media := func(example any) *huma.MediaType {
		t := reflect.TypeOf(example)
		if t.Kind() == reflect.Map {
			return &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeObject}, Example: example}
		}
		return &huma.MediaType{Schema: schemas.Schema(t, true, t.Name()), Example: example}
	}
	content := map[string]*huma.MediaType{}
	if op.Form != nil {
		content["application/x-www-form-urlencoded"] = media(op.Form)
	}
	if op.JSON != nil {
		content[mediaJSON] = media(op.JSON)
	}
	if len(content) > 0 {
		described.RequestBody = &huma.RequestBody{Required: true, Content: content}
	}
	for _, answer := range op.Answers {
		response := &huma.Response{Description: answer.Description}
		if answer.Body != nil {
			name := answer.Media
			if name == "" {
				name = mediaJSON
			}
			response.Content = map[string]*huma.MediaType{name: media(answer.Body)}
		}
		described.Responses[strconv.Itoa(answer.Status)] = response
	}
	if op.Waits {
		addHeader(described, "Prefer", "wait=<seconds>, at most 30: answer when every live gateway has applied it, or the time is over.", "wait=5")
	}
	for _, name := range op.Security {
		described.Security = append(described.Security, map[string][]string{name: {}})
		if name == SecurityClient {
			document.Components.SecuritySchemes = maps.Clone(document.Components.SecuritySchemes)
			document.Components.SecuritySchemes[SecurityClient] = &huma.SecurityScheme{
				Type: "http", Scheme: "basic",
				Description: "The id and the secret of an OAuth 2 client, each form-urlencoded (RFC 6749, section 2.3.1).",
			}
		}
	}
	if op.Form != nil && len(op.Security) > 0 {
		described.Security = append(described.Security, map[string][]string{}) // or the client in the form
	}
	document.AddOperation(described)
}
