// Package sfv reads structured fields (RFC 9651, 8941), strictly: what has two
// readings has none. It reads dictionaries, of which signatures and digests are
// made, and writes members in their one canonical form.
//
// Of types it knows strings, tokens, byte sequences, booleans, integers and inner
// lists; decimals, dates and display strings are refused, for nothing that is
// signed with has them. A name that occurs twice is refused too, where the
// standard lets the last one win.
package sfv

import (
	"encoding/base64"
	"errors"
	"strconv"
)

// Err: the value is not a structured field of the kinds that are read here.
var Err = errors.New("malformed structured field")

// Token is a bare word, such as hmac-sha256.
type Token string

// Member is one member of a dictionary.
type Member struct {
	Key string
	// Items are the value's: one for an item, all of them for an inner list.
	Items  []Item
	List   bool
	Params []Param // an inner list's
	// From and To are where it stands in the field's value.
	From, To int
}

// Item is a value with its parameters. Value is a string, Token, []byte, bool or
// int64.
type Item struct {
	Value  any
	Params []Param
}

// Param is a parameter: a name and a value.
type Param struct {
	Key   string
	Value any
}

// Find answers a parameter's value.
func Find(params []Param, key string) (value any, ok bool) {
	for _, p := range params {
		if p.Key == key {
			return p.Value, true
		}
	}
	return nil, false
}

// maxMembers bounds what one field can make its reader hold.
const maxMembers = 128

// Dictionary reads a field's value.
func Dictionary(value string) ([]Member, error) {
	p := parser{s: value}
	var members []Member
	p.spaces(" ")
	for p.at < len(p.s) {
		m, ok := p.member()
		if !ok || len(members) == maxMembers {
			return nil, Err
		}
		for _, other := range members {
			if other.Key == m.Key {
				return nil, Err
			}
		}
		members = append(members, m)
		p.spaces(" \t")
		if p.at == len(p.s) {
			break
		}
		if !p.take(',') {
			return nil, Err
		}
		if p.spaces(" \t"); p.at == len(p.s) {
			return nil, Err // a comma that nothing follows
		}
	}
	return members, nil
}

// AppendValue writes a member's value canonically.
func (m Member) AppendValue(b []byte) []byte {
	if !m.List {
		return m.Items[0].Append(b)
	}
	b = append(b, '(')
	for i, item := range m.Items {
		if i > 0 {
			b = append(b, ' ')
		}
		b = item.Append(b)
	}
	return appendParams(append(b, ')'), m.Params)
}

// Append writes an item canonically.
func (i Item) Append(b []byte) []byte { return appendParams(appendValue(b, i.Value), i.Params) }

func appendParams(b []byte, params []Param) []byte {
	for _, p := range params {
		b = append(append(b, ';'), p.Key...)
		if p.Value != true {
			b = appendValue(append(b, '='), p.Value)
		}
	}
	return b
}

func appendValue(b []byte, value any) []byte {
	switch v := value.(type) {
	case string:
		b = append(b, '"')
		for i := range len(v) {
			if v[i] == '"' || v[i] == '\\' {
				b = append(b, '\\')
			}
			b = append(b, v[i])
		}
		return append(b, '"')
	case Token:
		return append(b, v...)
	case []byte:
		b = append(b, ':')
		b = base64.StdEncoding.AppendEncode(b, v)
		return append(b, ':')
	case bool:
		if v {
			return append(b, "?1"...)
		}
		return append(b, "?0"...)
	case int64:
		return strconv.AppendInt(b, v, 10)
	}
	return b
}
