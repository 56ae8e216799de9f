package sfv

import (
	"encoding/base64"
	"strings"
	"unsafe"
)

// parser reads from left to right. Its methods answer false, or leave a value
// out, when what stands there is not what it should be.
type parser struct {
	s  string
	at int
	to *Dictionary
}

func (p *parser) peek() byte {
	if p.at < len(p.s) {
		return p.s[p.at]
	}
	return 0
}

func (p *parser) take(c byte) bool {
	if p.peek() != c || p.at == len(p.s) {
		return false
	}
	p.at++
	return true
}

func (p *parser) spaces(which string) {
	for p.at < len(p.s) && strings.IndexByte(which, p.s[p.at]) >= 0 {
		p.at++
	}
}

// class is what characters are good for.
type class uint8

const (
	ofKey class = 1 << iota
	ofToken
	ofInteger
)

var classes = func() (t [256]class) {
	mark := func(c class, text string) {
		for i := range len(text) {
			t[text[i]] |= c
		}
	}
	const lower, digits = "abcdefghijklmnopqrstuvwxyz", "0123456789"
	mark(ofKey, lower+digits+"_-.*")
	mark(ofToken, lower+strings.ToUpper(lower)+digits+"!#$%&'*+-.^_`|~:/")
	mark(ofInteger, digits)
	return t
}()

// while takes characters as long as they are of a class.
func (p *parser) while(of class) string {
	from := p.at
	for p.at < len(p.s) && classes[p.s[p.at]]&of != 0 {
		p.at++
	}
	return p.s[from:p.at]
}

func (p *parser) member() (m Member, ok bool) {
	m.From = p.at
	if m.Key, ok = p.key(); !ok {
		return m, false
	}
	from := len(p.to.items)
	if valued := p.take('='); valued && p.peek() == '(' {
		m.List = true
		m.Params, ok = p.inner()
	} else {
		ok = p.item(valued)
	}
	m.Items, m.To = p.to.items[from:], p.at
	return m, ok
}

func (p *parser) inner() (params []Param, ok bool) {
	p.at++
	for {
		if p.spaces(" "); p.take(')') {
			return p.params()
		}
		if !p.item(true) || p.peek() != ' ' && p.peek() != ')' {
			return nil, false
		}
	}
}

// item reads an item; without a value it is true.
func (p *parser) item(valued bool) (ok bool) {
	i := Item{Value: yes}
	if valued {
		ok = p.value(&i.Value)
	}
	if valued && !ok || len(p.to.items) == maxParts {
		return false
	}
	i.Params, ok = p.params()
	p.to.items = append(p.to.items, i)
	return ok
}

func (p *parser) params() (params []Param, ok bool) {
	from := len(p.to.params)
	for p.take(';') {
		p.spaces(" ")
		param := Param{Value: yes}
		if param.Key, ok = p.key(); !ok || p.take('=') && !p.value(&param.Value) {
			return nil, false
		}
		if Find(p.to.params[from:], param.Key) != nil || len(p.to.params) == maxParts {
			return nil, false
		}
		p.to.params = append(p.to.params, param)
	}
	return p.to.params[from:], true
}

func (p *parser) key() (string, bool) {
	if c := p.peek(); (c < 'a' || c > 'z') && c != '*' {
		return "", false
	}
	return p.while(ofKey), true
}

// yes is what stands for itself.
var yes = Value{Kind: Boolean, Integer: 1, source: "?1"}

func (p *parser) value(v *Value) (ok bool) {
	from := p.at
	*v = Value{}
	switch c := p.peek(); {
	case c == '"':
		ok = p.text(v)
	case c == ':':
		ok = p.bytes(v)
	case c == '?':
		ok = p.boolean(v)
	case c == '-' || classes[c]&ofInteger != 0:
		ok = p.integer(v)
	case c|0x20 >= 'a' && c|0x20 <= 'z' || c == '*':
		v.Kind, v.Text, ok = Token, p.while(ofToken), true
	}
	v.source = p.s[from:p.at]
	return ok
}

func (p *parser) text(v *Value) bool {
	p.at++
	from, escapes := p.at, 0
	for ; p.at < len(p.s); p.at++ {
		switch c := p.s[p.at]; {
		case c == '"':
			v.Kind, v.Text = String, p.s[from:p.at]
			if escapes > 0 {
				v.Text = unescaped(v.Text, escapes)
			}
			p.at++
			return true
		case c == '\\':
			p.at++
			if c = p.peek(); c != '"' && c != '\\' {
				return false
			}
			escapes++
		case c < ' ' || c >= 0x7f:
			return false
		}
	}
	return false
}

func unescaped(text string, escapes int) string {
	b := make([]byte, 0, len(text)-escapes)
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' {
			i++
		}
		b = append(b, text[i])
	}
	return string(b)
}

// strict is base64 that is written in its one way: with its padding, and no bit
// set that means nothing.
var strict = base64.StdEncoding.Strict()

func (p *parser) bytes(v *Value) bool {
	p.at++
	end := strings.IndexByte(p.s[p.at:], ':')
	if end < 0 {
		return false
	}
	text := p.s[p.at : p.at+end]
	p.at += end + 1
	if strings.ContainsAny(text, "\r\n") { // which the decoder passes over
		return false
	}
	from := len(p.to.decoded)
	decoded, err := strict.AppendDecode(p.to.decoded, unsafe.Slice(unsafe.StringData(text), len(text)))
	p.to.decoded = decoded
	v.Kind, v.Bytes = Bytes, decoded[from:]
	return err == nil
}

func (p *parser) boolean(v *Value) bool {
	p.at++
	v.Kind = Boolean
	if p.take('1') {
		v.Integer = 1
		return true
	}
	return p.take('0')
}

// integer reads up to 15 digits.
func (p *parser) integer(v *Value) bool {
	negative := p.take('-')
	digits := p.while(ofInteger)
	if len(digits) == 0 || len(digits) > 15 || p.peek() == '.' {
		return false
	}
	v.Kind = Integer
	for i := range len(digits) {
		v.Integer = v.Integer*10 + int64(digits[i]-'0')
	}
	if negative {
		v.Integer = -v.Integer
	}
	return true
}
