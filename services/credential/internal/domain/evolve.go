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
		if e.ExpiresAt != nil {
			s = s.dated()
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
		s.Settings.Config = e.Config.Apply(s.Settings.Config)
	case credential.SecretRetired:
		s.Secrets = withSecret(s.Secrets, e.SecretVersion, Retired, nil)
	case credential.Suspended:
		s.Status = Suspended
	case credential.Resumed:
		s.Status = Active
	case credential.Expiring:
		s.Noticed = e.Days
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

// dated is the state with another expiry: its notices begin anew, and an expired
// credential lives again.
func (s State) dated() State {
	s.Noticed = 0
	switch {
	case s.Status != Expired:
	case s.WasSuspended:
		s.Status, s.WasSuspended = Suspended, false
	default:
		s.Status = Active
	}
	return s
}
