package authtype

import (
	"encoding/json"
	"strings"

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
	maxUsername  = 255
	goodPassword = 8 // shorter ones are warned of
	maxPassword  = 256
)

type basicConfig struct {
	Username string `json:"username"`
}

type shownBasic struct {
	Username string  `json:"username"`
	Password *string `json:"password"` // null: only its hash is known here
}

// Name is the contract's word.
func (Basic) Name() string { return credential.TypeBasic }

// Describe is for people.
func (Basic) Describe() string {
	return `A user name and a password, as HTTP clients have them built in (RFC 7617).

| config | |
|---|---|
| ` + "`username`" + ` | 1-255 bytes without a colon or control characters, in use nowhere else; the credential's id when left out. It never changes |
| ` + "`password`" + ` | 1-256 bytes without control characters; generated (` + "`tg_p_`" + `...) when left out. Shorter than 8 bytes it is accepted, with ` + "`\"warnings\":[\"secret_short\"]`" + ` in the answer |
| ` + "`password_hash`" + ` | instead of ` + "`password`" + `: ` + describeHash + ` |

Placed in the header ` + "`Authorization`" + ` and nowhere else. ` + "`secret`" + ` is ` + "`{\"username\",\"password\"}`" + `; the password is null when its hash was given.`
}

// Members of its config.
func (Basic) Members() Members {
	return Members{Identifiers: []string{"username"}, Secrets: []string{"password", "password_hash"}}
}

// Place: the header Authorization and nowhere else.
func (Basic) Place(asked *domain.Placement, _ json.RawMessage) (domain.Placement, error) {
	return fixed(asked, "Authorization")
}

// Issue takes {"username", "password"} or {"username", "password_hash"}. The user
// name is the credential's id when none is given.
func (b Basic) Issue(credentialID string, given Config) (Made, error) {
	c, err := b.Members().issue(given)
	if err != nil {
		return Made{}, err
	}
	config := basicConfig{Username: credentialID}
	if err := set(c, "username", &config.Username, credentialID, isUsername,
		"A user name is 1 to 255 bytes of UTF-8, without a colon or control characters."); err != nil {
		return Made{}, err
	}
	return b.make(config, c)
}

// Rotate takes {"password"} or {"password_hash"}: the user name stays.
func (b Basic) Rotate(current json.RawMessage, given Config) (Made, error) {
	config, c, err := rotating[basicConfig](b.Members(), current, given)
	if err != nil {
		return Made{}, err
	}
	return b.make(config, c)
}

// Configure: there is nothing but identifier and secret.
func (b Basic) Configure(current json.RawMessage, patch Config) (json.RawMessage, error) {
	_, err := b.Members().configure(current, patch)
	return current, err
}

// Unique: the user name.
func (Basic) Unique(settings domain.Settings) (identifier string, secret bool, err error) {
	return named(settings.Config, func(c basicConfig) string { return c.Username })
}

func (Basic) make(config basicConfig, c members) (Made, error) {
	public, err := json.Marshal(config)
	if err != nil {
		return Made{}, err
	}
	made := Made{Config: public, Identifier: config.Username}
	plain, made, err := made.password(c, "password", secret.Password, isPassword, "A password is 1 to 256 bytes of UTF-8, without control characters.")
	if chosen, _, _ := c.text("password"); chosen != "" && len(chosen) < goodPassword {
		made.Warnings = []string{WarnSecretShort}
	}
	made.Shown = shownBasic{Username: config.Username, Password: plain}
	return made, err
}

// describeHash is what <name>_hash takes.
const describeHash = "its hash, as argon2id (`$argon2id$v=19$m=..,t=..,p=..$salt$hash`) or bcrypt (`$2a$`, `$2b$`, `$2y$`; cost 4-14)"

// password reads what a person remembers or a machine sends in the same way: the
// member with the name, or its hash in <name>_hash, or nothing, and then one of
// the given kind is generated. It answers what may be shown; nil: nothing can.
func (m Made) password(c members, name string, kind secret.Kind, right func(string) bool, form string) (*string, Made, error) {
	plain, chosen, err := c.text(name)
	if err != nil {
		return nil, Made{}, err
	}
	hash, hashed, err := c.text(name + "_hash")
	switch {
	case err != nil:
		return nil, Made{}, err
	case chosen && hashed:
		return nil, Made{}, invalid(name+"_hash", "Give the secret or its hash, not both.")
	case hashed:
		proof, err := secret.HashProof(hash)
		if err != nil {
			return nil, Made{}, invalid(name+"_hash", "The value is an argon2id hash in PHC form or a bcrypt hash, within the bounds that are accepted.")
		}
		return nil, m.proved(proof), nil
	case !chosen:
		plain = secret.Generate(kind)
		return &plain, m.digested(plain), nil
	case !right(plain):
		return nil, Made{}, invalid(name, form)
	}
	return &plain, m.hashed(plain), nil
}

func isUsername(text string) bool {
	return within(text, 1, maxUsername) && !strings.Contains(text, ":") && isPrintable(text)
}

func isPassword(text string) bool { return within(text, 1, maxPassword) && isPrintable(text) }
