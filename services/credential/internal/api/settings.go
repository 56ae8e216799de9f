package api

import (
	"context"
	"encoding/json"
	"time"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
	"github.com/tidegate-io/tidegate/services/credential/internal/views"
)

// Credential is a credential as callers see it.
type Credential struct {
	ID              string                     `json:"id"`
	ConsumerID      string                     `json:"consumer_id"`
	Name            string                     `json:"name" doc:"Unique among the consumer's unrevoked credentials."`
	Type            string                     `json:"type" enum:"api_key,basic,jwt,hmac,oauth2" doc:"Never changes."`
	Placement       Placement                  `json:"placement"`
	Config          map[string]json.RawMessage `json:"config" doc:"The type's settings, without any secret."`
	ExpiresAt       *time.Time                 `json:"expires_at" nullable:"true" doc:"Null: never."`
	HideCredentials bool                       `json:"hide_credentials" doc:"Whether the gateway takes the credential out before it forwards the call."`
	Status          string                     `json:"status" enum:"active,suspended,revoked,expired" doc:"expired comes within 5 s; gateways judge by their clock at once."`
	Secrets         []Secret                   `json:"secrets" doc:"The versions of the secret, oldest first; of retired ones the newest 20."`
	LastUsedAt      *time.Time                 `json:"last_used_at" nullable:"true" doc:"When a gateway let it through for the last time, known within 10 s; null: never. It is no part of the version."`
	UseCount        int64                      `json:"use_count" doc:"How often gateways let it through. It is no part of the version."`
	Version         int64                      `json:"version"`
	CreatedAt       time.Time                  `json:"created_at"`
	UpdatedAt       time.Time                  `json:"updated_at"`
}

// Placement is where in a request callers put the credential.
type Placement struct {
	In   string `json:"in" enum:"header,query,cookie,body"`
	Name string `json:"name" minLength:"1" maxLength:"128" doc:"Of the header, parameter, cookie or field."`
}

// Secret is one version of the secret, without the secret.
type Secret struct {
	Version   int        `json:"version"`
	Hint      string     `json:"hint" doc:"What may be seen of it; empty when it is retired, of a password or signing secret that was chosen, and of what came as a hash. Of a public key the beginning of its SHA-256."`
	Status    string     `json:"status" enum:"live,retiring,retired" doc:"A retiring one is accepted until not_after."`
	NotAfter  *time.Time `json:"not_after" nullable:"true"`
	CreatedAt time.Time  `json:"created_at"`
}

// Issued is a credential with its secret, in the one answer that shows it.
type Issued struct {
	Credential
	Secret   any      `json:"secret" doc:"Shown this once, and null when the answer is replayed. Its members are the type's."`
	Warnings []string `json:"warnings,omitempty" enum:"secret_short" doc:"What was accepted and is not well done. secret_short: the secret is shorter than the algorithm's hash, or a password or secret key than 8 bytes."`
}

// credentialOf answers a credential without the hints of its secrets.
func credentialOf(c views.Credential) Credential {
	shown := Credential{
		ID:              c.Concerns.CredentialID,
		ConsumerID:      c.Concerns.ConsumerID,
		Name:            c.Settings.Name,
		Type:            c.Type,
		Placement:       Placement(c.Settings.Placement),
		Config:          configOf(c.Settings.Config),
		ExpiresAt:       c.Settings.ExpiresAt,
		HideCredentials: c.Settings.HideCredentials,
		Status:          string(c.Status),
		Secrets:         make([]Secret, len(c.Secrets)),
		Version:         c.Version,
		CreatedAt:       c.CreatedAt,
		UpdatedAt:       c.UpdatedAt,
	}
	for i, s := range c.Secrets {
		shown.Secrets[i] = Secret{Version: s.Version, Status: string(s.Status), NotAfter: s.NotAfter, CreatedAt: c.SecretsAt[s.Version]}
	}
	return shown
}

// configOf answers the members of a config; types keep objects alone.
func configOf(raw json.RawMessage) map[string]json.RawMessage {
	config := map[string]json.RawMessage{}
	_ = json.Unmarshal(raw, &config)
	return config
}

// show answers credentials with their uses and the hints of those secrets that
// are accepted.
func show(ctx context.Context, r es.Reader, found ...views.Credential) ([]Credential, error) {
	shown := make([]Credential, len(found))
	var keys []string
	for i, c := range found {
		shown[i] = credentialOf(c)
		for _, s := range c.Secrets {
			if s.Status != domain.Retired {
				keys = append(keys, domain.MaterialKey(c.Concerns.CredentialID, s.Version))
			}
		}
	}
	if err := showUses(ctx, r, shown); err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return shown, nil
	}
	material, err := r.Material(ctx, keys...)
	if err != nil {
		return nil, err
	}
	for _, c := range shown {
		for i, s := range c.Secrets {
			c.Secrets[i].Hint = material[domain.MaterialKey(c.ID, s.Version)].Hint
		}
	}
	return shown, nil
}

// present answers one credential as a reader has it.
func present(ctx context.Context, r es.Reader, id string) (Credential, error) {
	c, err := es.Get[views.Credential](ctx, r, views.Credentials.Name, id)
	if err != nil {
		return Credential{}, err
	}
	shown, err := show(ctx, r, c)
	if err != nil {
		return Credential{}, err
	}
	return shown[0], nil
}
