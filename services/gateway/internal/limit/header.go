package limit

import (
	"strconv"
	"time"
)

// AppendPolicy writes the value of RateLimit-Policy: "consumer";q=100;w=60.
// Source: draft-ietf-httpapi-ratelimit-headers.
func (r Result) AppendPolicy(dst []byte) []byte {
	for i, s := range r.Standings {
		dst = s.name(dst, i)
		dst = strconv.AppendInt(append(dst, ";q="...), s.Limit, 10)
		dst = strconv.AppendInt(append(dst, ";w="...), Seconds(s.Window), 10)
	}
	return dst
}

// AppendRemaining writes the value of RateLimit: "consumer";r=12;t=8, where t is
// the seconds until the whole limit is there again.
func (r Result) AppendRemaining(dst []byte) []byte {
	for i, s := range r.Standings {
		dst = s.name(dst, i)
		dst = strconv.AppendInt(append(dst, ";r="...), s.Remaining, 10)
		dst = strconv.AppendInt(append(dst, ";t="...), Seconds(s.Reset), 10)
	}
	return dst
}

func (s Standing) name(dst []byte, i int) []byte {
	if i > 0 {
		dst = append(dst, ", "...)
	}
	return append(append(append(dst, '"'), s.Policy...), '"')
}

// Seconds rounds up: who waits that long is not too early.
func Seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }
