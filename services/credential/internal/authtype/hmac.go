package authtype

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
)

// HMAC is requests that the caller signs with a secret key; the access key, which
// is public, names the credential. The contract's section 4.1 has the schemes.
type HMAC struct{}

var _ Type = HMAC{}

// The bounds of an HMAC credential.
const (
	maxAccessKey     = 256 // bytes
	maxHMACSecret    = 512
	maxClockSkew     = 3600
	defaultClockSkew = 300
)

const schemeAKSK = "aksk"

// scheme is one way of signing a request.
type scheme struct {
	header     string // where the signature is
	algorithms []string
	usual      []string // the ones that are allowed when none is named
}

var (
	schemeNames = []string{schemeAKSK, "signature", "rfc9421"}
	schemes     = map[string]scheme{
		schemeAKSK:  {header: "Authorization", algorithms: []string{"hmac-sha256"}, usual: []string{"hmac-sha256"}},
		"signature": {header: "Authorization", algorithms: []string{"hmac-sha1", "hmac-sha256", "hmac-sha512"}, usual: []string{"hmac-sha256", "hmac-sha512"}},
		"rfc9421":   {header: "Signature", algorithms: []string{"hmac-sha256"}, usual: []string{"hmac-sha256"}},
	}
)

// HMACConfig is the public part of an HMAC credential's config.
type HMACConfig struct {
	Scheme            string   `json:"scheme"`
	AccessKey         string   `json:"access_key"`
	ClockSkewSeconds  int      `json:"clock_skew_seconds"` // 0: no date is checked
	AllowedAlgorithms []string `json:"allowed_algorithms"`
	RequireDigest     bool     `json:"require_digest"`
	ReplayProtection  bool     `json:"replay_protection"`
}

type shownHMAC struct {
	AccessKey string `json:"access_key"`
	SecretKey string `json:"secret_key"`
}

// Name is the contract's word.
func (HMAC) Name() string { return credential.TypeHMAC }

// Describe is for people.
func (HMAC) Describe() string {
	return `Requests that the caller signs with a secret key, which it never sends.

| config | |
|---|---|
| ` + "`scheme`" + ` | ` + "`aksk`" + ` (default), ` + "`signature`" + ` (the draft of HTTP signatures) or ` + "`rfc9421`" + ` (HTTP message signatures) |
| ` + "`access_key`" + ` | what names this credential: 1-256 printable ASCII characters without space, comma, semicolon, quotation mark or backslash, in use nowhere else; the credential's id when left out. It never changes |
| ` + "`secret_key`" + ` | 1-512 bytes without control characters; generated (` + "`tg_s_`" + `...) when left out. Shorter than 8 bytes it is accepted, with ` + "`\"warnings\":[\"secret_short\"]`" + ` in the answer |
| ` + "`clock_skew_seconds`" + ` | how far the date of a request may be off, 0 to 3600, by default 300; 0: no date is checked |
| ` + "`allowed_algorithms`" + ` | of ` + "`signature`: `hmac-sha256` and `hmac-sha512`" + ` by default, and ` + "`hmac-sha1`" + ` when named; of the others ` + "`hmac-sha256`" + ` |
| ` + "`require_digest`" + ` | refuse requests without a digest that is signed (` + "`Digest` of `signature`, `Content-Digest` of `rfc9421`" + `), bodies or not; false by default. Of ` + "`aksk`" + ` and of ` + "`rfc9421`" + ` a body is always covered |
| ` + "`replay_protection`" + ` | refuse a signature that was seen before; true by default |

Placed in the header ` + "`Authorization`" + `, of ` + "`rfc9421` in `Signature`" + `, and nowhere else. ` + "`secret`" + ` is ` + "`{\"access_key\",\"secret_key\"}`" + `.
A rotation takes ` + "`secret_key`" + `.`
}

// Members of its config.
func (HMAC) Members() Members {
	return Members{
		Identifiers: []string{"access_key"},
		Secrets:     []string{"secret_key"},
		Settings:    []string{"scheme", "clock_skew_seconds", "allowed_algorithms", "require_digest", "replay_protection"},
	}
}

