package domain

import (
	"slices"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/credential"
)

func evolve(s State, e events.Data) State {
	switch e := e.(type) {
	case credential.Issued:
		return State{
			Status:          Active,
			ID:              e.CredentialID,
			ConsumerID:      e.ConsumerID,
			Team:            e.Team,
			Name:            e.Name,
			Type:            e.Type,
			Placement:       e.Placement,
			Config:          e.Config,
			ExpiresAt:       e.ExpiresAt,
			HideCredentials: e.HideCredentials,
			Secrets:         []Secret{{Version: e.SecretVersion, Status: Live}},
		}
	case credential.Updated:
		s.Name = e.Name.Apply(s.Name)
		s.Placement = e.Placement.Apply(s.Placement)
		s.Config = e.Config.Apply(s.Config)
		s.HideCredentials = e.HideCredentials.Apply(s.HideCredentials)
		s.ExpiresAt = e.ExpiresAt.Apply(s.ExpiresAt)
		if e.ExpiresAt != nil && s.Status == Expired {
			s.Status = Active
			if s.WasSuspended {
				s.Status, s.WasSuspended = Suspended, false
			}
		}
	case credential.Rotated:
		s.Secrets = slices.Clone(s.Secrets)
		for _, version := range e.RetiredVersions {
			s.setSecret(version, Retired, nil)
		}
		if e.RetiringVersion != 0 {
			s.setSecret(e.RetiringVersion, Retiring, e.RetiringNotAfter)
		}
		s.Secrets = forget(append(s.Secrets, Secret{Version: e.SecretVersion, Status: Live}))
	case credential.SecretRetired:
		s.Secrets = slices.Clone(s.Secrets)
		s.setSecret(e.SecretVersion, Retired, nil)
	case credential.Suspended:
		s.Status = Suspended
	case credential.Resumed:
		s.Status = Active
	case credential.Expired:
		s.WasSuspended = s.Status == Suspended
		s.Status = Expired
	case credential.Revoked:
		s.Status, s.WasSuspended = Revoked, false
		s.Secrets = slices.Clone(s.Secrets)
		for _, secret := range s.Accepted() {
			s.setSecret(secret.Version, Retired, nil)
		}
	}
	return s
}

// setSecret changes a version in place. notAfter nil keeps the moment that was
// set before.
func (s State) setSecret(version int, status SecretStatus, notAfter *time.Time) {
	for i := range s.Secrets {
		if s.Secrets[i].Version == version {
			s.Secrets[i].Status = status
			if notAfter != nil {
				s.Secrets[i].NotAfter = notAfter
			}
		}
	}
}

// forget drops the oldest retired versions beyond KeptSecrets.
func forget(secrets []Secret) []Secret {
	retired := 0
	for _, secret := range secrets {
		if secret.Status == Retired {
			retired++
		}
	}
	for i := 0; retired > KeptSecrets; {
		if secrets[i].Status == Retired {
			secrets = slices.Delete(secrets, i, i+1)
			retired--
			continue
		}
		i++
	}
	return secrets
}
