package material

import (
	"crypto/sha256"
	"encoding"
	"hash"
)

// Keyed is HMAC-SHA256 (RFC 2104) that has read its key: what SHA-256 is after
// each of the two pads. It makes as many MACs as there are messages, at half the
// price of a short one, and is as secret as the key.
type Keyed struct{ inner, outer []byte }

// SHA256 is memory for a Keyed to work in, used again by one at a time.
type SHA256 interface {
	hash.Hash
	encoding.BinaryAppender
	encoding.BinaryUnmarshaler
}

// NewSHA256 makes it.
func NewSHA256() SHA256 { return sha256.New().(SHA256) }

// NewKeyed reads a key.
func NewKeyed(key []byte) *Keyed {
	var pad [sha256.BlockSize]byte
	if len(key) > len(pad) {
		sum := sha256.Sum256(key)
		key = sum[:]
	}
	copy(pad[:], key)
	return &Keyed{inner: after(pad, 0x36), outer: after(pad, 0x5c)}
}

// after answers the state of SHA-256 that has read a pad.
func after(pad [sha256.BlockSize]byte, with byte) []byte {
	for i := range pad {
		pad[i] ^= with
	}
	h := NewSHA256()
	_, _ = h.Write(pad[:])
	state, _ := h.AppendBinary(nil) // it has no errors
	return state
}

// Append appends the MAC of a message. It allocates nothing when there is room.
func (k *Keyed) Append(dst []byte, h SHA256, message []byte) []byte {
	from := len(dst)
	dst = sum(dst, h, k.inner, message)
	return sum(dst[:from], h, k.outer, dst[from:])
}

// sum appends the hash of what a state has read and of what follows.
func sum(dst []byte, h SHA256, state, rest []byte) []byte {
	_ = h.UnmarshalBinary(state) // it is one of ours
	_, _ = h.Write(rest)
	return h.Sum(dst)
}
