package sfv

import (
	"encoding/base64"
	"strings"
)

// parser reads from left to right. Its methods answer false, or leave a value
// out, when what stands there is not what it should be.
type parser struct {
	s  string
	at int
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

// while takes characters as long as they are what they should be.
func (p *parser) while(is func(byte) bool) string {
	from := p.at
	for p.at < len(p.s) && is(p.s[p.at]) {
		p.at++
	}
	return p.s[from:p.at]
}

func (p *parser) member() (m Member, ok bool) {
	m.From = p.at
	if m.Key, ok = p.key(); !ok {
		return m, false
	}
	if !p.take('=') { // true, with parameters
		item := Item{Value: true}
		item.Params, ok = p.params()
		m.Items = []Item{item}
	} else if p.peek() == '(' {
		m.List = true
		m.Items, m.Params, ok = p.inner()
	} else {
		var item Item
		item, ok = p.item()
		m.Items = []Item{item}
	}
	m.To = p.at
	return m, ok
}

func (p *parser) inner() (items []Item, params []Param, ok bool) {
	p.at++
	for {
		if p.spaces(" "); p.take(')') {
			params, ok = p.params()
			return items, params, ok
		}
		item, ok := p.item()
		if !ok || len(items) == maxMembers || p.peek() != ' ' && p.peek() != ')' {
			return nil, nil, false
		}
		items = append(items, item)
	}
}

func (p *parser) item() (i Item, ok bool) {
	if i.Value, ok = p.value(); ok {
		i.Params, ok = p.params()
	}
	return i, ok
}

func (p *parser) params() (params []Param, ok bool) {
	for p.take(';') {
		p.spaces(" ")
		param := Param{Value: true}
		if param.Key, ok = p.key(); !ok {
			return nil, false
		}
		if p.take('=') {
			if param.Value, ok = p.value(); !ok {
				return nil, false
			}
		}
		if _, twice := Find(params, param.Key); twice || len(params) == maxMembers {
			return nil, false
		}
		params = append(params, param)
	}
	return params, true
}

func (p *parser) key() (string, bool) {
	if c := p.peek(); !lower(c) && c != '*' {
		return "", false
	}
	return p.while(func(c byte) bool { return lower(c) || digit(c) || strings.IndexByte("_-.*", c) >= 0 }), true
}

func (p *parser) value() (any, bool) {
	switch c := p.peek(); {
	case c == '"':
		return p.text()
	case c == ':':
		return p.bytes()
	case c == '?':
		p.at++
		yes := p.take('1')
		return yes, yes || p.take('0')
	case c == '-' || digit(c):
		return p.integer()
	case lower(c|0x20) || c == '*':
		return Token(p.while(tokenish)), true
	}
	return nil, false
}

func (p *parser) text() (any, bool) {
	p.at++
	var text []byte
	for p.at < len(p.s) {
		c := p.s[p.at]
		p.at++
		switch {
		case c == '"':
			return string(text), true
		case c == '\\':
			if c = p.peek(); c != '"' && c != '\\' {
				return nil, false
			}
			p.at++
		case c < ' ' || c >= 0x7f:
			return nil, false
		}
		text = append(text, c)
	}
	return nil, false
}

// bytes reads base64 that is written in its one way: with its padding, and no
// bit set that means nothing.
func (p *parser) bytes() (any, bool) {
	p.at++
	text := p.while(func(c byte) bool { return c != ':' })
	if !p.take(':') || strings.ContainsAny(text, "\r\n") {
		return nil, false
	}
	decoded, err := base64.StdEncoding.Strict().DecodeString(text)
	return decoded, err == nil
}

// integer reads up to 15 digits.
func (p *parser) integer() (any, bool) {
	negative := p.take('-')
	digits := p.while(digit)
	if len(digits) == 0 || len(digits) > 15 || p.peek() == '.' {
		return nil, false
	}
	var n int64
	for i := range len(digits) {
		n = n*10 + int64(digits[i]-'0')
	}
	if negative {
		n = -n
	}
	return n, true
}

func lower(c byte) bool { return c >= 'a' && c <= 'z' }

func digit(c byte) bool { return c >= '0' && c <= '9' }

func tokenish(c byte) bool {
	return lower(c|0x20) || digit(c) || c != 0 && strings.IndexByte("!#$%&'*+-.^_`|~:/", c) >= 0
}
