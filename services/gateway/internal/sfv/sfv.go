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
	"errors"
	"strconv"
)

// Err: the value is not a structured field of the kinds that are read here.
var Err = errors.New("malformed structured field")

// Dictionary is what was read of a field, in memory that is used again: what it
// holds is good until it is read into once more, and aliases the field's value.
type Dictionary struct {
	Members []Member
	items   []Item
	params  []Param
	decoded []byte
}

// Member is one member of a dictionary.
type Member struct {
	Key string
	// Items are the value's: one for an item, all of them for an inner list.
	Items  []Item
	List   bool
	Params []Param // an inner list's
	// From and To are where it stands in its line of the field.
	From, To int
}

// Item is a value with its parameters.
type Item struct {
	Value
	Params []Param
}

// Param is a parameter: a name and a value.
type Param struct {
	Key string
	Value
}

// Kind is the type of a value.
type Kind uint8

// The kinds.
const (
	None Kind = iota
	String
	Token
	Bytes
	Boolean
	Integer
)

// Value is a bare item.
type Value struct {
	Kind    Kind
	Text    string // what a string says, and a token
	Bytes   []byte
	Integer int64  // 1 of a boolean that is true
	source  string // as it stands there, which is canonical but for an integer
}

// Is says whether a value is a string with a text.
func (v *Value) Is(text string) bool { return v.Kind == String && v.Text == text }

// Find answers a parameter's value; nil: it is not there.
func Find(params []Param, key string) *Value {
	for i := range params {
		if params[i].Key == key {
			return &params[i].Value
		}
	}
	return nil
}

// What one field can make its reader hold: members, and items and parameters in
// all of them.
const (
	maxMembers = 128
	maxParts   = 512
)

// Reset forgets everything.
func (d *Dictionary) Reset() {
	d.Members, d.items, d.params, d.decoded = d.Members[:0], d.items[:0], d.params[:0], d.decoded[:0]
}

// Find answers a member; nil: it is not there.
func (d *Dictionary) Find(key string) *Member {
	for i := range d.Members {
		if d.Members[i].Key == key {
			return &d.Members[i]
		}
	}
	return nil
}

// Read reads one more line of the field; each must be a dictionary by itself. It
// allocates nothing when there is memory, but for a string with escapes. After an
// error nothing of the dictionary counts.
func (d *Dictionary) Read(line string) error {
	p := parser{s: line, to: d}
	p.spaces(" ")
	for p.at < len(p.s) {
		m, ok := p.member()
		if !ok || len(d.Members) == maxMembers || d.Find(m.Key) != nil {
			return Err
		}
		d.Members = append(d.Members, m)
		p.spaces(" \t")
		if p.at == len(p.s) {
			break
		}
		if !p.take(',') {
			return Err
		}
		if p.spaces(" \t"); p.at == len(p.s) {
			return Err // a comma that nothing follows
		}
	}
	return nil
}

// AppendValue writes a member's value canonically.
func (m *Member) AppendValue(b []byte) []byte {
	if !m.List {
		return m.Items[0].Append(b)
	}
	b = append(b, '(')
	for i := range m.Items {
		if i > 0 {
			b = append(b, ' ')
		}
		b = m.Items[i].Append(b)
	}
	return appendParams(append(b, ')'), m.Params)
}

// Append writes an item canonically.
func (i *Item) Append(b []byte) []byte { return appendParams(i.append(b), i.Params) }

func appendParams(b []byte, params []Param) []byte {
	for i := range params {
		p := &params[i]
		b = append(append(b, ';'), p.Key...)
		if p.Kind != Boolean || p.Integer == 0 {
			b = p.append(append(b, '='))
		}
	}
	return b
}

func (v *Value) append(b []byte) []byte {
	if v.Kind == Integer {
		return strconv.AppendInt(b, v.Integer, 10)
	}
	return append(b, v.source...)
}
