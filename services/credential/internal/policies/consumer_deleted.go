// Package policies holds what credentials do when something happens elsewhere.
package policies

import (
	"context"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
	"github.com/tidegate-io/tidegate/services/credential/internal/views"
)

// ReasonConsumerDeleted is the reason in the events of revoked credentials.
const ReasonConsumerDeleted = "consumer_deleted"

// unrevoked are the statuses from which a credential can be revoked.
var unrevoked = []string{string(domain.Active), string(domain.Suspended), string(domain.Expired)}

// RevokeWithConsumer revokes every credential of a consumer that was
// deleted. None can be issued meanwhile: when this runs, the consumer is known
// here as deleted, and issuing requires that it is not.
var RevokeWithConsumer = es.Policy[domain.Command]{
	Name: "revoke_with_consumer",
	From: []string{consumer.Deleted{}.EventType()},
	React: func(ctx context.Context, e events.Envelope, _ events.Data, r es.Reader) ([]es.Reaction[domain.Command], error) {
		query := es.Query{View: views.Credentials.Name, Limit: 200, Where: []es.Term{
			{Field: views.ConsumerID, Values: []string{e.Aggregate()}},
			{Field: views.Status, Values: unrevoked},
		}}
		var reactions []es.Reaction[domain.Command]
		for {
			found, next, err := es.Find[views.Credential](ctx, r, query)
			if err != nil {
				return nil, err
			}
			for _, c := range found {
				reactions = append(reactions, es.Reaction[domain.Command]{
					Target:  c.Concerns.CredentialID,
					Command: domain.Revoke{Reason: ReasonConsumerDeleted},
				})
			}
			if next == "" {
				return reactions, nil
			}
			query.After = next
		}
	},
}
