package api

import (
	"encoding/hex"
	"fmt"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/services/credential/internal/authtype"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
)

// fingerprintAAD precedes the material key in the aad of a kept fingerprint.
const fingerprintAAD = "fingerprint/"

// keep answers what a secret version brings to its append: its material, sealed
// for gateways and for a later pepper, and the claim that nobody else has it.
func (a *API) keep(id string, version int, made authtype.Made) ([]es.Option, error) {
	key := domain.MaterialKey(id, version)
	sealed, err := a.ring.SealProof(key, made.Prove(a.ring))
	if err != nil {
		return nil, fmt.Errorf("seal the proof of %s: %w", key, err)
	}
	material := es.Material{Key: key, Sealed: sealed, Hint: made.Hint}
	if made.Digested != nil {
		if material.Kept, err = a.ring.Seal(fingerprintAAD+key, made.Digested[:]); err != nil {
			return nil, fmt.Errorf("seal the fingerprint of %s: %w", key, err)
		}
	}
	opts := []es.Option{es.WithMaterial(material)}
	if made.Unique {
		for _, digest := range a.ring.DigestsFingerprint(*made.Digested) {
			opts = append(opts, es.Claiming(domain.Unique(id, version, digest.Pepper+"/"+hex.EncodeToString(digest.Sum[:]))))
		}
	}
	return opts, nil
}
