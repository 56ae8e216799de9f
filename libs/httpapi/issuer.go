package httpapi

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// What a token of the built-in issuer says of itself.
const (
	BuiltInIssuer   = "tidegate"
	BuiltInAudience = "tidegate-management"
)

const keyBlock = "PRIVATE KEY"

// Issuer makes and judges management tokens with a key of its own. It is for
// one machine and for development; an organisation has an identity provider.
type Issuer struct {
	key *ecdsa.PrivateKey
	kid string
	now func() time.Time
	tokenRules
}

// BuiltIn answers the issuer whose P-256 key is in a file, which it makes with
// mode 0600 when there is none. Of two processes that do so at once, one makes
// the key and both use it. A file that others may read is refused.
func BuiltIn(path string) (*Issuer, error) {
	raw, err := readKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeKey(path); err == nil {
			raw, err = readKey(path)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open the issuer's key: %w", err)
	}
	block, _ := pem.Decode(raw)
	if block == nil || block.Type != keyBlock {
		return nil, fmt.Errorf("open the issuer's key: %s holds no %s", path, keyBlock)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("open the issuer's key %s: %w", path, err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, fmt.Errorf("open the issuer's key: %s is not a P-256 key", path)
	}
	public, err := publicJWK(&key.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("open the issuer's key %s: %w", path, err)
	}
	i := &Issuer{key: key, kid: public.KeyID, now: time.Now}
	i.tokenRules = tokenRules{issuer: BuiltInIssuer, audience: BuiltInAudience, leeway: time.Second, now: func() time.Time { return i.now() }}
	return i, nil
}

// Token makes a token. Roles must be those of the contract; ttl is above zero.
func (i *Issuer) Token(subject string, roles []Role, teams []string, ttl time.Duration) (string, error) {
	if ttl <= 0 {
		return "", errors.New("make a token: the lifetime must be above zero")
	}
	caller := Caller{Subject: subject, Roles: roles, Teams: teams}
	if err := caller.check(); err != nil {
		return "", fmt.Errorf("make a token: %w", err)
	}
	now := i.now()
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
		"iss": BuiltInIssuer, "aud": BuiltInAudience, "sub": subject, "jti": newRequestID(),
		"iat": now.Unix(), "exp": now.Add(ttl).Unix(), "roles": orEmpty(roles), "teams": orEmpty(teams),
	})
	token.Header["kid"] = i.kid
	signed, err := token.SignedString(i.key)
	if err != nil {
		return "", fmt.Errorf("make a token: %w", err)
	}
	return signed, nil
}

// Authenticate judges a token of this issuer.
func (i *Issuer) Authenticate(_ context.Context, token string) (Caller, error) {
	return i.judge(token, func(kid string) (publicKey, error) {
		if kid != i.kid {
			return publicKey{}, errUnknownKey
		}
		return publicKey{key: &i.key.PublicKey, algorithm: "ES256"}, nil
	})
}

// JWKS answers the public key as a JSON Web Key Set (RFC 7517).
func (i *Issuer) JWKS() []byte {
	public, err := publicJWK(&i.key.PublicKey)
	if err != nil {
		panic(err) // the same key was encoded when the issuer was opened
	}
	set, err := json.Marshal(jwks{Keys: []jwk{public}})
	if err != nil {
		panic(err) // strings alone
	}
	return set
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func readKey(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s may be read by others (mode %04o): chmod 0600 it, or remove it to have a new key made", path, info.Mode().Perm())
	}
	return os.ReadFile(path)
}

// makeKey writes a new key beside path and links it into place, so that a key
// is there wholly or not at all, and the first one stays.
func makeKey(path string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(crypto.PrivateKey(key))
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".issuer-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }()
	err = errors.Join(pem.Encode(file, &pem.Block{Type: keyBlock, Bytes: encoded}), file.Sync(), file.Close())
	if err != nil {
		return err
	}
	if err := os.Link(file.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