// Place: the header of the scheme and nowhere else.
func (HMAC) Place(asked *domain.Placement, config json.RawMessage) (domain.Placement, error) {
	var made HMACConfig
	if err := json.Unmarshal(config, &made); err != nil {
		return domain.Placement{}, err
	}
	return fixed(asked, schemes[made.Scheme].header)
}

// Issue takes everything. The access key is the credential's id when none is
// given.
func (h HMAC) Issue(credentialID string, given Config) (Made, error) {
	c, err := h.Members().issue(given)
	if err != nil {
		return Made{}, err
	}
	config := HMACConfig{Scheme: schemeAKSK, AccessKey: credentialID, ClockSkewSeconds: defaultClockSkew, ReplayProtection: true}
	err = first(
		set(c, "access_key", &config.AccessKey, credentialID, isAccessKey,
			"An access key is 1 to 256 printable ASCII characters without space, comma, semicolon, quotation mark or backslash."),
		config.apply(c),
	)
	if err != nil {
		return Made{}, err
	}
	return h.make(config, c)
}

// Rotate takes {"secret_key"}.
func (h HMAC) Rotate(current json.RawMessage, given Config) (Made, error) {
	config, c, err := rotating[HMACConfig](h.Members(), current, given)
	if err != nil {
		return Made{}, err
	}
	return h.make(config, c)
}

// Configure changes the settings. Another scheme brings its own algorithms, and
// is in its own header.
func (h HMAC) Configure(current json.RawMessage, patch Config) (json.RawMessage, error) {
	return configured(h.Members(), current, patch, (*HMACConfig).apply)
}

// Unique: the access key.
func (HMAC) Unique(settings domain.Settings) (identifier string, secret bool, err error) {
	return named(settings.Config, func(c HMACConfig) string { return c.AccessKey })
}

// apply changes settings.
func (config *HMACConfig) apply(c members) error {
	before := config.Scheme
	err := set(c, "scheme", &config.Scheme, schemeAKSK, oneOf(schemeNames...), "The value is one of: "+strings.Join(schemeNames, ", ")+".")
	if err != nil {
		return err
	}
	scheme := schemes[config.Scheme]
	if config.Scheme != before || config.AllowedAlgorithms == nil {
		config.AllowedAlgorithms = scheme.usual
	}
	err = first(
		set(c, "clock_skew_seconds", &config.ClockSkewSeconds, defaultClockSkew, between(0, maxClockSkew), "The value is a whole number, 0 to 3600."),
		set(c, "allowed_algorithms", &config.AllowedAlgorithms, scheme.usual, someOf(scheme.algorithms...),
			"Of the scheme "+config.Scheme+" the value is a list of: "+strings.Join(scheme.algorithms, ", ")+"; at least one, none twice."),
		set(c, "require_digest", &config.RequireDigest, false, anyTruth, "The value is true or false."),
		set(c, "replay_protection", &config.ReplayProtection, true, anyTruth, "The value is true or false."),
	)
	config.AllowedAlgorithms = slices.Sorted(slices.Values(config.AllowedAlgorithms))
	return err
}

func (HMAC) make(config HMACConfig, c members) (Made, error) {
	public, err := json.Marshal(config)
	if err != nil {
		return Made{}, err
	}
	made := Made{Config: public, Identifier: config.AccessKey}
	key, chosen, err := c.text("secret_key")
	switch {
	case err != nil:
		return Made{}, err
	case !chosen:
		key = secret.Generate(secret.Secret)
		made.Hint = secret.Hint(key)
	case !within(key, 1, maxHMACSecret) || !isPrintable(key):
		return Made{}, invalid("secret_key", "A secret key is 1 to 512 bytes of UTF-8, without control characters.")
	case len(key) < minSharedSecret:
		made.Warnings = []string{WarnSecretShort}
	}
	made.Shown = shownHMAC{AccessKey: config.AccessKey, SecretKey: key}
	return made.proved(secret.SharedProof([]byte(key))), nil
}

// isAccessKey: it stands in a header, between commas or quotation marks.
func isAccessKey(text string) bool {
	return within(text, 1, maxAccessKey) && isVisible(text) && !strings.ContainsAny(text, `,;"\`)
}
