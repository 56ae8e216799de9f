package authn

import "github.com/tidegate-io/tidegate/services/gateway/internal/sfv"

// SignatureBase is appendBase of a Signature-Input's value, for https.
func SignatureBase(q *Request, input string) (string, bool) {
	var d sfv.Dictionary
	if d.Read("sig="+input) != nil || len(d.Members) != 1 || !d.Members[0].List {
		return "", false
	}
	base, ok := appendBase(nil, partsOf(q, false), &d.Members[0])
	return string(base), ok
}

// BodyField is a field that was found in a body.
type BodyField struct {
	Name, Value string
	From, To    int
}

// Fields answers the fields of a body, of a form or of JSON.
func Fields(form bool, content string) (fields []BodyField) {
	find := jsonFields
	if form {
		find = formFields
	}
	find(content, func(f bodyField) { fields = append(fields, BodyField{f.name, f.value, f.from, f.to}) })
	return fields
}

// Without takes one of them out of a copy of the body.
func Without(content string, f BodyField) string {
	hidden := Hidden{{Holds: true, From: f.From, To: f.To}}
	hidden[0].At.In = "body"
	return string(hidden.Body([]byte(content)))
}

// The dates of signatures.
var (
	DateOfAKSK = dateOfAKSK
	DateOfHTTP = dateOfHTTP
	Fixdate    = fixdate
)

// SmallReplays is NewReplays with fewer places in each of the 64 shards.
func SmallReplays(places int) *Replays { return &Replays{most: places} }
