package es

import (
	"encoding/hex"
	"math/big"
	"strings"
	"time"

	"github.com/tidegate-io/tidegate/events"
)

// crockford is the lower-case base32 alphabet of TypeID: no i, l, o, u.
const crockford = "0123456789abcdefghjkmnpqrstvwxyz"

// NewTypeID answers prefix and a UUIDv7 of the given time in 26 characters of
// base32, such as "sub_01h455vb4pex5vsknk084sn02q". Ids of later milliseconds
// sort later. Source: the TypeID specification, version 0.3.
func NewTypeID(prefix string, at time.Time) string {
	raw, _ := hex.DecodeString(strings.ReplaceAll(events.NewID(at), "-", "")) // its own text is hexadecimal
	rest := new(big.Int).SetBytes(raw)
	var text [26]byte
	base, digit := big.NewInt(32), new(big.Int)
	for i := len(text) - 1; i >= 0; i-- {
		rest.DivMod(rest, base, digit)
		text[i] = crockford[digit.Int64()]
	}
	return prefix + "_" + string(text[:])
}
