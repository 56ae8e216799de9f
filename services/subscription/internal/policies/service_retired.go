package policies

import (
	"context"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/services/subscription/internal/domain"
	"github.com/tidegate-io/tidegate/services/subscription/internal/views"
)

// EndWithService revokes every live subscription to a service that was retired,
// pending ones too, and refuses the renewals that wait.
var EndWithService = es.Policy[domain.Command]{
	Name: "end_with_service",
	From: []string{catalog.Retired{}.EventType()},
	React: func(ctx context.Context, e events.Envelope, _ events.Data, r es.Reader) ([]es.Reaction[domain.Command], error) {
		return each(ctx, r, views.ServiceID, e.Aggregate(), domain.EndWithService{})
	},
}
