package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
)

// What is sealed: a format byte, the length of the key's id, the id, a random
// nonce of 12 bytes, ciphertext, a tag of 16 bytes. AES-256-GCM; the head and
// the caller's aad are authenticated too. Random nonces make a key good for 2^32
// seals: rotate it long before.
const (
	sealFormat = 1
	maxKeyID   = 64
)

// Seal encrypts plain under the active sealing key. aad names what it is and
// whose ("proof/cred_x.1"): only the same aad opens it, so that sealed bytes
// cannot be moved from one place to another.
func (r *Ring) Seal(aad string, plain []byte) ([]byte, error) {
	k := r.keys.Load()
	id := k.seal.ID
	aead := k.ciphers[id]
	sealed := make([]byte, 0, 2+len(id)+len(plain)+aead.Overhead())
	sealed = append(sealed, sealFormat, byte(len(id)))
	sealed = append(sealed, id...)
	return aead.Seal(sealed, nil, plain, bind(sealed, aad)), nil
}

// Open decrypts what was sealed with the same aad under any key of the ring.
// Errors wrap ErrUnknownKey or ErrSealed.
func (r *Ring) Open(aad string, sealed []byte) ([]byte, error) {
	id, rest, err := split(sealed)
	if err != nil {
		return nil, err
	}
	aead, ok := r.keys.Load().ciphers[id]
	if !ok {
		return nil, fmt.Errorf("%w: %q", ErrUnknownKey, id)
	}
	plain, err := aead.Open(nil, nil, rest, bind(sealed[:2+len(id)], aad))
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}

// SealedUnder answers the id of the key under which bytes are sealed, so that a
// rotation finds what it must seal again. Errors wrap ErrSealed.
func SealedUnder(sealed []byte) (string, error) {
	id, _, err := split(sealed)
	return id, err
}

func split(sealed []byte) (id string, rest []byte, err error) {
	if len(sealed) < 2 || sealed[0] != sealFormat {
		return "", nil, ErrSealed
	}
	end := 2 + int(sealed[1])
	if sealed[1] == 0 || sealed[1] > maxKeyID || len(sealed) < end {
		return "", nil, ErrSealed
	}
	return string(sealed[2:end]), sealed[end:], nil
}

// bind joins head and aad unambiguously: the head says its own length.
func bind(head []byte, aad string) []byte {
	return append(append(make([]byte, 0, len(head)+len(aad)), head...), aad...)
}

func newCipher(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err == nil {
		var aead cipher.AEAD
		if aead, err = cipher.NewGCMWithRandomNonce(block); err == nil {
			return aead
		}
	}
	panic("secret: a key that was validated makes no cipher: " + err.Error())
}
