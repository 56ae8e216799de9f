package authtype

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
)

// memberPattern is what may be told of a member's name. Anything else could be
// a secret in the wrong place.
var memberPattern = regexp.MustCompile(`^[a-z_]{1,32}$`)

// members are a config whose members are known.
type members Config

// read answers the members of a config, all of which must be known.
func read(given Config, known ...string) (members, error) {
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
func (c members) untouched(names ...string) error {
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
