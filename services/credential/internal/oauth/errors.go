package oauth

import (
	"context"
	"errors"
	"net/http"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/services/credential/internal/signing"
)

// Error is a refusal as OAuth writes it (RFC 6749, section 5.2). It never holds
// what a caller sent.
//
//nolint:errname // its name in the document
type Error struct {
	Code        string `json:"error" doc:"What failed, for programs." example:"invalid_client"`
	Description string `json:"error_description,omitempty" doc:"What failed, for people."`
	status      int
}

func (e *Error) Error() string { return e.Code + ": " + e.Description }

// The refusals.
func invalidRequest(description string) *Error {
	return &Error{Code: "invalid_request", Description: description, status: http.StatusBadRequest}
}

func invalidGrant() *Error {
	return &Error{Code: "invalid_grant", Description: "The refresh token is not valid, was used or revoked, or belongs to another client.", status: http.StatusBadRequest}
}

func invalidScope() *Error {
	return &Error{Code: "invalid_scope", Description: "A scope is asked for that cannot be granted.", status: http.StatusBadRequest}
}

// errClient is the one answer to unknown, wrong, revoked, expired and suspended
// alike.
var errClient = &Error{Code: "invalid_client", Description: "The client or its secret is not valid.", status: http.StatusUnauthorized}

// challenge is how a client proves itself.
const challenge = `Basic realm="tidegate", charset="UTF-8"`

// refuse is the one table from errors to OAuth's answers.
func (o *Server) refuse(ctx context.Context, err error) *httpapi.RawResponse {
	var refusal *Error
	switch {
	case errors.As(err, &refusal):
	case errors.Is(err, es.ErrUnavailable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, signing.ErrNone):
		refusal = &Error{Code: "temporarily_unavailable", Description: "It cannot be done now; try again.", status: http.StatusServiceUnavailable}
	default:
		o.Log.ErrorContext(ctx, "an OAuth call failed", "request_id", httpapi.RequestID(ctx), "error", err)
		refusal = &Error{Code: "server_error", Description: "Request " + httpapi.RequestID(ctx), status: http.StatusInternalServerError}
	}
	answer := private(refusal)
	answer.Status = refusal.status
	switch refusal.status {
	case http.StatusUnauthorized:
		answer.Header["WWW-Authenticate"] = challenge
	case http.StatusServiceUnavailable:
		answer.Header["Retry-After"] = "1"
	}
	return answer
}
