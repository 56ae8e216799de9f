package authtype

import (
	"encoding/json"
	"strings"

	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
)

// APIKey is a secret that finds its credential by itself. It is generated, or
// brought along: then it is 16 to 512 printable ASCII characters, and used by
// nobody else.
type APIKey struct{}

var _ Type = APIKey{}

// The lengths of a key that is brought along.
const (
	minKey = 16
	maxKey = 512
)

type shownKey struct {
	APIKey string `json:"api_key"`
}

// Name is the contract's word.
func (APIKey) Name() string { return credential.TypeAPIKey }

// Describe is for people.
func (APIKey) Describe() string {
	return "config takes `key`, to bring one along: 16-512 printable ASCII characters without a space at the ends, in use nowhere else. " +
		"Placed in a header (X-API-Key when none is named), query, cookie or body. secret is `{\"api_key\"}`."
}

// Place: anywhere, by default in the header X-API-Key.
func (APIKey) Place(asked *domain.Placement) (domain.Placement, error) {
	if asked == nil {
		return domain.Placement{In: inHeader, Name: "X-API-Key"}, nil
	}
	return *asked, checkPlacement(*asked)
}

// Issue takes {"key"}.
func (APIKey) Issue(_ string, at domain.Placement, given Config) (Made, error) {
	c, err := read(given, "key")
	if err != nil {
		return Made{}, err
	}
	key, chosen, err := c.text("key")
	if err != nil {
		return Made{}, err
	}
	if !chosen {
		key = secret.Generate(secret.APIKey)
	} else if err := checkKey(key, at); err != nil {
		return Made{}, err
	}
	made := Made{Config: json.RawMessage(`{}`), Shown: shownKey{APIKey: key}, Unique: true}
	return made.digested(key), nil
}

// Rotate takes what Issue takes.
func (k APIKey) Rotate(settings domain.Settings, given Config) (Made, error) {
	return k.Issue("", settings.Placement, given)
}

// Configure: there is nothing but the key.
func (APIKey) Configure(current json.RawMessage, patch Config) (json.RawMessage, error) {
	c, err := read(patch, "key")
	if err != nil {
		return nil, err
	}
	return current, c.untouched("key")
}

// Unique: the key.
func (APIKey) Unique(domain.Settings) (identifier string, secret bool, err error) {
	return "", true, nil
}

// checkKey refuses keys that could be issued and would never be recognised.
func checkKey(key string, at domain.Placement) error {
	if len(key) < minKey || len(key) > maxKey || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) {
		return invalid("key", "A key is 16 to 512 printable ASCII characters.")
	}
	if strings.TrimSpace(key) != key {
		return invalid("key", "A key has no space at its ends: it would be lost on the way.")
	}
	if at.In == inCookie && strings.ContainsAny(key, ` ",;\`) {
		return invalid("key", "A key in a cookie has no space, quotation mark, comma, semicolon or backslash.")
	}
	if _, ours := secret.KindOf(key); ours && secret.Check(key) != nil {
		return invalid("key", "A key with this prefix has Tidegate's own form, and this one has a typing error.")
	}
	return nil
}
