package domain

import (
	"encoding/json"
	"time"

	"github.com/tidegate-io/tidegate/events/credential"
)

// Command is what can be asked of a credential.
type Command interface{ command() }

// Issue makes a credential with the first version of its secret. Its consumer,
// team and type never change.
type Issue struct {
	ID         string
	ConsumerID string
	Team       string
	Type       string
	At         time.Time
	Settings
}

// Settings is everything about a credential that can be changed. Placement and
// Config are as the type made them: no secret, and the identifiers unchanged.
type Settings struct {
	Name            string
	Placement       credential.Placement
	Config          json.RawMessage
	ExpiresAt       *time.Time // nil: never
	HideCredentials bool
}

// Update makes the settings what the command says; what is equal is left alone.
type Update struct {
	At time.Time
	Settings
}

// Rotate makes SecretVersion the live secret; it must be the next one. The
// version before is accepted for Overlap more, or dies at once when it is 0.
type Rotate struct {
	At            time.Time
	SecretVersion int
	Overlap       time.Duration
}

// Elapse records what time has brought about: secrets whose overlap is over,
// an expiry that has passed.
type Elapse struct{ At time.Time }

// Suspend has it refused until it is resumed.
type Suspend struct {
	At     time.Time
	Reason string
}

// Resume has it accepted again.
type Resume struct {
	At     time.Time
	Reason string
}

// Revoke ends it for good.
type Revoke struct{ Reason string }

func (Issue) command()   {}
func (Update) command()  {}
func (Rotate) command()  {}
func (Elapse) command()  {}
func (Suspend) command() {}
func (Resume) command()  {}
func (Revoke) command()  {}
