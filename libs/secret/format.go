package secret

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/big"
	"strings"
	"unsafe"
)

// Kind is the prefix of a generated secret: it says what was lost when one is
// found in the wrong place.
type Kind string

// The kinds of generated secrets.
const (
	APIKey       Kind = "tg_k_"
	Password     Kind = "tg_p_"
	Secret       Kind = "tg_s_"
	ClientSecret Kind = "tg_c_"
)

// A generated secret is its prefix, 256 random bits in 43 characters of base62,
// left-padded with 0, and the CRC-32 (IEEE) of all that in 6 more.
const (
	alphabet   = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" // ascending, in ASCII too
	prefixSize = 5
	bodySize   = 43
	sumSize    = 6
	size       = prefixSize + bodySize + sumSize
	// largest is 2^256-1: 43 characters could say a little more.
	largest = "yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1"
)

// Generate makes a secret of 256 random bits.
func Generate(kind Kind) string { return format(kind, random(keySize)) }

func format(kind Kind, bits []byte) string {
	head := string(kind) + base62(bits, bodySize)
	var sum [4]byte
	binary.BigEndian.PutUint32(sum[:], crc(head))
	return head + base62(sum[:], sumSize)
}

// base62 writes a big-endian number in width characters.
func base62(number []byte, width int) string {
	text := make([]byte, width)
	rest, base, digit := new(big.Int).SetBytes(number), big.NewInt(int64(len(alphabet))), new(big.Int)
	for i := width - 1; i >= 0; i-- {
		rest.DivMod(rest, base, digit)
		text[i] = alphabet[digit.Int64()]
	}
	return string(text)
}

// KindOf answers the kind that a string claims to be by its prefix.
func KindOf(s string) (Kind, bool) {
	if len(s) >= prefixSize {
		switch kind := Kind(s[:prefixSize]); kind {
		case APIKey, Password, Secret, ClientSecret:
			return kind, true
		}
	}
	return "", false
}

// Check says whether a string is a generated secret without a typing error: a
// known prefix, the shape and the checksum. It says nothing about whether
// anybody was given it. It allocates nothing when it finds no fault. Errors wrap
// ErrFormat.
func Check(s string) error {
	if _, ok := KindOf(s); !ok {
		return fmt.Errorf("%w: no known prefix", ErrFormat)
	}
	if len(s) != size {
		return fmt.Errorf("%w: %d characters instead of %d", ErrFormat, len(s), size)
	}
	for i := prefixSize; i < size; i++ {
		if value(s[i]) < 0 {
			return fmt.Errorf("%w: a character outside 0-9A-Za-z", ErrFormat)
		}
	}
	head, tail := s[:prefixSize+bodySize], s[prefixSize+bodySize:]
	if head[prefixSize:] > largest {
		return fmt.Errorf("%w: more than 256 bits", ErrFormat)
	}
	var sum uint64
	for i := range len(tail) {
		sum = sum*uint64(len(alphabet)) + uint64(value(tail[i]))
	}
	if sum != uint64(crc(head)) {
		return fmt.Errorf("%w: wrong checksum", ErrFormat)
	}
	return nil
}

// values are the digits' values; of what is no digit, -1.
var values = func() (v [256]int8) {
	for c := range v {
		v[c] = int8(strings.IndexByte(alphabet, byte(c)))
	}
	return v
}()

func value(c byte) int { return int(values[c]) }

// crc is crc32.ChecksumIEEE of a string, which it only reads.
func crc(s string) uint32 { return crc32.ChecksumIEEE(unsafe.Slice(unsafe.StringData(s), len(s))) }

// Hint answers what people may see of a key: of a generated one its kind and
// four characters at each end ("tg_k_ab12...Zx9Q"), of another at most a
// quarter, and at most eight characters. A chosen password has no hint: do not
// ask for one.
func Hint(s string) string {
	if Check(s) == nil {
		return s[:prefixSize+4] + "..." + s[size-4:]
	}
	runes := []rune(strings.ToValidUTF8(s, "?"))
	each := min(len(runes)/8, 4)
	return string(runes[:each]) + "..." + string(runes[len(runes)-each:])
}
