package gatewaytest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/events/subscription"
	"github.com/tidegate-io/tidegate/libs/secret"
)

// Header is a placement in a header.
func Header(name string) credential.Placement { return credential.Placement{In: "header", Name: name} }

// Consumer registers a consumer.
func (w *World) Consumer(t testing.TB, id string, change ...func(*consumer.Registered)) {
	t.Helper()
	data := consumer.Registered{Concerns: events.Concerns{ConsumerID: id, Team: "team"}, Name: id}
	for _, c := range change {
		c(&data)
	}
	w.Publish(t, "consumer-"+id, data)
}

// Service publishes a service at "/<id>" in front of upstreams.
func (w *World) Service(t testing.TB, id string, upstream string, change ...func(*catalog.Drafted)) {
	t.Helper()
	data := catalog.Drafted{
		Concerns: events.Concerns{ServiceID: id, ProviderTeam: "providers"}, Name: id, Kind: "rest", Visibility: "public",
		Routes:    []catalog.Route{{PathPrefix: "/" + id, StripPrefix: true}},
		Upstreams: []catalog.Upstream{{URL: upstream, Weight: 1}},
		Accepts:   []string{credential.TypeAPIKey, credential.TypeBasic, credential.TypeJWT, credential.TypeHMAC, credential.TypeOAuth2},
		Plans:     []catalog.Plan{{ID: "default"}}, TimeoutSeconds: 2,
	}
	for _, c := range change {
		c(&data)
	}
	w.Publish(t, "service-"+id, data)
	w.Publish(t, "service-"+id, catalog.Published{Concerns: data.Concerns, Name: id})
}

// Subscribe subscribes a consumer to a service, approved.
func (w *World) Subscribe(t testing.TB, id, consumerID, serviceID string) {
	t.Helper()
	concerns := events.Concerns{SubscriptionID: id, ConsumerID: consumerID, ServiceID: serviceID}
	w.Publish(t, "subscription-"+id, subscription.Requested{Concerns: concerns, PlanID: "default"})
	w.Publish(t, "subscription-"+id, subscription.Approved{Concerns: concerns, PlanID: "default", Mode: subscription.ApprovedManually})
}

// Credential issues a credential without its material.
func (w *World) Credential(t testing.TB, id, consumerID string, change ...func(*credential.Issued)) {
	t.Helper()
	data := credential.Issued{
		Concerns: events.Concerns{CredentialID: id, ConsumerID: consumerID}, Name: id, Type: credential.TypeAPIKey,
		Placement: Header("X-API-Key"), SecretVersion: 1,
	}
	for _, c := range change {
		c(&data)
	}
	w.Publish(t, "credential-"+id, data)
}

// APIKey issues a credential with a generated key and answers it.
func (w *World) APIKey(t testing.TB, id, consumerID string, change ...func(*credential.Issued)) (key string) {
	t.Helper()
	key = secret.Generate(secret.APIKey)
	w.Credential(t, id, consumerID, change...)
	w.Key(t, id, 1, key)
	return key
}

// Basic issues a credential with a user name and a password, which is hashed
// when it was chosen.
func (w *World) Basic(t testing.TB, id, consumerID, user, password string) {
	t.Helper()
	w.Credential(t, id, consumerID, func(d *credential.Issued) {
		d.Type, d.Placement = credential.TypeBasic, Header("Authorization")
		d.Config, _ = json.Marshal(map[string]string{"username": user})
	})
	if secret.Check(password) == nil {
		w.Key(t, id, 1, password)
	} else {
		w.Put(t, id, 1, secret.PasswordProof(secret.HashPassword(password)))
	}
}

// Revoke revokes a credential.
func (w *World) Revoke(t testing.TB, id string) {
	t.Helper()
	w.Publish(t, "credential-"+id, credential.Revoked{Concerns: events.Concerns{CredentialID: id}})
}

// Rotate rotates a credential and answers the new key; the old one lives for the
// overlap.
func (w *World) Rotate(t testing.TB, id string, version int, overlap time.Duration) (key string) {
	t.Helper()
	key = secret.Generate(secret.APIKey)
	data := credential.Rotated{Concerns: events.Concerns{CredentialID: id}, SecretVersion: version}
	if overlap > 0 {
		until := time.Now().Add(overlap)
		data.RetiringVersion, data.RetiringNotAfter = version-1, &until
	} else {
		data.RetiredVersions = []int{version - 1}
	}
	w.Publish(t, "credential-"+id, data)
	w.Key(t, id, version, key)
	return key
}
