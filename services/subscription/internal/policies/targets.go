// Package policies holds what subscriptions do when something happens
// elsewhere.
//
// Nothing slips past a cascade: when it runs, what it reacts to is known here
// already, and whatever makes a subscription live, or lists a credential,
// requires in its append that it is not.
package policies

import (
	"context"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/services/subscription/internal/domain"
	"github.com/tidegate-io/tidegate/services/subscription/internal/views"
)

// unfinished are the statuses from which something can follow.
var unfinished = es.Term{Field: views.Status, Values: []string{
	string(domain.Pending), string(domain.Active), string(domain.Suspended), string(domain.Expired),
}}

// each answers one command to every unfinished subscription with a field's
// value.
func each(ctx context.Context, r es.Reader, field, value string, command domain.Command) ([]es.Reaction[domain.Command], error) {
	query := es.Query{View: views.Subscriptions.Name, Limit: 200, Where: []es.Term{{Field: field, Values: []string{value}}, unfinished}}
	var reactions []es.Reaction[domain.Command]
	for {
		page, err := r.Find(ctx, query)
		if err != nil {
			return nil, err
		}
		for _, doc := range page.Docs {
			reactions = append(reactions, es.Reaction[domain.Command]{Target: doc.Key, Command: command})
		}
		if page.Next == "" {
			return reactions, nil
		}
		query.After = page.Next
	}
}
