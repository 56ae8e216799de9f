package authtype

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
)

// APIKey is a secret that finds its credential by itself. It is generated, or
// brought along, itself or its SHA-256: then it is 16 to 512 printable ASCII
// characters, and used by nobody else.
type APIKey struct{}

var _ Mover = APIKey{}

// The lengths of a key that is brought along.
const (
	minKey = 16
	maxKey = 512
)

type shownKey struct {
	APIKey *string `json:"api_key"` // null: only its hash is known here
}

// Name is the contract's word.
func (APIKey) Name() string { return credential.TypeAPIKey }

// Describe is for people.
func (APIKey) Describe() string {
	return `A key that finds its credential by itself. By default it is generated: ` + "`tg_k_`" + ` and 49 characters of ` + "`0-9A-Za-z`" + `.

| config | |
|---|---|
| ` + "`key`" + ` | to bring one along: 16-512 printable ASCII characters, no space at the ends, in use nowhere else |
| ` + "`key_sha256`" + ` | instead of ` + "`key`" + `: its SHA-256, 64 hexadecimal digits. Callers go on with the key that they have |

Placed in a header (` + "`X-API-Key`" + ` when none is named), the query, a cookie or the body (a form field or a top-level JSON field). In the
header ` + "`Authorization`" + ` it is sent as it is, or after ` + "`Bearer`" + ` or ` + "`ApiKey`" + `. A key that was brought along can be moved into a cookie only by
rotating it, for its characters are not known any more.
` + "`secret`" + ` is ` + "`{\"api_key\"}`" + `; null for a key of which the hash was given.`
}

// Members: the key alone.
func (APIKey) Members() Members { return Members{Secrets: []string{"key", "key_sha256"}} }

// Place: anywhere, by default in the header X-API-Key.
func (APIKey) Place(asked *domain.Placement, _ json.RawMessage) (domain.Placement, error) {
	return placed(asked, domain.Placement{In: inHeader, Name: "X-API-Key"}, inHeader, inQuery, inCookie, inBody)
}

// Issue takes {"key"} or {"key_sha256"}.
func (k APIKey) Issue(_ string, given Config) (Made, error) {
	c, err := k.Members().issue(given)
	if err != nil {
		return Made{}, err
	}
	made := Made{Config: json.RawMessage(`{}`), Unique: true}
	if c.has("key_sha256") {
		return made.ofHash(c)
	}
	key, chosen, err := c.text("key")
	if err != nil {
		return Made{}, err
	}
	if !chosen {
		key = secret.Generate(secret.APIKey)
	} else if err := checkKey(key); err != nil {
		return Made{}, err
	}
	made.Shown = shownKey{APIKey: &key}
	made.Fits = func(at domain.Placement) error {
		if at.In == inCookie && strings.ContainsAny(key, ` ",;\`) {
			return invalid("key", "A key in a cookie has no space, quotation mark, comma, semicolon or backslash.")
		}
		return nil
	}
	return made.digested(key), nil
}

// ofHash is a key of which nothing but its SHA-256 is known here.
func (m Made) ofHash(c members) (Made, error) {
	if c.has("key") {
		return Made{}, invalid("key_sha256", "Give the key or its hash, not both.")
	}
	text, _, err := c.text("key_sha256")
	if err != nil {
		return Made{}, err
	}
	sum, err := hex.DecodeString(text)
	if err != nil || len(sum) != sha256.Size {
		return Made{}, invalid("key_sha256", "The SHA-256 of a key is 64 hexadecimal digits.")
	}
	m.Shown = shownKey{}
	return m.fingerprinted([sha256.Size]byte(sum)), nil
}

// Rotate takes what Issue takes.
func (k APIKey) Rotate(_ json.RawMessage, given Config) (Made, error) { return k.Issue("", given) }

// Configure: there is nothing but the key.
func (k APIKey) Configure(current json.RawMessage, patch Config) (json.RawMessage, error) {
	_, err := k.Members().configure(current, patch)
	return current, err
}

// Unique: the key.
func (APIKey) Unique(domain.Settings) (identifier string, secret bool, err error) {
	return "", true, nil
}

// hintOfOurs is how long the hint of a key of our own form is; those of others
// are shorter.
const hintOfOurs = len("tg_k_ab12...Zx9Q")

// Fits: a key of our own form fits anywhere. Of what was brought along nothing is
// kept from which its characters could be told, so it cannot be moved to where
// not every key can be.
func (APIKey) Fits(to domain.Placement, hints ...string) error {
	if to.In != inCookie {
		return nil
	}
	for _, hint := range hints {
		if len(hint) != hintOfOurs || !strings.HasPrefix(hint, "tg_") {
			return domain.ErrInvalid.At("body.placement.in").Saying("The key was brought along, and may hold characters that no cookie can: " +
				"rotate it first, or issue another credential.")
		}
	}
	return nil
}

// checkKey refuses keys that could be issued and would never be recognised.
func checkKey(key string) error {
	if !within(key, minKey, maxKey) || !isASCII(key) {
		return invalid("key", "A key is 16 to 512 printable ASCII characters.")
	}
	if strings.TrimSpace(key) != key {
		return invalid("key", "A key has no space at its ends: it would be lost on the way.")
	}
	if _, ours := secret.KindOf(key); ours && secret.Check(key) != nil {
		return invalid("key", "A key with this prefix has Tidegate's own form, and this one has a typing error.")
	}
	return nil
}
