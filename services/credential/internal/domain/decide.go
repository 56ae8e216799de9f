package domain

import (
	"bytes"
	"reflect"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/es"
)

// Decider is the credential.
var Decider = es.Decider[State, Command]{
	Category: "credential",
	Decide:   decide,
	Evolve:   evolve,
}

// MaxOverlap is how long a secret may live on after a rotation.
const MaxOverlap = 30 * 24 * time.Hour

func decide(s State, c Command) ([]events.Data, error) {
	if issue, ok := c.(Issue); ok {
		return decideIssue(s, issue)
	}
	if !s.Exists() {
		return nil, es.ErrNotFound
	}
	if elapse, ok := c.(Elapse); ok {
		return decideElapse(s, elapse), nil
	}
	if s.Status == Revoked {
		return nil, ErrIllegal.In(string(Revoked))
	}
	switch c := c.(type) {
	case Update:
		return decideUpdate(s, c)
	case Rotate:
		return decideRotate(s, c)
	case Suspend:
		if status := s.StatusAt(c.At); status != Active {
			return nil, ErrIllegal.In(string(status))
		}
		return []events.Data{credential.Suspended{Concerns: s.concerns(), Reason: c.Reason}}, nil
	case Resume:
		if status := s.StatusAt(c.At); status != Suspended {
			return nil, ErrIllegal.In(string(status))
		}
		return []events.Data{credential.Resumed{Concerns: s.concerns(), Reason: c.Reason}}, nil
	case Revoke:
		return []events.Data{credential.Revoked{Concerns: s.concerns(), Name: s.Name, Type: s.Type, Reason: c.Reason}}, nil
	}
	return nil, nil
}

func decideIssue(s State, c Issue) ([]events.Data, error) {
	if s.Exists() {
		return nil, ErrIllegal.In(string(s.Status))
	}
	if err := c.Settings.check(nil, c.At); err != nil {
		return nil, err
	}
	return []events.Data{credential.Issued{
		Concerns:        events.Concerns{ConsumerID: c.ConsumerID, CredentialID: c.ID, Team: c.Team},
		Name:            c.Name,
		Type:            c.Type,
		Placement:       c.Placement,
		Config:          c.Config,
		ExpiresAt:       utc(c.ExpiresAt),
		HideCredentials: c.HideCredentials,
		SecretVersion:   1,
	}}, nil
}

// Only what differs is in the event; when nothing does there is none. An
// expired credential may be changed, and lives again with a later expiry: only
// revoking is final.
func decideUpdate(s State, c Update) ([]events.Data, error) {
	if err := c.Settings.check(s.ExpiresAt, c.At); err != nil {
		return nil, err
	}
	updated := credential.Updated{Concerns: s.concerns()}
	if c.Name != s.Name {
		updated.Name = change(s.Name, c.Name)
	}
	if c.Placement != s.Placement {
		updated.Placement = change(s.Placement, c.Placement)
	}
	if !bytes.Equal(c.Config, s.Config) {
		updated.Config = change(s.Config, c.Config)
	}
	if !sameTime(c.ExpiresAt, s.ExpiresAt) {
		updated.ExpiresAt = change(s.ExpiresAt, utc(c.ExpiresAt))
	}
	if c.HideCredentials != s.HideCredentials {
		updated.HideCredentials = change(s.HideCredentials, c.HideCredentials)
	}
	if reflect.DeepEqual(updated, credential.Updated{Concerns: s.concerns()}) {
		return nil, nil
	}
	return []events.Data{updated}, nil
}

// At most two secrets are accepted at once. Without an overlap every earlier
// one dies with the rotation.
func decideRotate(s State, c Rotate) ([]events.Data, error) {
	if status := s.StatusAt(c.At); status == Expired {
		return nil, ErrIllegal.In(string(status))
	}
	if c.Overlap < 0 || c.Overlap > MaxOverlap {
		return nil, ErrOverlap
	}
	if c.SecretVersion != s.NextVersion() {
		return nil, es.ErrVersion // another rotation was faster
	}
	rotated := credential.Rotated{Concerns: s.concerns(), SecretVersion: c.SecretVersion}
	for _, secret := range s.Accepted() {
		over := secret.Status == Retiring && !c.At.Before(*secret.NotAfter)
		switch {
		case c.Overlap == 0 || over:
			rotated.RetiredVersions = append(rotated.RetiredVersions, secret.Version)
		case secret.Status == Retiring:
			return nil, ErrRotating.In(string(s.Status))
		default:
			rotated.RetiringVersion = secret.Version
			rotated.RetiringNotAfter = earlier(c.At.Add(c.Overlap).UTC(), s.ExpiresAt)
		}
	}
	return []events.Data{rotated}, nil
}

func decideElapse(s State, c Elapse) []events.Data {
	if s.Status == Revoked {
		return nil
	}
	var decided []events.Data
	for _, secret := range s.Secrets {
		if secret.Status == Retiring && !c.At.Before(*secret.NotAfter) {
			decided = append(decided, credential.SecretRetired{Concerns: s.concerns(), SecretVersion: secret.Version})
		}
	}
	if s.Status != Expired && s.StatusAt(c.At) == Expired {
		decided = append(decided, credential.Expired{Concerns: s.concerns(), ExpiresAt: *s.ExpiresAt})
	}
	return decided
}

// check judges settings that replace others whose expiry is current.
func (c Settings) check(current *time.Time, at time.Time) error {
	length := utf8.RuneCountInString(c.Name)
	if length < 1 || length > 256 || !utf8.ValidString(c.Name) || strings.TrimSpace(c.Name) != c.Name || strings.ContainsFunc(c.Name, unicode.IsControl) {
		return ErrName
	}
	if c.ExpiresAt != nil && !sameTime(c.ExpiresAt, current) && !c.ExpiresAt.After(at) {
		return ErrExpiry
	}
	return nil
}

func (s State) concerns() events.Concerns {
	return events.Concerns{ConsumerID: s.ConsumerID, CredentialID: s.ID, Team: s.Team}
}

func change[T any](before, after T) *events.Change[T] {
	return &events.Change[T]{Before: before, After: after}
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

func sameTime(a, b *time.Time) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(*b)
}

func earlier(t time.Time, bound *time.Time) *time.Time {
	if bound != nil && bound.Before(t) {
		return bound
	}
	return &t
}
