package views

import (
	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/es"
)

// Credential is what is known here of a credential: whose it is.
type Credential struct{ ConsumerID string }

// CredentialKind is the kind of the facts about credentials.
const CredentialKind = "credential"

// Credentials are live till they are revoked.
var Credentials = es.ReferenceOf(CredentialKind, "credential", ofCredential, func(c Credential, _ events.Envelope, data events.Data) (Credential, bool) {
	if issued, ok := data.(credential.Issued); ok {
		c.ConsumerID = issued.ConsumerID
	}
	_, revoked := data.(credential.Revoked)
	return c, !revoked
})

// ofCredential: the context has other aggregates too.
func ofCredential(e events.Envelope, _ events.Data) string {
	if credential.IsCredential(e.Aggregate()) {
		return e.Aggregate()
	}
	return ""
}
