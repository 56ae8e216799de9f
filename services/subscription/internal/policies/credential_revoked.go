package policies

import (
	"context"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/services/subscription/internal/domain"
	"github.com/tidegate-io/tidegate/services/subscription/internal/views"
)

// DropCredential takes a credential that was revoked out of every list that
// names it. A list that is emptied admits none.
var DropCredential = es.Policy[domain.Command]{
	Name: "drop_credential",
	From: []string{credential.Revoked{}.EventType()},
	React: func(ctx context.Context, e events.Envelope, _ events.Data, r es.Reader) ([]es.Reaction[domain.Command], error) {
		return each(ctx, r, views.CredentialID, e.Aggregate(), domain.DropCredential{CredentialID: e.Aggregate()})
	},
}
