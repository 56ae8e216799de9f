package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
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
