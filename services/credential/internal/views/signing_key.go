package views

import (
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/es"
)

// SigningKeySet is the set of keys that sign access tokens.
type SigningKeySet struct {
	Keys      []credential.SigningKey
	CreatedAt map[string]time.Time // by kid
	Version   int64
}

// SigningKeys is the one set there is, by credential.SigningKeysID.
var SigningKeys = es.ViewOf("signing_keys", 1, ofSigningKeys, func(s SigningKeySet, e events.Envelope, data events.Data) SigningKeySet {
	rotated, ok := data.(credential.SigningKeysRotated)
	if !ok {
		return s
	}
	created := map[string]time.Time{}
	for _, key := range rotated.Keys {
		at, known := s.CreatedAt[key.KID]
		if !known {
			at = e.Time
		}
		created[key.KID] = at
	}
	return SigningKeySet{Keys: rotated.Keys, CreatedAt: created, Version: e.Version}
})

func ofSigningKeys(e events.Envelope, _ events.Data) string {
	if e.Aggregate() == credential.SigningKeysID {
		return e.Aggregate()
	}
	return ""
}

// ofCredential is the key of a view of credentials: the context has other
// aggregates too.
func ofCredential(e events.Envelope, _ events.Data) string {
	if credential.IsCredential(e.Aggregate()) {
		return e.Aggregate()
	}
	return ""
}
