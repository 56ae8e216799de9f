package authn

import "strings"

// WithoutPairs answers a query or a Cookie value without the pairs at the given
// places, each with one separator; all else stays byte for byte. Spans are in
// order.
func WithoutPairs(value string, separator string, spans [][2]int) string {
	kept := make([]byte, 0, len(value))
	at := 0
	for _, span := range spans {
		kept = append(kept, value[at:span[0]]...)
		at = span[1]
		switch {
		case at < len(value): // the separator after it goes with it
			at++
			if separator == ";" && len(kept) == 0 {
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
