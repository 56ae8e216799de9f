package access

import (
	"encoding/json"
	"strings"

	"github.com/tidegate-io/tidegate/events/credential"
)

// settingsKey finds settings that are the same.
type settingsKey struct {
	kind   string
	at     Placement
	hide   bool
	config string
}

// sharedConfig is the longest config of settings that are looked for among the
// ones that are there: what is longer, or names its credential, is its own.
const sharedConfig = 64

// shared answers the settings of a credential, as one copy for all that have the
// same.
func (s *Snapshot) shared(kind string, at Placement, config json.RawMessage, hide bool) *Settings {
	made := &Settings{Type: s.word(kind), Placement: at, Config: config, Hide: hide, kind: TypesOf(kind)}
	made.name = made.readName()
	if made.name != "" || len(config) > sharedConfig {
		return made
	}
	key := settingsKey{kind: kind, at: at, hide: hide, config: string(config)}
	if one, ok := s.settings[key]; ok {
		return one
	}
	s.settings[key] = made
	return made
}

// nameField is the member of a type's config by which callers name a credential.
var nameField = map[string]string{
	credential.TypeBasic:  "username",
	credential.TypeJWT:    "key",
	credential.TypeHMAC:   "access_key",
	credential.TypeOAuth2: "client_id",
}

func (s *Settings) readName() string {
	field, ok := nameField[s.Type]
	if !ok {
		return ""
	}
	var members map[string]json.RawMessage
	var text string
	if json.Unmarshal(s.Config, &members) != nil || json.Unmarshal(members[field], &text) != nil {
		return ""
	}
	return strings.Clone(text)
}

// name is what a caller calls a credential of a type.
type name struct {
	kind Types
	text string
}

// holder is the credential that has a name; none when id is empty.
type holder struct {
	name
	id string
}

// BasicUser answers the credential with a user name.
func (s *Snapshot) BasicUser(username string) (*Credential, bool) {
	return s.Named(credential.TypeBasic, username)
}

// Named answers the credential that callers name so: by user name (basic), key
// (jwt), access key (hmac) or client id (oauth2). A revoked one has given its
// name up.
func (s *Snapshot) Named(kind, text string) (*Credential, bool) {
	n := name{kind: TypesOf(kind), text: text}
	h := s.names.get(s.hashName(n), n)
	if h == nil || h.id == "" {
		return nil, false
	}
	return s.Credential(h.id)
}

func (s *Snapshot) hashName(n name) uint64 { return mix(uint64(n.kind), s.hash(n.text)) }

// rename gives a credential its name. The credential service sees to it that a
// name has one holder; should an older one that cannot be read still have it,
// the younger takes it (ids grow with time).
func (s *Snapshot) rename(id string, was, is *Settings) {
	if was != nil && was.name != "" && (is == nil || was.name != is.name) {
		n := name{kind: was.kind, text: was.name}
		if h := s.names.get(s.hashName(n), n); h != nil && h.id == id {
			s.names.set(s.hashName(n), n, &holder{name: n})
		}
	}
	if is != nil && is.name != "" {
		n := name{kind: is.kind, text: is.name}
		if h := s.names.get(s.hashName(n), n); h == nil || h.id < id {
			s.names.set(s.hashName(n), n, &holder{name: n, id: id})
		}
	}
}
