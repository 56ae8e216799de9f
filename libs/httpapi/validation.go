package httpapi

import (
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// required is how huma names a member that is missing, at its parent.
const (
	requiredPrefix = "expected required property "
	requiredSuffix = " to be present"
)

// invalid makes a problem of huma's findings, without the values that they
// hold: those may be secrets.
func invalid(requestID string, status int, message string, errs []error) *Problem {
	p := newProblem(status, codeOf(status), message)
	if status == http.StatusUnprocessableEntity {
		p.Detail = "The input is not valid."
	}
	if status >= http.StatusInternalServerError {
		p.Detail = http.StatusText(status)
		errs = nil
	}
	p.RequestID = requestID
	for _, err := range errs {
		var detail huma.ErrorDetailer
		if errors.As(err, &detail) {
			p.Errors = append(p.Errors, faultOf(detail.ErrorDetail()))
		}
	}
	return p
}

func faultOf(d *huma.ErrorDetail) Fault {
	location, message := d.Location, d.Message
	if rest, ok := strings.CutPrefix(message, requiredPrefix); ok {
		if name, ok := strings.CutSuffix(rest, requiredSuffix); ok {
			return Fault{Location: location + "." + name, Message: "expected to be present"}
		}
	}
	// "expected string to be RFC 3986 uri: parse ...": what follows quotes the
	// value. A pattern or an enumeration is ours and may be shown.
	if !strings.Contains(message, "to match pattern") && !strings.Contains(message, "to be one of") {
		message, _, _ = strings.Cut(message, ": ")
	}
	if message == "" || strings.HasPrefix(message, "json") || strings.HasPrefix(message, "parsing time") {
		message = "expected another type"
	}
	parts := strings.SplitN(location, ".", 2)
	if len(parts) == 2 && parts[0] == "query" {
		location = "query." + shown(parts[1])
	}
	return Fault{Location: location, Message: message}
}

// codeOf answers the code of a status that huma or Fiber chose.
func codeOf(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "bad_request"
	case http.StatusNotFound:
		return codeNotFound
	case http.StatusMethodNotAllowed:
		return "method_not_allowed"
	case http.StatusNotAcceptable:
		return "not_acceptable"
	case http.StatusRequestTimeout:
		return "request_timeout"
	case http.StatusRequestEntityTooLarge:
		return codeTooLarge
	case http.StatusUnsupportedMediaType:
		return "unsupported_media_type"
	case http.StatusUnprocessableEntity:
		return codeValidation
	case http.StatusRequestHeaderFieldsTooLarge:
		return "header_too_large"
	case http.StatusNotImplemented:
		return "not_implemented"
	}
	return codeInternal
}
