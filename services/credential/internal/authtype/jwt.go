package authtype

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
)

// JWT is tokens that the caller signs itself (RFC 7519), with a secret that both
// sides have or a private key that nobody else has. One claim of a token names
// the credential; the credential alone says which algorithm and key count.
type JWT struct{}

var _ Type = JWT{}

// The bounds of a JWT credential.
const (
	minSharedSecret = 8
	maxSharedSecret = 1024 // bytes of the key
	maxName         = 512  // characters of a claim's name or value
	maxLeeway       = 3600
)

// JWTConfig is the public part of a JWT credential's config.
type JWTConfig struct {
	Algorithm      string   `json:"algorithm"`
	Key            string   `json:"key"`       // the value that names the credential
	KeyClaim       string   `json:"key_claim"` // the claim in which it is
	Audience       string   `json:"audience,omitempty"`
	ClaimsToVerify []string `json:"claims_to_verify,omitempty"`
	LeewaySeconds  int      `json:"leeway_seconds"`
	PublicKey      string   `json:"public_key,omitempty"` // PEM of type PUBLIC KEY
}

type shownJWT struct {
	Key    string `json:"key"`
	Secret string `json:"secret,omitempty"` // of HS*
}

// Name is the contract's word.
func (JWT) Name() string { return credential.TypeJWT }

// Describe is for people.
func (JWT) Describe() string {
	return `Tokens that the caller signs itself (RFC 7519).

| config | |
|---|---|
| ` + "`key`" + ` | required: the value that names this credential, 1-512 characters, in use nowhere else. It never changes |
| ` + "`key_claim`" + ` | the claim in which tokens have it; ` + "`iss`" + ` by default, and no claim that is a number (` + "`exp`, `nbf`, `iat`" + `) |
| ` + "`algorithm`" + ` | ` + "`HS256`" + ` (default) ` + "`HS384` `HS512`, `RS256` `RS384` `RS512`, `PS256` `PS384` `PS512`, `ES256` `ES384` `ES512`, `EdDSA`" + `. Changed by PATCH only to one for the same key: within HS, and among RS and PS |
| ` + "`secret`" + ` | of HS: 8-1024 bytes, generated (` + "`tg_s_`" + `...) when left out. Shorter than the hash it is accepted, with ` + "`\"warnings\":[\"secret_short\"]`" + ` in the answer |
| ` + "`secret_base64`" + ` | true: ` + "`secret`" + ` is the base64 of the key, as it is shown too; when none is given, one as long as the hash is generated |
| ` + "`public_key`" + ` | of all others, required: PEM of a public key (` + "`PUBLIC KEY`, `RSA PUBLIC KEY`" + `) or certificate. RSA from 2048 to 8192 bits; the curve of the algorithm (P-256, P-384, P-521); Ed25519 |
| ` + "`audience`" + ` | tokens must have it in ` + "`aud`" + `, 1-512 characters |
| ` + "`claims_to_verify`" + ` | of ` + "`exp`, `nbf`" + `: tokens must have them. Whenever they are there they are checked |
| ` + "`leeway_seconds`" + ` | how far clocks may differ, 0 (default) to 3600 |

Placed in a header (` + "`Authorization: Bearer`" + ` when none is named), the query or a cookie. ` + "`secret`" + ` is ` + "`{\"key\",\"secret\"}`" + ` of HS, else ` + "`{\"key\"}`" + `.
A rotation takes ` + "`secret` and `secret_base64`, or `public_key`" + ` for the same algorithm.`
}

// Members of its config.
func (JWT) Members() Members {
	return Members{
		Identifiers: []string{"key"},
		Secrets:     []string{"secret", "secret_base64", "public_key"},
		Settings:    []string{"algorithm", "key_claim", "audience", "claims_to_verify", "leeway_seconds"},
	}
}

// Place: a header, by default Authorization, the query or a cookie.
func (JWT) Place(asked *domain.Placement, _ json.RawMessage) (domain.Placement, error) {
	return placed(asked, domain.Placement{In: inHeader, Name: "Authorization"}, inHeader, inQuery, inCookie)
}

// Issue needs {"key"}, and {"public_key"} unless the algorithm is HS*.
func (j JWT) Issue(_ string, given Config) (Made, error) {
	c, err := j.Members().issue(given)
	if err != nil {
		return Made{}, err
	}
	config := JWTConfig{Algorithm: hs256, KeyClaim: "iss"}
	if err := config.apply(c); err != nil {
		return Made{}, err
	}
	if !c.has("key") {
		return Made{}, invalid("key", "The value that names this credential is needed.")
	}
	if err := set(c, "key", &config.Key, "", printable(1, maxName), "The value is 1 to 512 characters, none of them a control character."); err != nil {
		return Made{}, err
	}
	return j.make(config, c)
}

// Rotate takes {"secret", "secret_base64"} or {"public_key"}, for the same
// algorithm.
func (j JWT) Rotate(current json.RawMessage, given Config) (Made, error) {
	config, c, err := rotating[JWTConfig](j.Members(), current, given)
	if err != nil {
		return Made{}, err
	}
	return j.make(config, c)
}

// Configure: another algorithm must fit the key that is there.
func (j JWT) Configure(current json.RawMessage, patch Config) (json.RawMessage, error) {
	return configured(j.Members(), current, patch, func(config *JWTConfig, c members) error {
		before := algorithms[config.Algorithm]
		if err := config.apply(c); err != nil {
			return err
		}
		if !algorithms[config.Algorithm].sameKeys(before) {
			return invalid("algorithm", "This algorithm takes another kind of key than the credential has: issue another credential.")
		}
		return nil
	})
}

