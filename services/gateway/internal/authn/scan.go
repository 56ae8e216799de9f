package authn

import (
	"net/textproto"
	"strings"

	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/services/gateway/internal/header"
)

// Hit is one value that stands where a credential may be.
type Hit struct {
	At    access.Placement
	Types access.Types // of the credentials that may be there
	Value string       // decoded, where its place encodes it
	raw   string       // likewise, with "+" as itself; differs from Value in queries alone
	// Field is the header that it stands in, and From and To where in its value;
	// for a query, where in the query.
	Field    int
	From, To int
	Holds    bool     // a secret was shown here
	labels   []string // of the signatures that hold, where a header has several
}

// maxHits bounds what one request can make the gateway verify.
const maxHits = 8

// Where a credential of a type is by default. A value there is a credential that
// is wrong, even when nobody has one there.
var (
	keyHeader  = access.Placement{In: "header", Name: "X-Api-Key"}
	authHeader = access.Placement{In: "header", Name: "Authorization"}

	keyTypes  = access.TypesOf("api_key")
	authTypes = access.TypesOf("basic", "jwt", "hmac", "oauth2")
)

// scanner finds hits, in memory of its own.
type scanner struct {
	found [maxHits]Hit
	n     int
	over  bool // there were more
}

// Hits answers the values that stand where a credential may be.
func (s *scanner) Hits() []Hit { return s.found[:s.n] }

func (s *scanner) add(h Hit) {
	if s.n == len(s.found) {
		s.over = true
		return
	}
	h.labels = s.found[s.n].labels[:0] // memory
	s.found[s.n] = h
	s.n++
}

// manyPlaces is from when on each header is looked up among the places, instead
// of each place among the headers.
const manyPlaces = 24

func (s *scanner) scan(rule *access.Snapshot, q *Request) {
	places := rule.Placements()
	headers := s.headers(places, q.Fields)
	if !headers {
		s.manyHeaders(rule, q.Fields)
	}
	var queries, cookies bool
	for i := range places {
		queries = queries || places[i].In == "query"
		cookies = cookies || places[i].In == "cookie"
	}
	if queries && q.Query != "" {
		s.query(rule, q.Query)
	}
	if cookies {
		for i, f := range q.Fields {
			if f.Is("Cookie") {
				s.cookies(rule, i, f.Value)
			}
		}
	}
}

// headers looks for each place among the headers; false: there are too many
// places for that.
func (s *scanner) headers(places []access.Place, fields []header.Field) bool {
	if len(places) > manyPlaces {
		return false
	}
	atKey, atAuth := keyTypes, authTypes
	for i := range places {
		switch p := &places[i]; {
		case p.In != "header":
		case p.Name == keyHeader.Name:
			atKey |= p.Types
		case p.Name == authHeader.Name:
			atAuth |= p.Types
		default:
			s.header(p.Placement, p.Types, fields)
		}
	}
	s.header(keyHeader, atKey, fields)
	s.header(authHeader, atAuth, fields)
	return true
}

func (s *scanner) header(at access.Placement, types access.Types, fields []header.Field) {
	for i, f := range fields {
		if f.Value != "" && f.Is(at.Name) {
			s.add(Hit{At: at, Types: types, Value: f.Value, raw: f.Value, Field: i, To: len(f.Value)})
		}
	}
}

func (s *scanner) manyHeaders(rule *access.Snapshot, fields []header.Field) {
	for i, f := range fields {
		if f.Value == "" {
			continue
		}
		at := access.Placement{In: "header", Name: textproto.CanonicalMIMEHeaderKey(f.Name)}
		types := rule.Placed(at)
		switch at {
		case keyHeader:
			types |= keyTypes
		case authHeader:
			types |= authTypes
		}
		if types != 0 {
			s.add(Hit{At: at, Types: types, Value: f.Value, raw: f.Value, Field: i, To: len(f.Value)})
		}
	}
}

// query looks at each pair of a query.
func (s *scanner) query(rule *access.Snapshot, query string) {
	for from := 0; from <= len(query); {
		to := len(query)
		if i := strings.IndexByte(query[from:], '&'); i >= 0 {
			to = from + i
		}
		name, value, _ := strings.Cut(query[from:to], "=")
		if value != "" {
			name = unescape(name, true)
			at := access.Placement{In: "query", Name: name}
			if types := rule.Placed(at); types != 0 {
				s.add(Hit{At: at, Types: types, Value: unescape(value, true), raw: unescape(value, false), Field: -1, From: from, To: to})
			}
		}
		from = to + 1
	}
}

// cookies looks at each pair of a Cookie header.
func (s *scanner) cookies(rule *access.Snapshot, field int, value string) {
	for from := 0; from <= len(value); {
		to := len(value)
		if i := strings.IndexByte(value[from:], ';'); i >= 0 {
			to = from + i
		}
		name, text, _ := strings.Cut(strings.Trim(value[from:to], " \t"), "=")
		if len(text) >= 2 && text[0] == '"' && text[len(text)-1] == '"' {
			text = text[1 : len(text)-1]
		}
		at := access.Placement{In: "cookie", Name: name}
		if text != "" {
			if types := rule.Placed(at); types != 0 {
				s.add(Hit{At: at, Types: types, Value: text, raw: text, Field: field, From: from, To: to})
			}
		}
		from = to + 1
	}
}

// unescape decodes a part of a query. Broken escapes stay as they are: the
// query is forwarded byte for byte, so all that matters is what a credential is
// read as. It allocates nothing when there is nothing to decode.
func unescape(s string, plusIsSpace bool) string {
	if strings.IndexByte(s, '%') < 0 && (!plusIsSpace || strings.IndexByte(s, '+') < 0) {
		return s
	}
	decoded := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' && i+2 < len(s) {
			if high, low := digit(s[i+1]), digit(s[i+2]); high >= 0 && low >= 0 {
				c = byte(high<<4 | low)
				i += 2
			}
		} else if c == '+' && plusIsSpace {
			c = ' '
		}
		decoded = append(decoded, c)
	}
	return string(decoded)
}

func digit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
