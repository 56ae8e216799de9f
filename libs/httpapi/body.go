package httpapi

import (
	"encoding/json"
	"fmt"
	"math"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
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

// query refuses parameters that are given twice and values that no text may
// hold. Unknown parameters are huma's to refuse.
func (g *guard) query(c *fiber.Ctx) (url.Values, error) {
	query, err := url.ParseQuery(string(c.Request().URI().QueryString()))
	if err != nil {
		return nil, newProblem(http.StatusBadRequest, "malformed_query", "The query string cannot be read.", Fault{"query", "bad percent-encoding"})
	}
	var faults []Fault
	for _, param := range g.described.Parameters {
		if param.In != "query" {
			continue
		}
		values := query[param.Name]
		if len(values) > 1 && (param.Explode == nil || !*param.Explode) {
			faults = append(faults, Fault{"query." + param.Name, "expected one value"})
		}
		for _, value := range values {
			if !plain(value) {
				faults = append(faults, Fault{"query." + param.Name, notPlain})
			}
		}
	}
	if path, err := url.PathUnescape(c.Path()); err != nil || !plain(path) {
		faults = append(faults, Fault{"path", notPlain})
	}
	if len(faults) > 0 {
		return nil, newProblem(http.StatusUnprocessableEntity, codeValidation, "The input is not valid.", faults...)
	}
	return query, nil
}

const notPlain = "expected UTF-8 text without NUL characters"

func plain(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

// walker reads a JSON document along its schema.
type walker struct {
	registry huma.Registry
	decoder  *json.Decoder
	faults   []Fault
}

func newDecoder(body []byte) *json.Decoder {
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.UseNumber()
	return decoder
}

func (w *walker) document(schema *huma.Schema) error {
	return w.value("body", schema, false, 0)
}

func (w *walker) fault(location, message string) {
	const most = 50
	if len(w.faults) < most {
		w.faults = append(w.faults, Fault{location, message})
	}
}

// value reads one value. optional: its member need not be there.
func (w *walker) value(at string, schema *huma.Schema, optional bool, depth int) error {
	if depth > maxDepth {
		return malformed("is nested too deeply")
	}
	token, err := w.decoder.Token()
	if err != nil {
		return malformed("is not JSON")
	}
	if schema == nothing && token != json.Delim('{') {
		w.fault(at, "expected object") // huma judges the types of all others
	}
	referred := schema != nil && schema.Ref != ""
	schema = w.resolve(schema)
	switch t := token.(type) {
	case json.Delim:
		if t == '{' {
			return w.object(at, schema, depth)
		}
		return w.array(at, schema, depth)
	case nil:
		// A member that refers to an object may be null when it may be left out.
		if schema != nil && schema.Type != "" && !schema.Nullable && (!optional || !referred) {
			w.fault(at, "expected "+schema.Type+", not null")
		}
	case json.Number:
		w.number(at, schema, t.String())
	case string:
		w.text(at, schema, t)
	}
	return nil
}

func (w *walker) object(at string, schema *huma.Schema, depth int) error {
	seen := map[string]bool{}
	for w.decoder.More() {
		token, err := w.decoder.Token()
		if err != nil {
			return malformed("is not JSON")
		}
		name, _ := token.(string)
		here := at + "." + shown(name)
		if seen[name] {
			w.fault(here, "is there twice")
		}
		seen[name] = true
		if !plain(name) {
			w.fault(at, notPlain)
		}
		member, known, optional := w.member(schema, name)
		if !known {
			w.fault(here, "unexpected property")
		}
		if err := w.value(here, member, optional, depth+1); err != nil {
			return err
		}
	}
	return w.end()
}

// member answers the schema of a member, whether there may be such a member,
// and whether it may be left out.
func (w *walker) member(schema *huma.Schema, name string) (member *huma.Schema, known, optional bool) {
	if schema == nil || schema.Type != huma.TypeObject {
		return nil, true, true
	}
	if property := schema.Properties[name]; property != nil {
		return property, true, !slices.Contains(schema.Required, name)
	}
	switch more := schema.AdditionalProperties.(type) {
	case *huma.Schema:
		return more, true, true
	case bool:
		return nil, more, true
	}
	return nil, true, true
}

func (w *walker) array(at string, schema *huma.Schema, depth int) error {
	var items *huma.Schema
	if schema != nil {
		items = schema.Items
	}
	for i := 0; w.decoder.More(); i++ {
		if err := w.value(at+"["+strconv.Itoa(i)+"]", items, false, depth+1); err != nil {
			return err
		}
	}
	return w.end()
}

func (w *walker) end() error {
	if _, err := w.decoder.Token(); err != nil {
		return malformed("is not JSON")
	}
	return nil
}

func (w *walker) number(at string, schema *huma.Schema, literal string) {
	if value, err := strconv.ParseFloat(literal, 64); err != nil || math.IsInf(value, 0) {
		w.fault(at, "expected a number within the range of a double")
		return
	}
	if schema == nil || schema.Type != huma.TypeInteger {
		return
	}
	if _, err := strconv.ParseInt(literal, 10, 64); err != nil {
		w.fault(at, "expected integer")
	}
}

func (w *walker) text(at string, schema *huma.Schema, value string) {
	if !plain(value) {
		w.fault(at, notPlain)
	}
	if schema == nil || schema.Format != "date-time" {
		return
	}
	// Years that RFC 3339 cannot write in UTC.
	if moment, err := time.Parse(time.RFC3339, value); err == nil && (moment.UTC().Year() < 1 || moment.UTC().Year() > 9999) {
		w.fault(at, "expected a year between 0001 and 9999")
	}
}

func (w *walker) resolve(schema *huma.Schema) *huma.Schema {
	for schema != nil && schema.Ref != "" {
		schema = w.registry.SchemaFromRef(schema.Ref)
	}
	return schema
}

// shown answers a member's name as a location shows it: it came from outside.
func shown(name string) string {
	const most = 64
	if len(name) > most {
		name = strings.ToValidUTF8(name[:most], "") + "..."
	}
	return name
}
