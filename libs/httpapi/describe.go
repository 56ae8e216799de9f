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
// have, with an example for each code. What every operation of its kind has in
// common stands once, among the components.
func (s *Server) documentRefusals(described *huma.Operation, op Operation) {
	common, own := map[int][]*Problem{}, map[int][]*Problem{}
	for _, p := range usual(op) {
		common[p.Status] = append(common[p.Status], p)
	}
	for _, refusal := range op.Refusals {
		p := refused(refusal)
		if p == nil || slices.ContainsFunc(common[p.Status], func(c *Problem) bool { return c.Code == p.Code }) {
			continue
		}
		if p.Code == "illegal_transition" && p.CurrentStatus == "" {
			p.CurrentStatus = "revoked"
		}
		own[p.Status] = append(own[p.Status], p)
	}
	components := s.api.OpenAPI().Components
	schema := components.Schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")
	if components.Responses == nil {
		components.Responses = map[string]*huma.Response{}
	}
	described.Responses = maps.Clone(described.Responses)
	delete(described.Responses, "default")
	for status, problems := range common {
		name, response := problemResponse(schema, status, problems)
		components.Responses[name] = response
		described.Responses[strconv.Itoa(status)] = &huma.Response{Ref: "#/components/responses/" + name}
	}
	for status, problems := range own {
		_, response := problemResponse(schema, status, append(problems, common[status]...))
		described.Responses[strconv.Itoa(status)] = response
	}
}

// usual answers what every operation of a kind may refuse with.
func usual(op Operation) []*Problem {
	var none translations
	problems := []*Problem{
		newProblem(http.StatusBadRequest, "malformed_query", "The query string cannot be read.", Fault{"query", "bad percent-encoding"}),
		Invalid("body.name", "expected to be present"),
		newProblem(http.StatusInternalServerError, codeInternal, "Trace id: 4bf92f3577b34da6a3ce929d0e0e4736"),
		none.problem(es.ErrUnavailable),
	}
	if !op.Public {
		problems = append(problems, none.problem(ErrUnauthenticated), none.problem(ErrForbidden))
	}
	if strings.Contains(op.Path, "{") {
		problems = append(problems, none.problem(es.ErrNotFound))
	}
	if op.Method != http.MethodGet {
		problems = append(problems, malformed("is not JSON"), malformedIfMatch(),
			newProblem(http.StatusRequestEntityTooLarge, codeTooLarge, "The body is larger than 1048576 bytes."),
			newProblem(http.StatusUnsupportedMediaType, "unsupported_media_type", "The Content-Type must be application/json."),
			none.problem(es.ErrVersion), none.problem(es.ErrConflict))
	}
	if op.Method == http.MethodPost {
		problems = append(problems, none.problem(es.ErrIdempotencyInFlight), none.problem(es.ErrIdempotencyMismatch))
	}
	return problems
}

// problemResponse answers a documented answer, and a name that says its codes:
// "ConflictIdempotencyInFlight".
func problemResponse(schema *huma.Schema, status int, problems []*Problem) (name string, response *huma.Response) {
	codes := map[string]*huma.Example{}
	for _, p := range problems {
		p.RequestID = "0199f7a2-6a53-7c8e-9d07-9a1c2f0c7b11"
		codes[p.Code] = &huma.Example{Value: p}
	}
	names := slices.Sorted(maps.Keys(codes))
	for _, code := range names {
		for word := range strings.SplitSeq(code, "_") {
			name += strings.ToUpper(word[:1]) + word[1:]
		}
	}
	return name, &huma.Response{
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
