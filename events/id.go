package events

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// NewID answers a UUIDv7 (RFC 9562): 48 bits of the given time in
// milliseconds, the rest random. Ids of later milliseconds sort later; within
// one millisecond their order says nothing.
func NewID(at time.Time) string {
	var u [16]byte
	_, _ = rand.Read(u[6:]) // never fails: it crashes the program instead
	var stamp [8]byte
	binary.BigEndian.PutUint64(stamp[:], uint64(at.UnixMilli()))
	copy(u[:6], stamp[2:])
	u[6] = u[6]&0x0f | 0x70
	u[8] = u[8]&0x3f | 0x80

	var text [36]byte
	hex.Encode(text[0:8], u[0:4])
	hex.Encode(text[9:13], u[4:6])
	hex.Encode(text[14:18], u[6:8])
	hex.Encode(text[19:23], u[8:10])
	hex.Encode(text[24:36], u[10:16])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:])
}
