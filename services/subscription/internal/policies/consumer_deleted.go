package policies

import (
	"context"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/services/subscription/internal/domain"
	"github.com/tidegate-io/tidegate/services/subscription/internal/views"
)

// EndWithConsumer cancels every live subscription of a consumer that was
// deleted, pending ones too, and refuses the renewals that wait.
var EndWithConsumer = es.Policy[domain.Command]{
	Name: "end_with_consumer",
	From: []string{consumer.Deleted{}.EventType()},
	React: func(ctx context.Context, e events.Envelope, _ events.Data, r es.Reader) ([]es.Reaction[domain.Command], error) {
		return each(ctx, r, views.ConsumerID, e.Aggregate(), domain.EndWithConsumer{})
	},
}
