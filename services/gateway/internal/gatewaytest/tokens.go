package gatewaytest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/secret"
)

// Accepting makes a service accept these types of credentials.
func Accepting(types ...string) func(*catalog.Drafted) {
	return func(d *catalog.Drafted) { d.Accepts = types }
}

// JWT issues a jwt credential with a config and what verifies its tokens, in
// Authorization unless it is changed.
func (w *World) JWT(t testing.TB, id, consumerID string, config map[string]any, proof secret.Proof, change ...func(*credential.Issued)) {
	t.Helper()
	w.issue(t, id, consumerID, credential.TypeJWT, config, change)
	w.Put(t, id, 1, proof)
}

// OAuth2 issues an oauth2 credential, whose client id is its own.
func (w *World) OAuth2(t testing.TB, id, consumerID string, change ...func(*credential.Issued)) {
	t.Helper()
	w.issue(t, id, consumerID, credential.TypeOAuth2, map[string]any{"client_id": id, "token_ttl_seconds": 3600}, change)
	w.Key(t, id, 1, secret.Generate(secret.ClientSecret))
}

func (w *World) issue(t testing.TB, id, consumerID, kind string, config map[string]any, change []func(*credential.Issued)) {
	t.Helper()
	written, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	w.Credential(t, id, consumerID, append([]func(*credential.Issued){func(d *credential.Issued) {
		d.Type, d.Placement, d.Config = kind, Header("Authorization"), written
	}}, change...)...)
}

// Signer has a key that signs access tokens.
type Signer struct {
	KID string
	Key *ecdsa.PrivateKey
}

// NewSigner makes a signer.
func NewSigner(t testing.TB, kid string) *Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &Signer{KID: kid, Key: key}
}

// Public answers the public half in its place; a zero notAfter is none.
func (s *Signer) Public(status string, notAfter time.Time) credential.SigningKey {
	point, _ := s.Key.PublicKey.Bytes() // of a key that was generated
	key := credential.SigningKey{KID: s.KID, Status: status, Since: time.Now(), JWK: credential.JWK{
		Kty: "EC", Crv: "P-256", X: base64.RawURLEncoding.EncodeToString(point[1:33]), Y: base64.RawURLEncoding.EncodeToString(point[33:]),
	}}
	if !notAfter.IsZero() {
		key.NotAfter = &notAfter
	}
	return key
}

// SigningKeys puts a set of signing keys in force.
func (w *World) SigningKeys(t testing.TB, keys ...credential.SigningKey) {
	t.Helper()
	w.Publish(t, "credential-"+credential.SigningKeysID, credential.SigningKeysRotated{Keys: keys})
}

// RevokeToken revokes an access token or a grant.
func (w *World) RevokeToken(t testing.TB, id string) {
	t.Helper()
	w.Publish(t, "credential-"+id, credential.TokenRevoked{TokenID: id, ExpiresAt: time.Now().Add(time.Hour)})
}

// AccessToken makes an access token of a credential, as the token endpoint does,
// with claims changed or, when they are nil, left out.
func (s *Signer) AccessToken(t testing.TB, id string, changes map[string]any) string {
	t.Helper()
	now := time.Now()
	claims := jwt.MapClaims{
		"iss": "https://tidegate.example", "sub": id, "client_id": id, "aud": credential.TokenAudience,
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(), "jti": credential.TokenPrefix + rand.Text(),
		"scope": "read write", "credential_id": id, "secret_version": 1,
	}
	for name, value := range changes {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	token := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	token.Header["typ"], token.Header["kid"] = credential.TokenType, s.KID
	signed, err := token.SignedString(s.Key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}
