package domain

import (
	"slices"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/credential"
)

func evolve(s State, e events.Data) State {
	switch e := e.(type) {
	case credential.Issued:
		return State{
			Concerns: e.Concerns,
			Status:   Active,
			Type:     e.Type,
			Settings: Settings{
				Name:            e.Name,
				Placement:       e.Placement,
				Config:          e.Config,
				ExpiresAt:       e.ExpiresAt,
				HideCredentials: e.HideCredentials,
			},
			Secrets: []Secret{{Version: e.SecretVersion, Status: Live}},
		}
	case credential.Updated:
		s.Settings = s.Settings.After(e)
		if e.ExpiresAt != nil && s.Status == Expired {
			s = s.revived()
		}
	case credential.Rotated:
		for _, version := range e.RetiredVersions {
			s.Secrets = withSecret(s.Secrets, version, Retired, nil)
		}
		if e.RetiringVersion != 0 {
			s.Secrets = withSecret(s.Secrets, e.RetiringVersion, Retiring, e.RetiringNotAfter)
		}
		live := Secret{Version: e.SecretVersion, Status: Live}
		s.Secrets = remembered(append(slices.Clip(s.Secrets), live))
	case credential.SecretRetired:
		s.Secrets = withSecret(s.Secrets, e.SecretVersion, Retired, nil)
	case credential.Suspended:
		s.Status = Suspended
	case credential.Resumed:
		s.Status = Active
	case credential.Expired:
		s.WasSuspended, s.Status = s.Status == Suspended, Expired
	case credential.Revoked:
		s.WasSuspended, s.Status = false, Revoked
		for _, secret := range s.Secrets {
			s.Secrets = withSecret(s.Secrets, secret.Version, Retired, nil)
		}
	}
	return s
}

// revived is the state of an expired credential that was given a later expiry.
func (s State) revived() State {
	if s.WasSuspended {
		s.Status, s.WasSuspended = Suspended, false
		return s
	}
	s.Status = Active
	return s
}
