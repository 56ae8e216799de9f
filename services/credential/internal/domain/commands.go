package domain

import (
	"encoding/json"
	"time"
)

// Command is what can be asked of a credential.
type Command interface{ command() }

// Issue makes a credential with the first version of its secret.
type Issue struct {
	ID         string
	ConsumerID string
	Team       string // the consumer's
	Type       string
	Settings   Settings
	Now        time.Time
}

// Update makes of the present settings what Change answers; what is equal is
// left alone. Change is pure: it is run again when somebody else was faster.
type Update struct {
	Change func(Settings) (Settings, error)
	// Judged, when it is not 0, is the next version of the secrets for which
	// Change was made.
	Judged int
	Now    time.Time
}

// Rotate makes SecretVersion, which must be the next one, the live secret. The
// version before is accepted for the overlap; without one every other version
// dies at once.
type Rotate struct {
	SecretVersion int
	// For is the settings for which the secret was made: of them the placement
	// and the config must still be so.
	For Settings
	// Config is the config from then on.
	Config  json.RawMessage
	Overlap time.Duration
	Now     time.Time
}

// Elapse records what time has brought about: secrets whose overlap is over, a
// notice of the expiry, an expiry that has passed.
type Elapse struct {
	Now time.Time
	// Dated is when the expiry was set.
	Dated time.Time
}

// Suspend has it refused until it is resumed.
type Suspend struct {
	Reason string
	Now    time.Time
}

// Resume has it accepted again.
type Resume struct {
	Reason string
	Now    time.Time
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
