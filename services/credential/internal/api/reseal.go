package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
)

// Resealer makes again, under the active keys of the ring, what verifies secrets
// and what is kept of them.
type Resealer struct {
	Reader es.Reader
	Ring   *secret.Ring
	// Private precedes the material key in the aad of a kept private key.
	Private string
}

var _ httpapi.Resealer = Resealer{}

// lostFingerprint is told of a secret that was made, and whose fingerprint a
// restore has lost: the bus has only its digest.
const lostFingerprint = "its fingerprint was lost with a restored database, so that no other pepper can digest it: rotate the credential, or revoke it"

// Pepper answers the pepper of a digest.
func (r Resealer) Pepper(m es.Material) (string, error) {
	if len(m.Sealed) == 0 {
		return "", nil
	}
	proof, err := r.Ring.OpenProof(m.Key, m.Sealed)
	return proof.Pepper, err
}

// Renew seals a row again and, when it is a digest, digests it with the active
// pepper. A secret that nobody else may have is claimed under every live pepper
// and under no other, so that it cannot be brought along a second time.
func (r Resealer) Renew(ctx context.Context, m es.Material) (es.Material, []es.Claim, error) {
	renewed := es.Material{Key: m.Key, Hint: m.Hint}
	purpose, kept, err := r.openKept(m)
	if err != nil {
		return renewed, nil, err
	}
	var claims []es.Claim
	if len(m.Sealed) > 0 {
		proof, err := r.Ring.OpenProof(m.Key, m.Sealed)
		if err != nil {
			return renewed, nil, err
		}
		if proof.Kind == secret.ProofDigest && proof.Pepper != r.Ring.Active(secret.Pepper) {
			if purpose != fingerprintAAD || len(kept) != sha256.Size {
				return renewed, nil, &httpapi.UnrenewableError{Reason: lostFingerprint}
			}
			if claims, err = r.claims(ctx, m.Key, proof, [sha256.Size]byte(kept)); err != nil {
				return renewed, nil, err
			}
			proof = secret.DigestProof(r.Ring.DigestFingerprint([sha256.Size]byte(kept)))
		}
		if renewed.Sealed, err = r.Ring.SealProof(m.Key, proof); err != nil {
			return renewed, nil, err
		}
	}
	if len(m.Kept) > 0 {
		if renewed.Kept, err = r.Ring.Seal(purpose+m.Key, kept); err != nil {
			return renewed, nil, err
		}
	}
	return renewed, claims, nil
}

// openKept answers what a row keeps, and as what it was sealed.
func (r Resealer) openKept(m es.Material) (purpose string, kept []byte, err error) {
	if len(m.Kept) == 0 {
		return "", nil, nil
	}
	for _, purpose = range []string{fingerprintAAD, r.Private} {
		if kept, err = r.Ring.Open(purpose+m.Key, m.Kept); !errors.Is(err, secret.ErrSealed) {
			break
		}
	}
	if err != nil {
		return "", nil, fmt.Errorf("open what is kept of %s: %w", m.Key, err)
	}
	return purpose, kept, nil
}

// claims answers those of a secret that is claimed; none when it is not.
func (r Resealer) claims(ctx context.Context, key string, proof secret.Proof, fingerprint [sha256.Size]byte) ([]es.Claim, error) {
	holder, err := r.Reader.Holder(ctx, domain.SecretScope, proof.Pepper+"/"+hex.EncodeToString(proof.Digest))
	if errors.Is(err, es.ErrNotFound) || err == nil && holder != key {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	claims := []es.Claim{{Scope: domain.SecretScope, Holder: key, Release: true}}
	for _, digest := range r.Ring.DigestsFingerprint(fingerprint) {
		claims = append(claims, es.Claim{Scope: domain.SecretScope, Value: digest.Pepper + "/" + hex.EncodeToString(digest.Sum[:]), Holder: key})
	}
	return claims, nil
}
