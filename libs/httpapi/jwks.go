package httpapi

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
)

// jwks is a JSON Web Key Set, as far as signatures need one.
type jwks struct {
	Keys []jwk `json:"keys"`
}

type jwk struct {
	KeyType   string `json:"kty"`
	KeyID     string `json:"kid,omitempty"`
	Use       string `json:"use,omitempty"`
	Algorithm string `json:"alg,omitempty"`
	Curve     string `json:"crv,omitempty"`
	X         string `json:"x,omitempty"`
	Y         string `json:"y,omitempty"`
	N         string `json:"n,omitempty"`
	E         string `json:"e,omitempty"`
}

const minRSA = 2048

// publicJWK writes a P-256 key, named by its thumbprint (RFC 7638).
func publicJWK(key *ecdsa.PublicKey) (jwk, error) {
	point, err := key.Bytes() // 4, x, y
	if err != nil {
		return jwk{}, err
	}
	half := (len(point) - 1) / 2
	k := jwk{KeyType: "EC", Use: "sig", Algorithm: "ES256", Curve: "P-256", X: base64URL(point[1 : 1+half]), Y: base64URL(point[1+half:])}
	sum := sha256.Sum256([]byte(fmt.Sprintf(`{"crv":%q,"kty":%q,"x":%q,"y":%q}`, k.Curve, k.KeyType, k.X, k.Y)))
	k.KeyID = base64URL(sum[:])
	return k, nil
}

// parseJWKS answers the keys of a set that may sign, by kid. Keys that are for
// something else, symmetric, weak or unreadable are left out: one of them must
// not take the others down.
func parseJWKS(raw []byte) (map[string]publicKey, error) {
	var set jwks
	if err := json.Unmarshal(raw, &set); err != nil {
		return nil, fmt.Errorf("read the key set: %w", err)
	}
	keys := map[string]publicKey{}
	for _, k := range set.Keys {
		if k.Use != "" && k.Use != "sig" {
			continue
		}
		if key, algorithm, err := k.public(); err == nil {
			keys[k.KeyID] = publicKey{key: key, algorithm: algorithm}
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("read the key set: it holds no key that may sign")
	}
	return keys, nil
}

func (k jwk) public() (key crypto.PublicKey, algorithm string, err error) {
	switch k.KeyType {
	case "EC":
		return k.elliptic()
	case "RSA":
		return k.rsa()
	case "OKP":
		x, err := base64.RawURLEncoding.DecodeString(k.X)
		if err != nil || k.Curve != "Ed25519" || len(x) != ed25519.PublicKeySize {
			return nil, "", errors.New("not an Ed25519 key")
		}
		return ed25519.PublicKey(x), "EdDSA", nil
	}
	return nil, "", fmt.Errorf("unknown key type %q", k.KeyType)
}

func (k jwk) elliptic() (crypto.PublicKey, string, error) {
	var curve elliptic.Curve
	var algorithm string
	switch k.Curve {
	case "P-256":
		curve, algorithm = elliptic.P256(), "ES256"
	case "P-384":
		curve, algorithm = elliptic.P384(), "ES384"
	case "P-521":
		curve, algorithm = elliptic.P521(), "ES512"
	default:
		return nil, "", fmt.Errorf("unknown curve %q", k.Curve)
	}
	x, errX := base64.RawURLEncoding.DecodeString(k.X)
	y, errY := base64.RawURLEncoding.DecodeString(k.Y)
	size := (curve.Params().BitSize + 7) / 8
	if errX != nil || errY != nil || len(x) > size || len(y) > size {
		return nil, "", errors.New("the point cannot be read")
	}
	point := make([]byte, 1+2*size)
	point[0] = 4
	copy(point[1+size-len(x):], x)
	copy(point[1+2*size-len(y):], y)
	key, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	return key, algorithm, err
}

func (k jwk) rsa() (crypto.PublicKey, string, error) {
	n, errN := base64.RawURLEncoding.DecodeString(k.N)
	e, errE := base64.RawURLEncoding.DecodeString(k.E)
	exponent := new(big.Int).SetBytes(e)
	key := &rsa.PublicKey{N: new(big.Int).SetBytes(n)}
	if errN != nil || errE != nil || key.N.BitLen() < minRSA || !exponent.IsInt64() || exponent.Int64() < 3 || exponent.Int64() > 1<<31-1 {
		return nil, "", errors.New("not an RSA key of 2048 bits or more")
	}
	key.E = int(exponent.Int64())
	return key, k.Algorithm, nil
}

func base64URL(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }
