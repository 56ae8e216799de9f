package authtype

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
)

// config is a config as it came in: an object of known members.
type config map[string]json.RawMessage

// memberPattern is what may be told of a member's name. Anything else could be
// a secret in the wrong place.
var memberPattern = regexp.MustCompile(`^[a-z_]{1,32}$`)

// read answers the members of a config; an absent or null one has none.
func read(raw json.RawMessage, known ...string) (config, error) {
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return config{}, nil
	}
	var c config
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, invalid("", "The value is an object.")
	}
	for name := range c {
		if slices.Contains(known, name) {
			continue
		}
		if !memberPattern.MatchString(name) {
			name = ""
		}
		return nil, invalid(name, "The config of this type has the members: "+strings.Join(known, ", ")+".")
	}
	return c, nil
}

// text answers a member that is a text; null is as good as absent.
func (c config) text(name string) (value string, given bool, err error) {
	raw, there := c[name]
	if !there || bytes.Equal(raw, []byte("null")) {
		return "", false, nil
	}
	if err := json.Unmarshal(raw, &value); err != nil {
		return "", false, invalid(name, "The value is a text.")
	}
	return value, true, nil
}

// untouched refuses a config that names any of the members.
func (c config) untouched(names ...string) error {
	for _, name := range names {
		if _, there := c[name]; there {
			return domain.ErrIdentifierImmutable.At("body.config." + name)
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
