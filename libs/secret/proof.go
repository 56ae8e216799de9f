package secret

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"fmt"
)

// Proof is what a gateway needs to verify one version of a secret. It travels
// as material, sealed, and authenticates nobody by itself: the credential's
// events must say that the version is live.
type Proof struct {
	Kind   string // one of the kinds below: it says which of the others are set
	Pepper string // of a digest: the pepper's id
	Digest []byte // of a digest: 32 bytes
	PHC    string // of argon2id: the PHC string; of bcrypt: its modular crypt string
	Key    []byte // of a shared secret: its bytes; of a public key: its PKIX DER
}

// The kinds of proof.
const (
	ProofDigest   = "digest"   // generated secrets and imported keys
	ProofArgon2id = "argon2id" // chosen passwords
	ProofBcrypt   = "bcrypt"   // passwords whose hash was imported
	ProofShared   = "shared"   // HMAC and HS* secrets
	ProofPublic   = "public"   // keys that verify signatures
)

// The bounds of a proof's key, in bytes. A public key of the largest RSA modulus
// that the standard library takes fits.
const (
	maxSharedKey = 4 << 10
	maxPublicKey = 8 << 10
)

// proofAAD precedes the material key in the aad of a sealed proof.
const proofAAD = "proof/"

type wireProof struct {
	Kind   string `json:"kind"`
	Pepper string `json:"pepper,omitempty"`
	Digest []byte `json:"digest,omitempty"`
	PHC    string `json:"phc,omitempty"`
	Key    []byte `json:"key,omitempty"`
}

// DigestProof answers the proof of a secret that is recognised by its digest.
func DigestProof(d Digest) Proof {
	return Proof{Kind: ProofDigest, Pepper: d.Pepper, Digest: d.Sum[:]}
}

// PasswordProof answers the proof of a chosen password, hashed by HashPassword.
func PasswordProof(phc string) Proof { return Proof{Kind: ProofArgon2id, PHC: phc} }

// BcryptProof answers the proof of a password whose bcrypt hash was imported.
func BcryptProof(hash string) Proof { return Proof{Kind: ProofBcrypt, PHC: hash} }

// HashProof answers the proof of a password by its hash, argon2id or bcrypt: the
// hash says which. Errors wrap ErrHash and do not repeat it.
func HashProof(hash string) (Proof, error) {
	if isBcrypt(hash) {
		return BcryptProof(hash), checkBcrypt(hash)
	}
	_, err := parsePHC(hash)
	return PasswordProof(hash), err
}

// SharedProof answers the proof of a secret that both sides key an HMAC with.
// It is the secret itself: sealed, it is as good as the seal.
func SharedProof(key []byte) Proof { return Proof{Kind: ProofShared, Key: key} }

// PublicProof answers the proof of a key pair by its public half, as PKIX DER:
// RSA, ECDSA or Ed25519.
func PublicProof(der []byte) Proof { return Proof{Kind: ProofPublic, Key: der} }

// SealProof seals a proof for one material key ("<credential id>.<version>"),
// for which alone it can be opened. Errors wrap ErrProof.
func (r *Ring) SealProof(key string, p Proof) ([]byte, error) {
	err := p.validate()
	if err == nil && p.Kind == ProofPublic {
		err = checkPublic(p.Key)
	}
	if err != nil {
		return nil, fmt.Errorf("seal proof of %s: %w", key, err)
	}
	plain, err := json.Marshal(wireProof(p))
	if err != nil {
		return nil, fmt.Errorf("seal proof of %s: %w", key, err)
	}
	return r.Seal(proofAAD+key, plain)
}

// OpenProof opens a proof that was sealed for the same material key. Errors wrap
// ErrUnknownKey, ErrSealed or ErrProof.
func (r *Ring) OpenProof(key string, sealed []byte) (Proof, error) {
	plain, err := r.Open(proofAAD+key, sealed)
	if err != nil {
		return Proof{}, fmt.Errorf("open proof of %s: %w", key, err)
	}
	p, err := decodeProof(plain)
	if err != nil {
		return Proof{}, fmt.Errorf("open proof of %s: %w", key, err)
	}
	return p, nil
}

// decodeProof refuses members that it does not know: they could narrow what the
// proof proves.
func decodeProof(plain []byte) (Proof, error) {
	var w wireProof
	d := json.NewDecoder(bytes.NewReader(plain))
	d.DisallowUnknownFields()
	if err := d.Decode(&w); err != nil {
		return Proof{}, ErrProof
	}
	p := Proof(w)
	return p, p.validate()
}

// validate says whether a proof is whole and within bounds. That a public key
// can be read is judged when it is sealed: gateways open a great many.
func (p Proof) validate() error {
	switch p.Kind {
	case ProofDigest:
		if p.Pepper == "" || len(p.Digest) != len(Digest{}.Sum) || p.PHC != "" || p.Key != nil {
			return fmt.Errorf("%w: a digest has a pepper and %d bytes", ErrProof, len(Digest{}.Sum))
		}
	case ProofArgon2id, ProofBcrypt:
		if p.Pepper != "" || p.Digest != nil || p.Key != nil {
			return fmt.Errorf("%w: a password has its hash alone", ErrProof)
		}
		hash, err := HashProof(p.PHC)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrProof, err)
		}
		if hash.Kind != p.Kind {
			return fmt.Errorf("%w: the hash of a password is of another kind", ErrProof)
		}
	case ProofShared, ProofPublic:
		limit := maxSharedKey
		if p.Kind == ProofPublic {
			limit = maxPublicKey
		}
		if p.Pepper != "" || p.Digest != nil || p.PHC != "" || len(p.Key) == 0 || len(p.Key) > limit {
			return fmt.Errorf("%w: a %s key has 1 to %d bytes and nothing else", ErrProof, p.Kind, limit)
		}
	default:
		return fmt.Errorf("%w: unknown kind", ErrProof)
	}
	return nil
}

// checkPublic refuses what nobody could verify with.
func checkPublic(der []byte) error {
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return fmt.Errorf("%w: not the PKIX DER of a public key", ErrProof)
	}
	switch parsed.(type) {
	case *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey:
		return nil
	}
	return fmt.Errorf("%w: a public key of an unknown kind", ErrProof)
}
