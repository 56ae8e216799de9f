package accesslog

import (
	"net/netip"
	"strconv"
	"time"
	"unicode/utf8"
)

// Entry is what is known of a call when its answer begins. What is empty is left
// out of its line.
type Entry struct {
	Time         time.Time // when the call came
	RequestID    string
	TraceID      string
	Method       string
	Host         string // in lower case, without a port
	Path         string // canonical, without the query
	Route        string // the route's prefix
	Service      string
	Consumer     string
	Credential   string // the id
	Subscription string
	Code         string // why it was refused
	Status       int
	Address      netip.Addr // the client's
}

// Outcome is what is known when the call is over.
type Outcome struct {
	Received, Sent int64 // bytes of the bodies, or through the tunnel
	Took, Upstream time.Duration
	Broken         string // by whose fault the answer is not whole
}

// Append writes the beginning of a line, which an Outcome ends.
func (e Entry) Append(b []byte) []byte {
	b = append(b, `{"time":"`...)
	b = e.Time.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
	b = append(b, '"')
	for _, member := range [...]struct{ name, value string }{
		{"request_id", e.RequestID}, {"trace_id", e.TraceID}, {"method", e.Method}, {"host", e.Host}, {"path", e.Path}, {"route", e.Route},
		{"service", e.Service}, {"consumer", e.Consumer}, {"credential", e.Credential}, {"subscription", e.Subscription}, {"code", e.Code},
	} {
		if member.value != "" {
			b = appendName(b, member.name)
			b = appendText(b, member.value)
		}
	}
	b = strconv.AppendInt(appendName(b, "status"), int64(e.Status), 10)
	if e.Address.IsValid() {
		b = append(appendName(b, "address"), '"')
		b = append(e.Address.AppendTo(b), '"')
	}
	return b
}

// Append writes the end of a line.
func (o Outcome) Append(b []byte) []byte {
	b = strconv.AppendInt(appendName(b, "bytes_in"), o.Received, 10)
	b = strconv.AppendInt(appendName(b, "bytes_out"), o.Sent, 10)
	b = appendSeconds(appendName(b, "duration_seconds"), o.Took)
	if o.Upstream > 0 {
		b = appendSeconds(appendName(b, "upstream_seconds"), o.Upstream)
	}
	if o.Broken != "" {
		b = appendText(appendName(b, "broken_by"), o.Broken)
	}
	return append(b, "}\n"...)
}

func appendName(b []byte, name string) []byte {
	b = append(b, `,"`...)
	b = append(b, name...)
	return append(b, `":`...)
}

func appendSeconds(b []byte, d time.Duration) []byte {
	return strconv.AppendFloat(b, d.Seconds(), 'f', 6, 64)
}

// appendText writes a JSON string: escaped so that a line stays one line, with
// U+FFFD for what is not UTF-8.
func appendText(b []byte, text string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for _, r := range text {
		switch {
		case r == '"', r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ', r == 0x7f:
			b = append(b, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
