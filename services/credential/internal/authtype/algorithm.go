package authtype

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
)

const hs256 = "HS256"

// The bounds of an RSA modulus: below, signatures can be forged; above, checking
// one costs gateways too much.
const (
	minRSA = 2048
	maxRSA = 8192
)

// algorithm is one way of signing a token (RFC 7518, RFC 8037).
type algorithm struct {
	hash  int  // bytes of its hash: of HS*
	rsa   bool // RS* and PS*
	curve elliptic.Curve
}

// algorithmNames are all that there are, as the contract lists them.
var algorithmNames = []string{
	hs256, "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
}

var algorithms = map[string]algorithm{
	hs256: {hash: 32}, "HS384": {hash: 48}, "HS512": {hash: 64},
	"RS256": {rsa: true}, "RS384": {rsa: true}, "RS512": {rsa: true},
	"PS256": {rsa: true}, "PS384": {rsa: true}, "PS512": {rsa: true},
	"ES256": {curve: elliptic.P256()}, "ES384": {curve: elliptic.P384()}, "ES512": {curve: elliptic.P521()},
	"EdDSA": {},
}

// shared says that both sides have the key.
func (a algorithm) shared() bool { return a.hash > 0 }

// sameKeys says whether every key of one is a key of the other.
func (a algorithm) sameKeys(b algorithm) bool {
	return a.shared() == b.shared() && a.rsa == b.rsa && a.curve == b.curve
}

// misfit answers what the algorithm takes when that is not this public key; empty:
// it is.
func (a algorithm) misfit(key any) string {
	switch {
	case a.rsa:
		if k, ok := key.(*rsa.PublicKey); !ok || k.N.BitLen() < minRSA || k.N.BitLen() > maxRSA || k.E < 3 || k.E%2 == 0 || k.N.Bit(0) == 0 {
			return "an RSA key of 2048 to 8192 bits"
		}
	case a.curve != nil:
		if k, ok := key.(*ecdsa.PublicKey); !ok || k.Curve != a.curve {
			return "a key on the curve " + a.curve.Params().Name
		}
	default:
		if _, ok := key.(ed25519.PublicKey); !ok {
			return "an Ed25519 key"
		}
	}
	return ""
}
