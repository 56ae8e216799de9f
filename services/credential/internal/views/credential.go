// Package views holds what the credential service reads: its own credentials,
// folded in the append transaction, and what it knows of consumers.
package views

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
)

// Credential is a credential as it is read.
type Credential struct {
	domain.State
	Version   int64
	CreatedAt time.Time
	UpdatedAt time.Time
	// DatedAt is when its expiry was set.
	DatedAt time.Time
	// SecretsAt are the times at which the secret versions were made.
	SecretsAt map[int]time.Time
}

// Fields by which credentials are found.
const (
	Readers    = "readers" // "team:<team>": as libs/httpapi.Visible asks
	ConsumerID = "consumer_id"
	Status     = "status"
	Type       = "type"
	ExpiresAt  = "expires_at"
	Due        = "due" // the next moment at which time changes something
	Standing   = "standing"
)

// Credentials are all that ever were, by id.
var Credentials = es.ViewOf("credentials", 2, ofCredential, func(c Credential, e events.Envelope, data events.Data) Credential {
	if c.Version == 0 {
		c.CreatedAt, c.SecretsAt = e.Time, map[int]time.Time{}
	}
	c.State = domain.Decider.Evolve(c.State, data)
	c.Version, c.UpdatedAt = e.Version, e.Time
	switch data := data.(type) {
	case credential.Issued:
		c.SecretsAt[data.SecretVersion], c.DatedAt = e.Time, e.Time
	case credential.Updated:
		if data.ExpiresAt != nil {
			c.DatedAt = e.Time
		}
	case credential.Rotated:
		c.SecretsAt[data.SecretVersion] = e.Time
	}
	maps.DeleteFunc(c.SecretsAt, func(version int, _ time.Time) bool { return !c.remembers(version) })
	return c
})

func (c Credential) remembers(version int) bool {
	return slices.ContainsFunc(c.Secrets, func(s domain.Secret) bool { return s.Version == version })
}

// Index says how a credential is found.
func (c Credential) Index() es.Index {
	terms := map[string][]string{
		ConsumerID: {c.Concerns.ConsumerID},
		Status:     {string(c.Status)},
		Type:       {c.Type},
		Standing:   {StandingOf(c.Concerns.Team) + c.Type + standingMark + string(c.Status)},
	}
	if c.Concerns.Team != "" {
		terms[Readers] = []string{"team:" + c.Concerns.Team}
	}
	if c.Settings.ExpiresAt != nil {
		terms[ExpiresAt] = []string{Moment(*c.Settings.ExpiresAt)}
	}
	if due, ok := c.NextDue(c.DatedAt); ok {
		terms[Due] = []string{Moment(due)}
	}
	return es.Index{Text: c.Concerns.CredentialID + "\n" + c.Settings.Name, Terms: terms}
}

// standingMark parts what a Standing says: the team, the type, the status.
const standingMark = "\x1f"

// StandingOf is what the Standing of a team's credentials begins with.
func StandingOf(team string) string { return team + standingMark }

// EndOfStanding is above every Standing that begins with StandingOf a team.
func EndOfStanding(team string) string { return team + "\x20" }

// Stands reads a Standing.
func Stands(standing string) (team, authType string, status domain.Status) {
	rest, last := cutLast(standing)
	team, authType = cutLast(rest)
	return team, authType, domain.Status(last)
}

func cutLast(s string) (before, after string) {
	i := strings.LastIndex(s, standingMark)
	return s[:max(i, 0)], s[i+1:]
}

// Moment is a time as an indexed field has it: all are of one length, so that
// their order as texts is their order.
func Moment(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000000000Z") }
