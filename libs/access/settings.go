package access

import (
	"encoding/json"
	"slices"
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

// holders are the credentials that have a name, in order of id.
type holders struct {
	name
	ids []string
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
	h := s.holders(n)
	if h == nil || len(h.ids) == 0 {
		return nil, false
	}
	return s.Credential(h.ids[len(h.ids)-1])
}

func (s *Snapshot) holders(n name) *holders {
	for p := s.names.probe(s.hashName(n)); p.next(); {
		if p.value.name == n {
			return p.value
		}
	}
	return nil
}

func (s *Snapshot) hashName(n name) uint64 { return mix(uint64(n.kind), s.hash(n.text)) }

// Moves counts how often a credential of a type came, went, or changed its
// settings: while it stays as it is, so does what Named and the settings say. Who
// concludes something from them reads it first.
func (s *Snapshot) Moves(kind string) uint64 {
	if i := slices.Index(order[:], kind); i >= 0 {
		return s.moves[i].Load()
	}
	return 0
}

// moved counts it, after the change can be seen.
func (s *Snapshot) moved(kind Types) {
	for i := range order {
		if kind&(1<<i) != 0 {
			s.moves[i].Add(1)
		}
	}
}

// rename takes a credential's name from it and gives it another. The credential
// service sees to it that a name has one holder; should an older one that cannot
// be read still have it, the younger counts (ids grow with time).
func (s *Snapshot) rename(id string, was, is *Settings) {
	s.hold(was, func(ids []string) []string {
		return slices.DeleteFunc(ids, func(other string) bool { return other == id })
	})
	s.hold(is, func(ids []string) []string {
		at, _ := slices.BinarySearch(ids, id)
		return slices.Insert(ids, at, id)
	})
}

// hold changes the holders of the name in settings, if they have one.
func (s *Snapshot) hold(settings *Settings, edit func([]string) []string) {
	if settings == nil || settings.name == "" {
		return
	}
	n := name{kind: settings.kind, text: settings.name}
	before := s.holders(n)
	next := &holders{name: n}
	if before != nil {
		next.ids = slices.Clone(before.ids)
	}
	next.ids = edit(next.ids)
	s.names.put(s.hashName(n), before, next)
}
