package authtype

import (
	"bytes"
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
)

// Members names what a type's config takes.
type Members struct {
	Identifiers []string // public, and the same for ever
	Secrets     []string // they make a secret: given when it is issued or rotated
	Settings    []string // public, and changed by a patch
}

// Defaults is the patch that takes every setting back to its default.
func (m Members) Defaults() Config {
	patch := Config{}
	for _, name := range m.Settings {
		patch[name] = json.RawMessage("null")
	}
	return patch
}

// issue answers a config from which a credential is to be made.
func (m Members) issue(given Config) (members, error) {
	return read(given, slices.Concat(m.Identifiers, m.Secrets, m.Settings))
}

// rotate answers a config from which another secret is to be made. Identifiers
// and settings may only be repeated as they are shown.
func (m Members) rotate(current json.RawMessage, given Config) (members, error) {
	c, err := m.issue(given)
	if err != nil {
		return nil, err
	}
	var shown Config
	if err := json.Unmarshal(current, &shown); err != nil {
		return nil, err
	}
	for name, value := range given {
		switch {
		case sameValue(shown[name], value):
		case slices.Contains(m.Identifiers, name):
			return nil, domain.ErrIdentifierImmutable.At("body.config." + name)
		case slices.Contains(m.Settings, name):
			return nil, invalid(name, "A rotation changes the secret alone: settings change by PATCH.")
		}
	}
	return c, nil
}

// configure answers a patch of settings. Identifiers and secrets may only be
// repeated as they are shown.
func (m Members) configure(current json.RawMessage, patch Config) (members, error) {
	c, err := m.issue(patch)
	if err != nil {
		return nil, err
	}
	var shown Config
	if err := json.Unmarshal(current, &shown); err != nil {
		return nil, err
	}
	for name, value := range patch {
		if !slices.Contains(m.Settings, name) && !sameText(shown[name], value) {
			return nil, domain.ErrIdentifierImmutable.At("body.config." + name)
		}
	}
	return c, nil
}

// rotating answers the config that is there, and that from which another secret
// is to be made.
func rotating[T any](m Members, current json.RawMessage, given Config) (config T, c members, err error) {
	if c, err = m.rotate(current, given); err == nil {
		err = json.Unmarshal(current, &config)
	}
	return config, c, err
}

// configured answers the config that is there after a patch, which apply lays
// over it.
func configured[T any](m Members, current json.RawMessage, patch Config, apply func(*T, members) error) (json.RawMessage, error) {
	c, err := m.configure(current, patch)
	if err != nil {
		return nil, err
	}
	var config T
	if err := json.Unmarshal(current, &config); err != nil {
		return nil, err
	}
	if err := apply(&config, c); err != nil {
		return nil, err
	}
	return json.Marshal(config)
}

// named answers the identifier in a config, of a type whose secrets are not
// unique.
func named[T any](raw json.RawMessage, identifier func(T) string) (name string, secret bool, err error) {
	var config T
	err = json.Unmarshal(raw, &config)
	return identifier(config), false, err
}

// sameText says whether two members are the same text.
func sameText(a, b json.RawMessage) bool {
	var first, second *string
	return json.Unmarshal(a, &first) == nil && json.Unmarshal(b, &second) == nil && first != nil && second != nil && *first == *second
}

// sameValue says whether two members are the same JSON.
func sameValue(a, b json.RawMessage) bool {
	var first, second any
	return json.Unmarshal(a, &first) == nil && json.Unmarshal(b, &second) == nil && first != nil && reflect.DeepEqual(first, second)
}

// memberPattern is what may be told of a member's name. Anything else could be
// a secret in the wrong place.
var memberPattern = regexp.MustCompile(`^[a-z_]{1,32}$`)

// members are a config whose members are known.
type members Config

// read answers the members of a config, all of which must be known.
func read(given Config, known []string) (members, error) {
	for name := range given {
		if slices.Contains(known, name) {
			continue
		}
		if !memberPattern.MatchString(name) {
			name = ""
		}
		return nil, invalid(name, "The config of this type has the members: "+strings.Join(known, ", ")+".")
	}
	return members(given), nil
}

// text answers a member that is a text; null is as good as absent.
func (c members) text(name string) (value string, given bool, err error) {
	if !c.has(name) {
		return "", false, nil
	}
	if err := json.Unmarshal(c[name], &value); err != nil {
		return "", false, invalid(name, "The value is a text.")
	}
	return value, true, nil
}

// has says whether a member is there and not null.
func (c members) has(name string) bool {
	raw, there := c[name]
	return there && !isNull(raw)
}

// set reads a member into a field of a config: absent leaves it as it is, null
// makes it the default. The form says what is right, and nothing of the value.
func set[T any](c members, name string, field *T, fallback T, right func(T) bool, form string) error {
	raw, there := c[name]
	switch {
	case !there:
		return nil
	case isNull(raw):
		*field = fallback
		return nil
	}
	var value T
	if json.Unmarshal(raw, &value) != nil || !right(value) {
		return invalid(name, form)
	}
	*field = value
	return nil
}

func isNull(raw json.RawMessage) bool { return bytes.Equal(bytes.TrimSpace(raw), []byte("null")) }

// first answers the first error.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func invalid(member, detail string) error {
	at := "body.config"
	if member != "" {
		at += "." + member
	}
	return domain.ErrInvalid.At(at).Saying("%s", detail)
}
