package secret

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Proof is what a gateway needs to verify one version of a secret. It travels
// as material, sealed, and authenticates nobody by itself: the credential's
// events must say that the version is live.
type Proof struct {
	Kind   string // ProofDigest or ProofArgon2id
	Pepper string // of a digest: the pepper's id
	Digest []byte // of a digest: 32 bytes
	PHC    string // of argon2id: the PHC string
}

// The kinds of proof.
const (
	ProofDigest   = "digest"   // generated secrets and imported keys
	ProofArgon2id = "argon2id" // chosen passwords
)

// proofAAD precedes the material key in the aad of a sealed proof.
const proofAAD = "proof/"

type wireProof struct {
	Kind   string `json:"kind"`
	Pepper string `json:"pepper,omitempty"`
	Digest []byte `json:"digest,omitempty"`
	PHC    string `json:"phc,omitempty"`
}

// DigestProof answers the proof of a secret that is recognised by its digest.
func DigestProof(d Digest) Proof {
	return Proof{Kind: ProofDigest, Pepper: d.Pepper, Digest: d.Sum[:]}
}

// PasswordProof answers the proof of a chosen password, hashed by HashPassword.
func PasswordProof(phc string) Proof { return Proof{Kind: ProofArgon2id, PHC: phc} }

// SealProof seals a proof for one material key ("<credential id>.<version>"),
// for which alone it can be opened. Errors wrap ErrProof.
func (r *Ring) SealProof(key string, p Proof) ([]byte, error) {
	if err := p.validate(); err != nil {
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

func (p Proof) validate() error {
	switch p.Kind {
	case ProofDigest:
		if p.Pepper == "" || len(p.Digest) != len(Digest{}.Sum) || p.PHC != "" {
			return fmt.Errorf("%w: a digest has a pepper and %d bytes", ErrProof, len(Digest{}.Sum))
		}
	case ProofArgon2id:
		if p.Pepper != "" || p.Digest != nil {
			return fmt.Errorf("%w: a password has a PHC string alone", ErrProof)
		}
		if _, err := parsePHC(p.PHC); err != nil {
			return fmt.Errorf("%w: %w", ErrProof, err)
		}
	default:
		return fmt.Errorf("%w: unknown kind", ErrProof)
	}
	return nil
}
