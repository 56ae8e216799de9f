package domain

import (
	"fmt"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/credential"
)

func decide(s State, c Command) ([]events.Data, error) {
	if issue, ok := c.(Issue); ok {
		return issuance(s, issue)
	}
	switch {
	case !s.Exists():
		return nil, ErrMissing
	case s.Status == Revoked:
		return nil, ErrIllegal.In(string(s.Status))
	}
	switch c := c.(type) {
	case Update:
		return update(s, c)
	case Rotate:
		return rotation(s, c)
	case Elapse:
		return elapsed(s, c), nil
	case Suspend:
		if status := s.StatusAt(c.Now); status != Active {
			return nil, ErrIllegal.In(string(status))
		}
		return one(credential.Suspended{Concerns: s.Concerns, Reason: c.Reason})
	case Resume:
		if status := s.StatusAt(c.Now); status != Suspended {
			return nil, ErrIllegal.In(string(status))
		}
		return one(credential.Resumed{Concerns: s.Concerns, Reason: c.Reason})
	case Revoke:
		return one(credential.Revoked{Concerns: s.Concerns, Name: s.Settings.Name, Type: s.Type, Reason: c.Reason})
	default:
		return nil, fmt.Errorf("credential: unknown command %T", c)
	}
}

func issuance(s State, c Issue) ([]events.Data, error) {
	if s.Exists() {
		return nil, ErrIllegal.In(string(s.Status))
	}
	settings, err := c.Settings.normal(nil, c.Now)
	if err != nil {
		return nil, err
	}
	return one(credential.Issued{
		Concerns:        events.Concerns{ConsumerID: c.ConsumerID, CredentialID: c.ID, Team: c.Team},
		Name:            settings.Name,
		Type:            c.Type,
		Placement:       settings.Placement,
		Config:          settings.Config,
		ExpiresAt:       settings.ExpiresAt,
		HideCredentials: settings.HideCredentials,
		SecretVersion:   s.NextVersion(),
	})
}

// update: what stays as it was makes no event. An expired credential may be
// changed, and lives again with a later expiry or none.
func update(s State, c Update) ([]events.Data, error) {
	if c.Judged != 0 && c.Judged != s.NextVersion() {
		return nil, ErrMeanwhile
	}
	settings, err := c.Change(s.Settings)
	if err != nil {
		return nil, err
	}
	if settings, err = settings.normal(s.Settings.ExpiresAt, c.Now); err != nil {
		return nil, err
	}
	changes, changed := difference(s.Settings, settings)
	if !changed {
		return nil, nil
	}
	changes.Concerns = s.Concerns
	return one(changes)
}

// rotation: at most two secrets are accepted at once, and none after the
// credential's expiry.
func rotation(s State, c Rotate) ([]events.Data, error) {
	if status := s.StatusAt(c.Now); status == Expired {
		return nil, ErrIllegal.In(string(status))
	}
	if c.Overlap < 0 || c.Overlap > MaxOverlap {
		return nil, ErrInvalid.At("body.overlap_seconds").Saying("The value is 0 to %d.", int(MaxOverlap.Seconds()))
	}
	if c.SecretVersion != s.NextVersion() || c.For.Placement != s.Settings.Placement || !sameBytes(c.For.Config, s.Settings.Config) {
		return nil, ErrMeanwhile
	}
	changed := false
	rotated := credential.Rotated{
		Concerns: s.Concerns, SecretVersion: c.SecretVersion,
		Config: change(s.Settings.Config, c.Config, sameBytes, &changed),
	}
	for _, secret := range s.Secrets {
		switch {
		case !secret.accepted():
		case c.Overlap == 0 || secret.over(c.Now):
			rotated.RetiredVersions = append(rotated.RetiredVersions, secret.Version)
		case secret.Status == Retiring:
			return nil, ErrRotating.In(string(s.Status))
		default:
			rotated.RetiringVersion = secret.Version
			rotated.RetiringNotAfter = earlier(c.Now.Add(c.Overlap), s.Settings.ExpiresAt)
		}
	}
	return one(rotated)
}

func elapsed(s State, c Elapse) []events.Data {
	var decided []events.Data
	for _, secret := range s.Secrets {
		if secret.over(c.Now) {
			decided = append(decided, credential.SecretRetired{Concerns: s.Concerns, SecretVersion: secret.Version})
		}
	}
	if s.Status != Expired && s.StatusAt(c.Now) == Expired {
		return append(decided, credential.Expired{Concerns: s.Concerns, ExpiresAt: *s.Settings.ExpiresAt})
	}
	if days, due := s.notice(c.Dated, c.Now); due {
		decided = append(decided, credential.Expiring{
			Concerns: s.Concerns, Name: s.Settings.Name, ExpiresAt: *s.Settings.ExpiresAt, Days: days,
		})
	}
	return decided
}

func earlier(at time.Time, bound *time.Time) *time.Time {
	if bound != nil && bound.Before(at) {
		return bound
	}
	return utc(&at)
}

func one(e events.Data) ([]events.Data, error) { return []events.Data{e}, nil }
