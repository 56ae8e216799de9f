package authn

import (
	"encoding/json"
	"errors"
	"strings"
	"unsafe"

	"github.com/tidegate-io/tidegate/libs/access"
)

// KeyBodyLimit is how large a body may be that a credential is looked for in.
const KeyBodyLimit = 64 << 10

// body looks for credentials in the body. It is read only when somebody's
// credential of an accepted type is placed in a body, nothing else in the request
// authenticates, and the body is a form or JSON of a size that could hold one;
// all others stream on. A body that announces no size is read up to the limit,
// and what was read goes on with the rest.
//
// A field that is there twice holds nothing, and is credential_invalid.
func (v *Verifier) body(accepted access.Types, found *Identity) {
	i, q := found, &found.request
	if i.Credential != nil || i.attempt.more || i.over || i.refused != access.Allowed || q.Body == nil {
		return
	}
	placed := false
	for _, place := range i.attempt.State.Rule.Placements() {
		placed = placed || place.In == "body" && place.Types&accepted != 0
	}
	if !placed {
		return
	}
	find := finder(q)
	if find == nil {
		return
	}
	content, err := q.Body.Whole(KeyBodyLimit)
	switch {
	case errors.Is(err, ErrBodyTooLarge):
		return
	case err != nil:
		i.refused = refusal(err)
		return
	}
	before := i.n
	find(unsafe.String(unsafe.SliceData(content), len(content)), func(field bodyField) {
		at := access.Placement{In: "body", Name: field.name}
		if types := i.attempt.State.Rule.Placed(at); types != 0 {
			i.add(Hit{At: at, Types: types, Value: field.value, raw: field.raw, Field: -1, From: field.from, To: field.to})
		}
	})
	if i.over {
		return
	}
	hits := i.Hits()[before:]
	for n := range hits {
		if hits[n].Value != "" && !twice(hits, n) {
			v.try(accepted, found, hits[n:n+1])
		}
	}
}

// twice says whether another hit is at the same place as the nth.
func twice(hits []Hit, n int) bool {
	for m := range hits {
		if m != n && hits[m].At == hits[n].At {
			return true
		}
	}
	return false
}

// finder answers what finds fields in a body of the request's media type; nil:
// there is none to be looked at.
func finder(q *Request) func(content string, found func(bodyField)) {
	kind, n := q.Field("Content-Type")
	if _, encoded := q.Field("Content-Encoding"); n != 1 || encoded > 0 {
		return nil
	}
	kind, _, _ = strings.Cut(kind, ";")
	switch kind = strings.Trim(kind, " \t"); {
	case strings.EqualFold(kind, "application/x-www-form-urlencoded"):
		return formFields
	case strings.EqualFold(kind, "application/json"):
		return jsonFields
	}
	return nil
}

// bodyField is a field of a body: its value, decoded (raw: with "+" as itself),
// and what is to be cut out to be rid of it. A value that is no text is empty.
type bodyField struct {
	name, value, raw string
	from, to         int
}

// formFields finds the fields of a form, by their pairs.
func formFields(content string, found func(bodyField)) {
	for from := 0; from <= len(content); {
		to := len(content)
		if i := strings.IndexByte(content[from:], '&'); i >= 0 {
			to = from + i
		}
		if name, value, _ := strings.Cut(content[from:to], "="); to > from {
			found(bodyField{unescape(name, true), unescape(value, true), unescape(value, false), from, to})
		}
		from = to + 1
	}
}

// jsonFields finds the members of a JSON object. What is cut out with a member is
// the space and the comma up to the next one, or, for the last, from the comma
// before it on: so that the rest is the same object without it.
func jsonFields(content string, found func(bodyField)) {
	if !json.Valid(unsafe.Slice(unsafe.StringData(content), len(content))) {
		return
	}
	at := skipSpace(content, 0)
	if content[at] != '{' {
		return
	}
	comma := -1 // before the member
	for at = skipSpace(content, at+1); content[at] != '}'; {
		field := bodyField{from: at}
		end := skipValue(content, at)
		field.name = jsonText(content[at:end])
		at = skipSpace(content, skipSpace(content, end)+1) // behind the colon
		field.to = skipValue(content, at)
		if content[at] == '"' {
			field.value = jsonText(content[at:field.to])
			field.raw = field.value
		}
		end = skipSpace(content, field.to)
		last := content[end] == '}'
		if at = end; !last {
			at = skipSpace(content, end+1)
			field.to = at
		} else if comma >= 0 {
			field.from = comma
		}
		comma = end
		found(field)
	}
}

// skipSpace and skipValue answer where what stands at a place of valid JSON ends.
func skipSpace(s string, at int) int {
	for at < len(s) && (s[at] == ' ' || s[at] == '\t' || s[at] == '\n' || s[at] == '\r') {
		at++
	}
	return at
}

func skipValue(s string, at int) int {
	depth := 0
	for ; at < len(s); at++ {
		switch s[at] {
		case '"':
			for at++; s[at] != '"'; at++ {
				if s[at] == '\\' {
					at++
				}
			}
			if depth == 0 {
				return at + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return at
			}
			if depth--; depth == 0 {
				return at + 1
			}
		case ',', ':', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return at
			}
		}
	}
	return at
}

// jsonText reads a valid JSON string.
func jsonText(quoted string) string {
	if strings.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	var text string
	if json.Unmarshal([]byte(quoted), &text) != nil {
		return ""
	}
	return text
}
