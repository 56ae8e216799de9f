package authn

import (
	"slices"
	"strings"

	"github.com/tidegate-io/tidegate/services/gateway/internal/header"
	"github.com/tidegate-io/tidegate/services/gateway/internal/sfv"
)

// Hidden is what of a request's credentials is to be taken out before it goes
// upstream. Exactly that goes, with one separator; all else stays byte for byte.
// Without any hits it takes nothing out.
type Hidden []Hit

// Query answers a query without the pairs that hold.
func (h Hidden) Query(query string) string {
	return without(query, "&", h.spans("query", -1))
}

// Field answers the value of the ith header without the credential; false:
// nothing is left of it.
func (h Hidden) Field(i int, f header.Field) (value string, keep bool) {
	value = f.Value
	for _, hit := range h {
		switch {
		case !hit.Holds:
		case len(hit.labels) > 0:
			if hit.Field == i || f.Is(inputHeader) {
				value = withoutMembers(value, hit.labels)
			}
		case hit.At.In == "header" && hit.Field == i:
			return "", false
		}
	}
	value = without(value, ";", h.spans("cookie", i))
	return value, value != "" || f.Value == ""
}

// Body takes the fields that hold out of a body, in place.
func (h Hidden) Body(content []byte) []byte {
	for _, hit := range slices.Backward(h) {
		if !hit.Holds || hit.At.In != "body" {
			continue
		}
		from, to := hit.From, hit.To
		switch { // a pair of a form leaves its separator behind; a JSON member has it
		case len(content) > 0 && to < len(content) && content[to] == '&':
			to++
		case from > 0 && content[from-1] == '&':
			from--
		}
		content = append(content[:from], content[to:]...)
	}
	return content
}

func (h Hidden) spans(in string, field int) (spans [][2]int) {
	for _, hit := range h {
		if hit.Holds && hit.At.In == in && hit.Field == field {
			spans = append(spans, [2]int{hit.From, hit.To})
		}
	}
	return spans
}

// without answers a list without what stands at the given places, each with one
// separator. Spans are in order.
func without(value, separator string, spans [][2]int) string {
	if len(spans) == 0 {
		return value
	}
	kept := make([]byte, 0, len(value))
	at := 0
	for _, span := range spans {
		kept = append(kept, value[at:span[0]]...)
		at = span[1]
		switch {
		case at < len(value): // the separator after it goes with it
			at++
			if separator != "&" && len(kept) == 0 {
				for at < len(value) && value[at] == ' ' {
					at++
				}
			}
		case len(kept) > 0: // it was the last: the one before it goes
			kept = []byte(strings.TrimSuffix(string(kept), separator))
		}
	}
	return string(append(kept, value[at:]...))
}

// withoutMembers answers a dictionary without some members.
func withoutMembers(value string, labels []string) string {
	var d sfv.Dictionary
	if d.Read(value) != nil {
		return value
	}
	var spans [][2]int
	for _, m := range d.Members {
		for _, label := range labels {
			if m.Key != label {
				continue
			}
			for m.From > 0 && value[m.From-1] != ',' { // with the space around it
				m.From--
			}
			for m.To < len(value) && value[m.To] != ',' {
				m.To++
			}
			spans = append(spans, [2]int{m.From, m.To})
		}
	}
	return without(value, ",", spans)
}
