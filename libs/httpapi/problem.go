package httpapi

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/gofiber/fiber/v2"
)

const (
	problemType = "application/problem+json"
	problemBase = "https://tidegate.io/problems/"
)

// Problem is a refusal as the caller reads it (RFC 9457). It never holds a
// value that the caller sent: that might be a secret.
//
//nolint:errname // RFC 9457 names it
type Problem struct {
	Type          string  `json:"type" doc:"Names the kind of problem." example:"https://tidegate.io/problems/not_found"`
	Title         string  `json:"title" doc:"The status in words." example:"Not Found"`
	Status        int     `json:"status" doc:"The HTTP status." example:"404"`
	Detail        string  `json:"detail" doc:"What failed, for people." example:"not found"`
	Code          string  `json:"code" doc:"What failed, for programs. It is stable." example:"not_found"`
	RequestID     string  `json:"request_id" doc:"The X-Request-Id of this answer." example:"0199f7a2-6a53-7c8e-9d07-9a1c2f0c7b11"`
	CurrentStatus string  `json:"current_status,omitempty" doc:"The status that the object is in, when that is what forbids it." example:"revoked"`
	Errors        []Fault `json:"errors,omitempty" doc:"Each fault of the input."`

	header http.Header
}

// Fault is one fault of the input.
type Fault struct {
	Location string `json:"location" doc:"Where in the input." example:"body.limits.rate.requests"`
	Message  string `json:"message" doc:"What is wrong there." example:"expected number >= 1"`
}

// newProblem makes a problem; detail is the status in words when empty.
func newProblem(status int, code, detail string, faults ...Fault) *Problem {
	if detail == "" {
		detail = http.StatusText(status)
	}
	return &Problem{
		Type:   problemBase + code,
		Title:  http.StatusText(status),
		Status: status,
		Detail: detail,
		Code:   code,
		Errors: faults,
	}
}

// Invalid refuses input that only a handler can judge, as validation does: 422
// validation_failed with the location of the fault, such as "body.team".
func Invalid(location, message string) *Problem {
	return newProblem(http.StatusUnprocessableEntity, codeValidation, "The input is not valid.", Fault{Location: location, Message: message})
}

func (p *Problem) Error() string { return p.Detail }

// GetStatus, GetHeaders and ContentType are how huma writes a problem.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders answers the headers that belong to the problem.
func (p *Problem) GetHeaders() http.Header { return p.header }

// ContentType answers the media type of a problem.
func (p *Problem) ContentType(string) string { return problemType }

// set adds a header to the problem.
func (p *Problem) set(name, value string) {
	if p.header == nil {
		p.header = http.Header{}
	}
	p.header.Set(name, value)
}

// retryAfter advises when to come back.
func (p *Problem) retryAfter(seconds int) { p.set("Retry-After", strconv.Itoa(seconds)) }

// write answers the problem outside huma.
func (p *Problem) write(c *fiber.Ctx) error {
	for name := range p.header {
		c.Set(name, p.header.Get(name))
	}
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, problemType)
	return c.Status(p.Status).Send(append(body, '\n'))
}
