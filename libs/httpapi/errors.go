package httpapi

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/trace"

	"github.com/tidegate-io/tidegate/libs/es"
)

// Refusals that any service may answer.
var (
	// ErrForbidden: the caller may read the object and not do this to it.
	ErrForbidden = es.Refuse(es.Forbidden, "forbidden", "your roles and teams do not allow this")
	// ErrReferenceUnavailable: what the caller names is unknown here, and its
	// owner cannot be asked now.
	ErrReferenceUnavailable = es.Refuse(es.Unavailable, "reference_unavailable", "it cannot be known now whether this exists; try again")
	// ErrUnknownReference: what the caller names does not exist. Answer it
	// with At: ErrUnknownReference.At("body.service_id").
	ErrUnknownReference = es.Refuse(es.Invalid, "unknown_reference", "this does not exist")
	// ErrIdentifierImmutable: an identifier never changes.
	ErrIdentifierImmutable = es.Refuse(es.Immutable, "identifier_immutable", "an identifier never changes")
)

// Codes of what has no refusal of its own.
const (
	codeValidation  = "validation_failed"
	codeMalformed   = "malformed_json"
	codeNotFound    = "not_found"
	codeUnavailable = "unavailable"
	codeInternal    = "internal_error"
	codeTooLarge    = "body_too_large"
)

// kinds gives each kind of refusal its status.
var kinds = map[es.Kind]int{
	es.Invalid:     http.StatusUnprocessableEntity,
	es.Illegal:     http.StatusConflict,
	es.Immutable:   http.StatusConflict,
	es.Taken:       http.StatusConflict,
	es.Missing:     http.StatusNotFound,
	es.Forbidden:   http.StatusForbidden,
	es.Unavailable: http.StatusServiceUnavailable,
}

// sentinels gives each error value its status and code, first match first.
var sentinels = []struct {
	err    error
	status int
	code   string
	detail string
	retry  int // seconds; 0: trying again does not help
}{
	{es.ErrNotFound, http.StatusNotFound, codeNotFound, "There is nothing here that you may see.", 0},
	{es.ErrVersion, http.StatusPreconditionFailed, "version_mismatch", "The object is not at the version that If-Match names.", 0},
	{es.ErrIdempotencyMismatch, http.StatusUnprocessableEntity, "idempotency_mismatch", "The Idempotency-Key was used with another body.", 0},
	{es.ErrIdempotencyInFlight, http.StatusConflict, "idempotency_in_flight", "The first call with this Idempotency-Key has not ended.", 1},
	{es.ErrLeaseLost, http.StatusConflict, "idempotency_in_flight", "Another call with this Idempotency-Key has taken over.", 1},
	{es.ErrConflict, http.StatusConflict, "conflict", "The object is changed by others without pause; try again.", 1},
	{es.ErrTooLarge, http.StatusUnprocessableEntity, "too_large", "The object would be larger than an event may be.", 0},
	{es.ErrUnavailable, http.StatusServiceUnavailable, codeUnavailable, "This service cannot reach its store; nothing was changed.", 1},
	{context.DeadlineExceeded, http.StatusServiceUnavailable, codeUnavailable, "It took too long. See what it came to before you try again.", 1},
	{ErrUnauthenticated, http.StatusUnauthorized, "unauthenticated", "A valid bearer token is needed.", 0},
}

// translations are what one service calls the store's refusals.
type translations struct {
	taken map[string]*es.Refusal // by scope
	refs  map[string]string      // location by kind
}

// Taken says what it means that a claim of a scope is held by another: the
// scope "credential_name" also stands for "credential_name/<consumer>".
func (s *Server) Taken(scope string, refusal *es.Refusal) {
	s.table.taken = with(s.table.taken, scope, refusal)
}

// Reference says where the input names a kind of foreign fact, for the
// unknown_reference of a requirement that did not hold: "consumer",
// "body.consumer_id".
func (s *Server) Reference(kind, location string) {
	s.table.refs = with(s.table.refs, kind, location)
}

func with[V any](m map[string]V, key string, value V) map[string]V {
	next := map[string]V{key: value}
	for k, v := range maps.All(m) {
		if k != key {
			next[k] = v
		}
	}
	return next
}

// problem is the one table from errors to answers. What it does not know is
// logged, and the caller is told the trace id alone.
func (s *Server) problem(ctx context.Context, err error) *Problem {
	p := s.table.problem(err)
	if p == nil {
		id := RequestID(ctx)
		if span := trace.SpanContextFromContext(ctx); span.HasTraceID() {
			id = span.TraceID().String()
		}
		s.log.ErrorContext(ctx, "call failed", "route", callFrom(ctx).route, "request_id", RequestID(ctx), "trace_id", id, "error", err)
		p = newProblem(http.StatusInternalServerError, codeInternal, "Trace id: "+id)
	}
	p.RequestID = RequestID(ctx)
	return p
}

func (t translations) problem(err error) *Problem {
	var (
		own     *Problem
		refusal *es.Refusal
		taken   *es.TakenError
		missing *es.ReferenceError
	)
	switch {
	case errors.As(err, &own):
		shown := *own
		return &shown
	case errors.As(err, &refusal):
		return refused(refusal)
	case errors.As(err, &taken):
		scope, _, _ := strings.Cut(taken.Scope, "/")
		if named := t.taken[scope]; named != nil {
			return refused(named)
		}
		return newProblem(http.StatusConflict, "taken", fmt.Sprintf("This %s is already taken.", scope))
	case errors.Is(err, es.ErrTaken):
		return newProblem(http.StatusConflict, "taken", "This is already taken.")
	case errors.As(err, &missing):
		location := t.refs[missing.Ref.Kind]
		if location == "" {
			location = "body." + missing.Ref.Kind + "_id"
		}
		return refused(ErrUnknownReference.At(location))
	case errors.Is(err, es.ErrReference):
		return refused(ErrUnknownReference)
	}
	for _, known := range sentinels {
		if errors.Is(err, known.err) {
			p := newProblem(known.status, known.code, known.detail)
			if known.retry > 0 {
				p.retryAfter(known.retry)
			}
			if known.status == http.StatusUnauthorized {
				p.set("WWW-Authenticate", challenge)
			}
			return p
		}
	}
	return nil
}

func refused(r *es.Refusal) *Problem {
	status, known := kinds[r.Kind]
	if !known {
		return nil
	}
	p := newProblem(status, r.Code, r.Detail)
	p.CurrentStatus = r.Current
	if r.Location != "" {
		p.Errors = []Fault{{Location: r.Location, Message: r.Detail}}
	}
	if status == http.StatusServiceUnavailable {
		p.retryAfter(1)
	}
	return p
}