// Unique: the key.
func (JWT) Unique(settings domain.Settings) (identifier string, secret bool, err error) {
	return named(settings.Config, func(c JWTConfig) string { return c.Key })
}

// apply changes settings.
func (config *JWTConfig) apply(c members) error {
	err := first(
		set(c, "algorithm", &config.Algorithm, hs256, oneOf(algorithmNames...), "The value is one of: "+strings.Join(algorithmNames, ", ")+"."),
		set(c, "key_claim", &config.KeyClaim, "iss", isKeyClaim, "The value is the name of a claim that is a text: 1 to 512 characters, none of them a control character."),
		set(c, "audience", &config.Audience, "", printable(1, maxName), "The value is 1 to 512 characters, none of them a control character."),
		set(c, "claims_to_verify", &config.ClaimsToVerify, nil, subsetOf("exp", "nbf"), "The value is a list of: exp, nbf; none twice."),
		set(c, "leeway_seconds", &config.LeewaySeconds, 0, between(0, maxLeeway), "The value is a whole number, 0 to 3600."),
	)
	if err != nil {
		return err
	}
	if config.KeyClaim == "aud" && config.Audience != "" {
		return invalid("key_claim", "The claim aud cannot name the credential while an audience is asked for.")
	}
	slices.Sort(config.ClaimsToVerify)
	return nil
}

func isKeyClaim(name string) bool {
	return printable(1, maxName)(name) && !slices.Contains([]string{"exp", "nbf", "iat"}, name)
}

func (j JWT) make(config JWTConfig, c members) (made Made, err error) {
	made.Identifier = config.Key
	if algorithm := algorithms[config.Algorithm]; algorithm.shared() {
		made, err = made.signedWithSecret(config, algorithm, c)
	} else {
		made, err = made.signedWithKey(&config, algorithm, c)
	}
	if err == nil {
		made.Config, err = json.Marshal(config)
	}
	return made, err
}

// signedWithSecret: HS*.
func (m Made) signedWithSecret(config JWTConfig, algorithm algorithm, c members) (Made, error) {
	if c.has("public_key") {
		return m, invalid("public_key", "The algorithm "+config.Algorithm+" takes a secret, and no public key.")
	}
	text, chosen, err := c.text("secret")
	if err != nil {
		return m, err
	}
	encoded := false
	if err := set(c, "secret_base64", &encoded, false, anyTruth, "The value is true or false."); err != nil {
		return m, err
	}
	key := []byte(text)
	switch {
	case !chosen && encoded:
		key = make([]byte, algorithm.hash)
		rand.Read(key)
		text = base64.StdEncoding.EncodeToString(key)
	case !chosen:
		text = secret.Generate(secret.Secret)
		key = []byte(text)
	case encoded:
		if key, err = decodeBase64(text); err != nil {
			return m, invalid("secret", "The value is not base64, as secret_base64 says that it is.")
		}
	case strings.Contains(text, "-----BEGIN "):
		return m, invalid("secret", "The value is a PEM. "+config.Algorithm+" takes a secret that both sides have; for a key pair choose an algorithm of its kind, and public_key.")
	}
	if len(key) < minSharedSecret || len(key) > maxSharedSecret {
		return m, invalid("secret", "A secret is 8 to 1024 bytes.")
	}
	if chosen && len(key) < algorithm.hash {
		m.Warnings = []string{WarnSecretShort}
	}
	if !chosen {
		m.Hint = secret.Hint(text)
	}
	m.Shown = shownJWT{Key: config.Key, Secret: text}
	return m.proved(secret.SharedProof(key)), nil
}

// signedWithKey: every other algorithm.
func (m Made) signedWithKey(config *JWTConfig, algorithm algorithm, c members) (Made, error) {
	for _, name := range []string{"secret", "secret_base64"} {
		if c.has(name) {
			return m, invalid(name, "The algorithm "+config.Algorithm+" takes public_key, and no secret.")
		}
	}
	text, given, err := c.text("public_key")
	if err != nil {
		return m, err
	}
	if !given {
		return m, invalid("public_key", "The algorithm "+config.Algorithm+" needs the PEM of a public key.")
	}
	key, err := readPublicKey(text)
	if err != nil {
		return m, err
	}
	if form := algorithm.misfit(key.parsed); form != "" {
		return m, invalid("public_key", "The algorithm "+config.Algorithm+" takes "+form+".")
	}
	config.PublicKey = key.pem()
	m.Hint = key.hint()
	m.Shown = shownJWT{Key: config.Key}
	return m.proved(secret.PublicProof(key.der)), nil
}

// decodeBase64 reads either alphabet, with or without padding, and nothing else.
func decodeBase64(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, base64.CorruptInputError(0)
	}
	alphabet := base64.RawStdEncoding
	if strings.ContainsAny(text, "-_") {
		alphabet = base64.RawURLEncoding
	}
	bare := strings.TrimRight(text, "=")
	if padding := len(text) - len(bare); padding > 0 && (len(text)%4 != 0 || padding > 2) {
		return nil, base64.CorruptInputError(len(bare))
	}
	return alphabet.Strict().DecodeString(bare)
}
