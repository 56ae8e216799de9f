package domain

import (
	"strconv"

	"github.com/tidegate-io/tidegate/libs/es"
)

// The scopes in which credentials are unique.
const (
	// NameScope: a name among the consumer's unrevoked credentials.
	NameScope = "credential_name"
	// IdentifierScope: a user name, key name or access key, anywhere. Its holder
	// is the credential.
	IdentifierScope = "credential_identifier"
	// SecretScope: a secret that alone finds its credential, anywhere, by keyed
	// digest. Its holder is the secret version.
	SecretScope = "credential_secret"
)

// MaterialKey names what verifies one version of a credential's secret.
func MaterialKey(credentialID string, version int) string {
	return credentialID + "." + strconv.Itoa(version)
}

// Identifier claims what names a credential of a type.
func Identifier(authType, value string) es.Claim {
	return es.Claim{Scope: IdentifierScope, Value: authType + "/" + value}
}

// Unique claims the digest of a secret for one version.
func Unique(credentialID string, version int, digest string) es.Claim {
	return es.Claim{Scope: SecretScope, Value: digest, Holder: MaterialKey(credentialID, version)}
}

// Effects keeps the claims and the material in step with the events: a name is
// held while the credential is not revoked; what is unique about a secret, and
// what verifies it, goes when the version dies.
func Effects(before, after State) es.Effects {
	var effects es.Effects
	held := before.Exists() && before.Status != Revoked
	holds := after.Exists() && after.Status != Revoked
	if held && (!holds || before.Name != after.Name) {
		effects.Claims = append(effects.Claims, nameClaim(before, true))
	}
	if holds && (!held || before.Name != after.Name) {
		effects.Claims = append(effects.Claims, nameClaim(after, false))
	}
	if held && !holds {
		effects.Claims = append(effects.Claims, es.Claim{Scope: IdentifierScope, Release: true})
	}
	accepted := map[int]bool{}
	for _, secret := range after.Accepted() {
		accepted[secret.Version] = true
	}
	for _, secret := range before.Accepted() {
		if accepted[secret.Version] {
			continue
		}
		key := MaterialKey(before.ID, secret.Version)
		effects.Claims = append(effects.Claims, es.Claim{Scope: SecretScope, Holder: key, Release: true})
		effects.Material = append(effects.Material, es.Material{Key: key, Erase: true})
	}
	return effects
}

func nameClaim(s State, release bool) es.Claim {
	return es.Claim{Scope: NameScope, Value: s.ConsumerID + "/" + s.Name, Release: release}
}
