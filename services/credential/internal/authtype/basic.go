package authtype

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
)

// Basic is a user name, which is public and unique anywhere, and a password
// (RFC 7617). A password that was chosen is hashed slowly and has no hint.
type Basic struct{}

var _ Type = Basic{}

// The lengths of what is chosen, in bytes.
const (
	maxUsername = 255
	minPassword = 8
	maxPassword = 256
)

type basicConfig struct {
	Username string `json:"username"`
}

type shownBasic struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// Name is the contract's word.
func (Basic) Name() string { return credential.TypeBasic }

// Describe is for people.
func (Basic) Describe() string {
	return "config takes `username` (1-255 bytes without a colon or control characters, in use nowhere else; the credential's id when left out) " +
		"and `password` (8-256 bytes without control characters). Placed in the header Authorization and nowhere else. " +
		"secret is `{\"username\",\"password\"}`."
}

// Place: the header Authorization and nowhere else.
func (Basic) Place(asked *domain.Placement) (domain.Placement, error) {
	fixed := domain.Placement{In: inHeader, Name: "Authorization"}
	if asked != nil && (asked.In != fixed.In || !strings.EqualFold(asked.Name, fixed.Name)) {
		return fixed, domain.ErrInvalid.At("body.placement").Saying("A credential of this type is in the header Authorization.")
	}
	return fixed, nil
}

// Issue takes {"username", "password"}. The user name is the credential's id
// when none is given.
func (b Basic) Issue(credentialID string, _ domain.Placement, given Config) (Made, error) {
	c, err := read(given, "username", "password")
	if err != nil {
		return Made{}, err
	}
	username, chosen, err := c.text("username")
	if err != nil {
		return Made{}, err
	}
	if !chosen {
		username = credentialID
	} else if !isUsername(username) {
		return Made{}, invalid("username", "A user name is 1 to 255 bytes of UTF-8, without a colon or control characters.")
	}
	return b.make(username, c)
}

// Rotate takes {"password"}: the user name stays.
func (b Basic) Rotate(settings domain.Settings, given Config) (Made, error) {
	c, err := read(given, "username", "password")
	if err != nil {
		return Made{}, err
	}
	if err := c.untouched("username"); err != nil {
		return Made{}, err
	}
	var current basicConfig
	if err := json.Unmarshal(settings.Config, &current); err != nil {
		return Made{}, err
	}
	return b.make(current.Username, c)
}

// Configure: there is nothing but identifier and secret.
func (Basic) Configure(current json.RawMessage, patch Config) (json.RawMessage, error) {
	c, err := read(patch, "username", "password")
	if err != nil {
		return nil, err
	}
	return current, c.untouched("username", "password")
}

// Unique: the user name.
func (Basic) Unique(settings domain.Settings) (identifier string, secret bool, err error) {
	var current basicConfig
	err = json.Unmarshal(settings.Config, &current)
	return current.Username, false, err
}

func (Basic) make(username string, c members) (Made, error) {
	password, chosen, err := c.text("password")
	if err != nil {
		return Made{}, err
	}
	if !chosen {
		password = secret.Generate(secret.Password)
	} else if !isPassword(password) {
		return Made{}, invalid("password", "A password is 8 to 256 bytes of UTF-8, without control characters.")
	}
	public, err := json.Marshal(basicConfig{Username: username})
	if err != nil {
		return Made{}, err
	}
	made := Made{Config: public, Identifier: username, Shown: shownBasic{Username: username, Password: password}}
	if chosen {
		return made.hashed(password), nil
	}
	return made.digested(password), nil
}

func isUsername(text string) bool {
	return len(text) >= 1 && len(text) <= maxUsername && !strings.Contains(text, ":") && isPrintable(text)
}

func isPassword(text string) bool {
	return len(text) >= minPassword && len(text) <= maxPassword && isPrintable(text)
}

func isPrintable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}
