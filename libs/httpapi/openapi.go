package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tidegate-io/tidegate/libs/es"
)

// OpenAPI answers the document (OpenAPI 3.1) of what is registered, in a stable
// order. An example that its schema refuses is an error.
func (s *Server) OpenAPI() ([]byte, error) {
	if err := s.checkExamples(); err != nil {
		return nil, err
	}
	raw, err := json.Marshal(s.api.OpenAPI())
	if err != nil {
		return nil, fmt.Errorf("write the OpenAPI document: %w", err)
	}
	d, err := parseDocument(raw)
	if err != nil {
		return nil, fmt.Errorf("write the OpenAPI document: %w", err)
	}
	d.admitNull(s.api.OpenAPI().Components.Schemas)
	return write(d)
}

// admitNull says of members that are pointers to objects that they may be null.
// huma cannot: it would need a second schema. It is said here alone, for in
// huma's own form the alternatives would hide the locations of faults.
func (d *document) admitNull(registry huma.Registry) {
	for name, schema := range d.Components["schemas"] {
		shape, _ := schema.(object)
		properties, _ := shape["properties"].(object)
		t := registry.TypeFromRef(schemaPrefix + name)
		if t == nil || t.Kind() != reflect.Struct {
			continue
		}
		for _, field := range reflect.VisibleFields(t) {
			member, options, _ := strings.Cut(field.Tag.Get("json"), ",")
			property, _ := properties[member].(object)
			if field.Type.Kind() != reflect.Pointer || options != "" || property["$ref"] == nil {
				continue
			}
			property["anyOf"] = []any{object{"$ref": property["$ref"]}, object{"type": "null"}}
			delete(property, "$ref")
		}
	}
}

// outputOf answers what is to be documented of an output type.
func outputOf[O any]() reflect.Type { return reflect.TypeFor[O]() }

// describe makes huma's form of an operation.
func (s *Server) describe(op Operation, output reflect.Type) *huma.Operation {
	tag := op.Tag
	if tag == "" {
		tag = s.cfg.Service
	}
	status := op.Status
	if status == 0 {
		status = http.StatusOK
		if _, hasBody := output.FieldByName("Body"); !hasBody {
			status = http.StatusNoContent
		}
	}
	described := &huma.Operation{
		OperationID: op.ID, Method: op.Method, Path: op.Path, Summary: op.Summary, Description: op.Description,
		Tags: []string{tag}, DefaultStatus: status, MaxBodyBytes: int64(op.MaxBody) + 1, BodyReadTimeout: -1,
		Responses: map[string]*huma.Response{},
	}
	if !op.Public {
		described.Security = []map[string][]string{{bearer: {}}}
	}
	return described
}

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

// checkExamples refuses examples that the schemas refuse.
func (s *Server) checkExamples() error {
	document := s.api.OpenAPI()
	for path, item := range document.Paths {
		for _, method := range methodsOf(item) {
			op := operationOf(item, method)
			contents := []map[string]*huma.MediaType{}
			modes := []huma.ValidateMode{}
			if op.RequestBody != nil {
				contents, modes = append(contents, op.RequestBody.Content), append(modes, huma.ModeWriteToServer)
			}
			for _, response := range op.Responses {
				contents, modes = append(contents, response.Content), append(modes, huma.ModeReadFromServer)
			}
			for i, content := range contents {
				for _, media := range content {
					if err := checkExample(document.Components.Schemas, media, modes[i]); err != nil {
						return fmt.Errorf("%s %s: %w", method, path, err)
					}
				}
			}
		}
	}
	return nil
}

func checkExample(registry huma.Registry, media *huma.MediaType, mode huma.ValidateMode) error {
	if media.Example == nil || media.Schema == nil {
		return nil
	}
	raw, err := json.Marshal(media.Example)
	if err != nil {
		return fmt.Errorf("write the example: %w", err)
	}
	var value any
	if err := json.Unmarshal(raw, &value); err != nil {
		return fmt.Errorf("read the example: %w", err)
	}
	result := &huma.ValidateResult{}
	huma.Validate(registry, media.Schema, huma.NewPathBuffer(nil, 0), mode, value, result)
	for _, err := range result.Errors {
		var detail *huma.ErrorDetail
		if errors.As(err, &detail) && detail.Value == nil {
			continue // null, where admitNull says that it may be
		}
		return fmt.Errorf("the example does not fit its schema: %w", err)
	}
	return nil
}

// slots are the operations of a path, by method.
func slots(item *huma.PathItem) map[string]**huma.Operation {
	return map[string]**huma.Operation{
		http.MethodGet: &item.Get, http.MethodPut: &item.Put, http.MethodPost: &item.Post, http.MethodDelete: &item.Delete,
		http.MethodOptions: &item.Options, http.MethodHead: &item.Head, http.MethodPatch: &item.Patch, http.MethodTrace: &item.Trace,
	}
}

func operationOf(item *huma.PathItem, method string) *huma.Operation { return *slots(item)[method] }

func methodsOf(item *huma.PathItem) []string {
	var methods []string
	for method, op := range slots(item) {
		if *op != nil {
			methods = append(methods, method)
		}
	}
	slices.Sort(methods)
	return methods
}
