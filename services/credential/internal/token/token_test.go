package token_test

import (
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/es/estest"
	"github.com/tidegate-io/tidegate/services/credential/internal/token"
)

func TestATokenIsRevokedOnce(t *testing.T) {
	of := events.Concerns{ConsumerID: "acme", CredentialID: "cred_1", Team: "payments"}
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	revoke := token.Revoke{Of: of, ID: "tok_1", ExpiresAt: noon.In(time.FixedZone("", 3600))}
	revoked := credential.TokenRevoked{Concerns: of, TokenID: "tok_1", ExpiresAt: noon}
	estest.For(t, token.Decider).Given().When(revoke).Then(revoked)
	estest.For(t, token.Decider).Given(revoked).When(revoke).Then()
}
