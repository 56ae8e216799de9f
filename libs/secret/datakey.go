package secret

import "crypto/cipher"

// DataKey is the key of one subject's personal data. Whoever destroys it has
// erased the data from every copy of the log, backups included.
//
//	key := secret.NewDataKey()
//	kept, err := ring.SealDataKey(consumerID, key)  // -> es.Material.Kept
//	sealed := key.Seal("contact", plain)            // -> the event
type DataKey struct{ key [keySize]byte }

const dataKeyAAD = "data-key/"

// NewDataKey makes a fresh key.
func NewDataKey() DataKey { return DataKey{key: [keySize]byte(random(keySize))} }

// Seal encrypts plain. aad names the field: only the same aad opens it.
func (k DataKey) Seal(aad string, plain []byte) []byte {
	return k.cipher().Seal([]byte{sealFormat}, nil, plain, []byte(aad))
}

// Open decrypts what Seal made with the same key and aad. Errors wrap ErrSealed.
func (k DataKey) Open(aad string, sealed []byte) ([]byte, error) {
	if len(sealed) < 1 || sealed[0] != sealFormat {
		return nil, ErrSealed
	}
	plain, err := k.cipher().Open(nil, nil, sealed[1:], []byte(aad))
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}

func (k DataKey) cipher() cipher.AEAD { return newCipher(k.key[:]) }

// SealDataKey seals a subject's key for keeping.
func (r *Ring) SealDataKey(subject string, k DataKey) ([]byte, error) {
	return r.Seal(dataKeyAAD+subject, k.key[:])
}

// OpenDataKey opens the key that was sealed for the same subject. Errors wrap
// ErrUnknownKey or ErrSealed.
func (r *Ring) OpenDataKey(subject string, sealed []byte) (DataKey, error) {
	plain, err := r.Open(dataKeyAAD+subject, sealed)
	if err != nil {
		return DataKey{}, err
	}
	if len(plain) != keySize {
		return DataKey{}, ErrSealed
	}
	return DataKey{key: [keySize]byte(plain)}, nil
}
