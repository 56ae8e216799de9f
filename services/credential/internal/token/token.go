// Package token holds the rule of tokens that were issued: each can be revoked,
// once and for good. A token that was not is in no event: it proves itself by its
// signature, or its seal.
package token

import (
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/es"
)

// State is one access token, or one grant: a refresh token and all that came of
// it.
type State struct{ Revoked bool }

// Revoke refuses it from now on. By ExpiresAt every access token that it
// concerns has expired by itself.
type Revoke struct {
	Of        events.Concerns
	ID        string
	ExpiresAt time.Time
}

// Decider is the domain of one token. Revoking twice changes nothing.
var Decider = es.Decider[State, Revoke]{
	Category: "credential",
	Decide: func(s State, c Revoke) ([]events.Data, error) {
		if s.Revoked {
			return nil, nil
		}
		return []events.Data{credential.TokenRevoked{Concerns: c.Of, TokenID: c.ID, ExpiresAt: c.ExpiresAt.UTC()}}, nil
	},
	Evolve: func(s State, e events.Data) State {
		_, revoked := e.(credential.TokenRevoked)
		return State{Revoked: s.Revoked || revoked}
	},
}
