package domain

import (
	"slices"
	"time"
)

// SecretStatus is where one version of a secret is in its life.
type SecretStatus string

// The statuses of a secret version.
const (
	Live     SecretStatus = "live"
	Retiring SecretStatus = "retiring" // accepted until NotAfter
	Retired  SecretStatus = "retired"
)

// Secret is one version of a secret, without the secret.
type Secret struct {
	Version  int          `json:"version"`
	Status   SecretStatus `json:"status"`
	NotAfter *time.Time   `json:"not_after"`
}

// MaxRetired is how many retired versions are remembered.
const MaxRetired = 20

// MaxOverlap is how long a secret may live on after a rotation.
const MaxOverlap = 30 * 24 * time.Hour

func (s Secret) accepted() bool { return s.Status != Retired }

// AcceptedAt says whether the secret counts at a moment: an overlap that has
// ended counts before the clock has recorded it.
func (s Secret) AcceptedAt(at time.Time) bool { return s.accepted() && !s.over(at) }

// over says whether the overlap has ended.
func (s Secret) over(at time.Time) bool {
	return s.Status == Retiring && s.NotAfter != nil && !at.Before(*s.NotAfter)
}

// NextVersion is the version of the secret that a rotation makes.
func (s State) NextVersion() int {
	if len(s.Secrets) == 0 {
		return 1
	}
	return s.Secrets[len(s.Secrets)-1].Version + 1
}

func (s State) accepts(version int) bool {
	return slices.ContainsFunc(s.Secrets, func(secret Secret) bool {
		return secret.Version == version && secret.accepted()
	})
}

// withSecret answers the secrets with one of them changed; notAfter nil keeps
// the moment that it has.
func withSecret(secrets []Secret, version int, status SecretStatus, notAfter *time.Time) []Secret {
	secrets = slices.Clone(secrets)
	for i := range secrets {
		if secrets[i].Version != version {
			continue
		}
		secrets[i].Status = status
		if notAfter != nil {
			secrets[i].NotAfter = notAfter
		}
	}
	return secrets
}

// remembered answers the secrets without the oldest retired ones.
func remembered(secrets []Secret) []Secret {
	surplus := -MaxRetired
	for _, secret := range secrets {
		if !secret.accepted() {
			surplus++
		}
	}
	return slices.DeleteFunc(secrets, func(secret Secret) bool {
		if secret.accepted() || surplus <= 0 {
			return false
		}
		surplus--
		return true
	})
}

// NextDue is the next moment at which time changes something: an overlap ends, a
// notice is to be told, or the credential expires. dated is when its expiry was
// set.
func (s State) NextDue(dated time.Time) (due time.Time, ok bool) {
	consider := func(at *time.Time) {
		if at != nil && (!ok || at.Before(due)) {
			due, ok = *at, true
		}
	}
	if s.Status == Revoked {
		return due, false
	}
	for _, secret := range s.Secrets {
		if secret.Status == Retiring {
			consider(secret.NotAfter)
		}
	}
	if s.Status != Expired {
		consider(s.Settings.ExpiresAt)
		for _, moment := range s.notices(dated) {
			consider(&moment)
		}
	}
	return due, ok
}
