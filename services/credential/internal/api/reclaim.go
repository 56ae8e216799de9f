package api

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/credential/internal/authtype"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
)

// Reclaim has credentials hold their names, identifiers and secrets, and give up
// those that they no longer have. What a secret claims is read from its material,
// which tells of the pepper that was active when it was made. Of Config it needs
// Store, Credentials and Ring.
func Reclaim(ctx context.Context, cfg Config, ids []string) error {
	return cfg.Credentials.Reclaim(ctx, ids, []string{domain.NameScope, domain.IdentifierScope},
		func(ctx context.Context, id string, s domain.State) (es.Effects, error) { return held(ctx, cfg, id, s) })
}

// held answers what a credential claims beside its name.
func held(ctx context.Context, cfg Config, id string, s domain.State) (effects es.Effects, err error) {
	if !s.Exists() {
		return effects, nil
	}
	authType, err := authtype.Named(s.Type)
	if err != nil {
		return effects, err
	}
	identifier, unique, err := authType.Unique(s.Settings)
	if err != nil {
		return effects, err
	}
	if identifier != "" && s.Status != domain.Revoked {
		effects.Claims = append(effects.Claims, domain.Identifier(s.Type, identifier))
	}
	for _, version := range s.Secrets {
		key := domain.MaterialKey(id, version.Version)
		if version.Status == domain.Retired {
			effects.Claims = append(effects.Claims, es.Claim{Scope: domain.SecretScope, Holder: key, Release: true})
			continue
		}
		if !unique {
			continue
		}
		kept, err := cfg.Store.Material(ctx, key)
		if err != nil {
			return effects, err
		}
		material, there := kept[key]
		if !there || len(material.Sealed) == 0 {
			continue // the bus had lost it too: nobody can use it
		}
		proof, err := cfg.Ring.OpenProof(key, material.Sealed)
		if err != nil {
			return effects, fmt.Errorf("open the proof of %s: %w", key, err)
		}
		if proof.Kind == secret.ProofDigest {
			effects.Claims = append(effects.Claims, domain.Unique(id, version.Version, proof.Pepper+"/"+hex.EncodeToString(proof.Digest)))
		}
	}
	return effects, nil
}
