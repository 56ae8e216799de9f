package authn

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"slices"

	"github.com/golang-jwt/jwt/v5"

	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/services/gateway/internal/material"
)

// jwtSettings is the config of a jwt credential, as it is used.
type jwtSettings struct {
	method           jwt.SigningMethod
	claim            string // by which it is named
	audience         string // for which a token must be; "": for anybody
	needExp, needNbf bool
	leeway           int64 // seconds
}

// longestLeeway bounds the seconds of leeway: what a config says beyond it was not
// said by the credential service.
const longestLeeway = 3600

func jwtSettingsOf(c *access.Credential) *jwtSettings {
	s, _ := c.Derived(parseJWT).(*jwtSettings)
	return s
}

// parseJWT answers *jwtSettings; nil: with this config nothing can be verified,
// which is so too when it asks for what is not known here.
func parseJWT(config json.RawMessage) any {
	var c struct {
		Algorithm string   `json:"algorithm"`
		Claim     string   `json:"key_claim"`
		Audience  string   `json:"audience"`
		Verify    []string `json:"claims_to_verify"`
		Leeway    int64    `json:"leeway_seconds"`
	}
	if json.Unmarshal(config, &c) != nil || c.Leeway < 0 || c.Leeway > longestLeeway {
		return (*jwtSettings)(nil)
	}
	s := &jwtSettings{method: methods[c.Algorithm], claim: c.Claim, audience: c.Audience, leeway: c.Leeway}
	s.needExp, s.needNbf = slices.Contains(c.Verify, "exp"), slices.Contains(c.Verify, "nbf")
	unknown := slices.ContainsFunc(c.Verify, func(name string) bool { return name != "exp" && name != "nbf" })
	if s.method == nil || s.claim == "" || unknown {
		return (*jwtSettings)(nil)
	}
	return s
}

// methods are the algorithms that a credential can have; "none" is not one. PS*
// have a salt as long as the hash, and no other (RFC 7518, 3.5).
var methods = map[string]jwt.SigningMethod{
	"HS256": jwt.SigningMethodHS256, "HS384": jwt.SigningMethodHS384, "HS512": jwt.SigningMethodHS512,
	"RS256": jwt.SigningMethodRS256, "RS384": jwt.SigningMethodRS384, "RS512": jwt.SigningMethodRS512,
	"PS256": salted(jwt.SigningMethodPS256), "PS384": salted(jwt.SigningMethodPS384), "PS512": salted(jwt.SigningMethodPS512),
	"ES256": jwt.SigningMethodES256, "ES384": jwt.SigningMethodES384, "ES512": jwt.SigningMethodES512,
	"EdDSA": jwt.SigningMethodEdDSA,
}

func salted(m *jwt.SigningMethodRSAPSS) jwt.SigningMethod {
	return &jwt.SigningMethodRSAPSS{SigningMethodRSA: m.SigningMethodRSA, Options: m.Options}
}

// smallestRSA is the size of a modulus in bytes: 2048 bits.
const smallestRSA = 256

// key answers the key in a proof, when it is one for the algorithm; nil: it is
// not, and verifies nothing.
func (s *jwtSettings) key(p *material.Proof) any {
	switch m := s.method.(type) {
	case *jwt.SigningMethodHMAC:
		if len(p.Key) > 0 && p.Public == nil {
			return p.Key
		}
	case *jwt.SigningMethodRSA, *jwt.SigningMethodRSAPSS:
		if k, ok := p.Public.(*rsa.PublicKey); ok && k.Size() >= smallestRSA {
			return k
		}
	case *jwt.SigningMethodECDSA:
		if k, ok := p.Public.(*ecdsa.PublicKey); ok && k.Curve.Params().BitSize == m.CurveBits {
			return k
		}
	case *jwt.SigningMethodEd25519:
		if k, ok := p.Public.(ed25519.PublicKey); ok && len(k) == ed25519.PublicKeySize {
			return k
		}
	}
	return nil
}
