package httpapi

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"
)

const (
	mediaJSON  = "application/json"
	mediaPatch = "application/merge-patch+json"
	maxDepth   = 64
)

// bodyRules judge a body before huma does: its media type and size, that it is
// JSON in UTF-8 without duplicate members, and what huma lets pass (null where
// nothing may be null, integers that are none, NUL characters, times out of
// range). No message holds what was sent.
type bodyRules struct {
	registry huma.Registry
	schema   *huma.Schema // nil: the operation takes no body
	required bool
	media    []string
	limit    int
}

func newBodyRules(registry huma.Registry, op *huma.Operation, described Operation) bodyRules {
	rules := bodyRules{registry: registry, limit: described.MaxBody, media: []string{mediaJSON}}
	if described.Method == http.MethodPatch {
		rules.media = append(rules.media, mediaPatch)
	}
	if op.RequestBody != nil {
		if media := op.RequestBody.Content[mediaJSON]; media != nil {
			rules.schema, rules.required = media.Schema, op.RequestBody.Required
		}
	}
	return rules
}

// read answers a copy of the body that is fit for huma.
func (b bodyRules) read(c *fiber.Ctx) ([]byte, error) {
	if c.Method() == http.MethodGet {
		return nil, nil
	}
	body := append([]byte(nil), c.Request().Body()...) // not c.Body(): it would inflate a compressed one without bound
	if len(body) > b.limit {
		return nil, newProblem(http.StatusRequestEntityTooLarge, codeTooLarge, fmt.Sprintf("The body is larger than %d bytes.", b.limit))
	}
	if len(body) == 0 {
		if b.required {
			return nil, newProblem(http.StatusBadRequest, codeMalformed, "A JSON body is needed.", Fault{"body", "expected a JSON object"})
		}
		return body, nil
	}
	if err := b.checkMedia(c); err != nil {
		return nil, err
	}
	if !utf8.Valid(body) {
		return nil, malformed("is not UTF-8")
	}
	if !json.Valid(body) {
		return nil, malformed("is not JSON")
	}
	w := walker{registry: b.registry, decoder: newDecoder(body)}
	schema := b.schema
	if schema == nil {
		schema = nothing
	}
	if err := w.document(schema); err != nil {
		return nil, err
	}
	if len(w.faults) > 0 {
		return nil, newProblem(http.StatusUnprocessableEntity, codeValidation, "The input is not valid.", w.faults...)
	}
	// The media type is judged; this is what huma and Fiber decode by.
	c.Request().Header.SetContentType(mediaJSON)
	c.Request().Header.Del(fiber.HeaderContentEncoding)
	return body, nil
}

func (b bodyRules) checkMedia(c *fiber.Ctx) error {
	refusal := func(detail string) error {
		p := newProblem(http.StatusUnsupportedMediaType, "unsupported_media_type", detail)
		p.set("Accept-Encoding", "identity")
		p.set("Accept", strings.Join(b.media, ", "))
		if c.Method() == http.MethodPatch {
			p.set("Accept-Patch", strings.Join(b.media, ", "))
		}
		return p
	}
	for _, encoding := range headers(c, fiber.HeaderContentEncoding) {
		if !strings.EqualFold(strings.TrimSpace(encoding), "identity") {
			return refusal("A body must not be compressed.")
		}
	}
	given := headers(c, fiber.HeaderContentType)
	if len(given) == 0 || given[0] == "" {
		return nil
	}
	media, params, err := mime.ParseMediaType(given[0])
	if err != nil || len(given) > 1 {
		return refusal("The Content-Type cannot be read.")
	}
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
		return refusal("JSON is in UTF-8.")
	}
	if slices.Contains(b.media, media) {
		return nil
	}
	return refusal("The Content-Type must be " + strings.Join(b.media, " or ") + ".")
}

// nothing is the schema of an operation without a body: {} or none at all.
var nothing = &huma.Schema{Type: huma.TypeObject, AdditionalProperties: false}

func malformed(what string) *Problem {
	return newProblem(http.StatusBadRequest, codeMalformed, "The body cannot be read as JSON.", Fault{"body", what})
}
