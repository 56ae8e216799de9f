package httpapi

import (
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tidegate-io/tidegate/libs/es"
)

// finish documents what the server adds to an operation: parameters that are
// read from headers, refusals, examples.
func (s *Server) finish(described *huma.Operation, op Operation) {
	command := op.Method != http.MethodGet
	if command && strings.Contains(op.Path, "{") && described.DefaultStatus != http.StatusCreated {
		addHeader(described, "If-Match", "Refuse with 412 unless the object is at this version.", `"3"`)
	}
	if op.Method == http.MethodPost {
		addHeader(described, idempotencyKey, "The same key, caller and body is answered as the first time, without any secret, for 24 hours.", "5f0a7c1e")
	}
	if command {
		addHeader(described, "Prefer", "wait=<seconds>, at most 30: answer when every live gateway has applied it, or the time is over.", "wait=5")
	}
	if success := described.Responses[strconv.Itoa(described.DefaultStatus)]; success != nil && command {
		answers := map[string]string{
			"Preference-Applied":   "The wait that was honoured.",
			"Tidegate-Applied":     "<gateways that applied>/<live gateways>, after a wait.",
			"Tidegate-Unconfirmed": "How many gateways fell silent without a goodbye: they may still serve.",
		}
		if op.Method == http.MethodPost {
			answers[idempotencyReplayed] = "true: this is the answer of an earlier call."
		}
		headers := map[string]*huma.Param{}
		maps.Copy(headers, success.Headers)
		for name, description := range answers {
			headers[name] = &huma.Param{Description: description, Schema: &huma.Schema{Type: huma.TypeString}}
		}
		success.Headers = headers
	}
	s.documentRefusals(described, op)
	documentExamples(described, op)
}

func addHeader(op *huma.Operation, name, description, example string) {
	op.Parameters = append(op.Parameters, &huma.Param{
		Name: name, In: "header", Description: description,
		Schema: &huma.Schema{Type: huma.TypeString, Examples: []any{example}},
	})
}

// documentRefusals puts a problem answer for each status that the operation can
// have, with an example for each code.
func (s *Server) documentRefusals(described *huma.Operation, op Operation) {
	examples := map[int][]*Problem{}
	add := func(problems ...*Problem) {
		for _, p := range problems {
			examples[p.Status] = append(examples[p.Status], p)
		}
	}
	described.Responses = maps.Clone(described.Responses)
	delete(described.Responses, "default")
	if !op.Public {
		add(translations{}.problem(ErrUnauthenticated), refused(ErrForbidden))
	}
	if strings.Contains(op.Path, "{") {
		add(translations{}.problem(es.ErrNotFound))
	}
	if op.Method != http.MethodGet {
		add(malformed("is not JSON"), newProblem(http.StatusRequestEntityTooLarge, codeTooLarge, "The body is larger than 1048576 bytes."),
			newProblem(http.StatusUnsupportedMediaType, "unsupported_media_type", "The Content-Type must be application/json."),
			translations{}.problem(es.ErrVersion), translations{}.problem(es.ErrConflict))
	}
	if op.Method == http.MethodPost {
		add(translations{}.problem(es.ErrIdempotencyInFlight), translations{}.problem(es.ErrIdempotencyMismatch))
	}
	add(Invalid("body.name", "expected to be present"), newProblem(http.StatusInternalServerError, codeInternal, "Trace id: 4bf92f3577b34da6a3ce929d0e0e4736"),
		translations{}.problem(es.ErrUnavailable))
	for _, refusal := range op.Refusals {
		if p := refused(refusal); p != nil {
			if refusal.Kind == es.Illegal && p.CurrentStatus == "" && p.Code == "illegal_transition" {
				p.CurrentStatus = "revoked"
			}
			add(p)
		}
	}
	schema := s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")
	for status, problems := range examples {
		described.Responses[strconv.Itoa(status)] = problemResponse(schema, status, problems)
	}
}

func problemResponse(schema *huma.Schema, status int, problems []*Problem) *huma.Response {
	codes := map[string]*huma.Example{}
	for _, p := range problems {
		p.RequestID = "0199f7a2-6a53-7c8e-9d07-9a1c2f0c7b11"
		if _, twice := codes[p.Code]; !twice {
			codes[p.Code] = &huma.Example{Value: p}
		}
	}
	names := slices.Sorted(maps.Keys(codes))
	return &huma.Response{
		Description: http.StatusText(status) + ": " + strings.Join(names, ", "),
		Content:     map[string]*huma.MediaType{problemType: {Schema: schema, Examples: codes}},
	}
}

func documentExamples(described *huma.Operation, op Operation) {
	if op.Body != nil && described.RequestBody != nil {
		for _, media := range described.RequestBody.Content {
			media.Example = op.Body
		}
	}
	if described.RequestBody != nil && op.Method == http.MethodPatch {
		described.RequestBody.Content[mediaPatch] = described.RequestBody.Content[mediaJSON]
	}
	if success := described.Responses[strconv.Itoa(described.DefaultStatus)]; success != nil && op.Answer != nil {
		if media := success.Content[mediaJSON]; media != nil {
			media.Example = op.Answer
		}
	}
}
