package api

import (
	"context"
	"strings"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/services/consumer/internal/domain"
	"github.com/tidegate-io/tidegate/services/consumer/internal/views"
)

type listInput struct {
	httpapi.Paging
	Team   string   `query:"team" maxLength:"256"`
	Status string   `query:"status" enum:"active,suspended,deleted" doc:"All but deleted ones when left out."`
	Label  []string `query:"label,explode" maxItems:"16" doc:"key:value; given several times, all must be there."`
	Text   string   `query:"q" maxLength:"256" doc:"Part of the id, name or description, in any case."`
}

// filter answers the conditions that were asked for.
func (in *listInput) filter() ([]es.Term, error) {
	status := es.Term{Field: views.Status, Values: []string{string(domain.Active), string(domain.Suspended)}}
	if in.Status != "" {
		status.Values = []string{in.Status}
	}
	where := []es.Term{status}
	if in.Team != "" {
		where = append(where, es.Term{Field: views.Team, Values: []string{in.Team}})
	}
	for _, label := range in.Label {
		if key, value, ok := strings.Cut(label, ":"); !ok || key == "" || value == "" {
			return nil, httpapi.Invalid("query.label", "expected key:value")
		}
		where = append(where, es.Term{Field: views.Label, Values: []string{label}})
	}
	return where, nil
}

func (a *API) list(ctx context.Context, in *listInput) (*httpapi.List[Consumer], error) {
	where, err := in.filter()
	if err != nil {
		return nil, err
	}
	query, err := in.Query(ctx, es.Query{View: views.Consumers.Name, Where: where, Text: in.Text})
	if err != nil {
		return nil, err
	}
	scope := httpapi.Visible(ctx, httpapi.Consumer)
	if !scope.All && httpapi.CallerFrom(ctx).Is(httpapi.Provider) {
		return a.listForProvider(ctx, in, query, scope)
	}
	query.Where = append(query.Where, scope.Term(views.Readers)...)
	found, next, err := es.Find[views.Consumer](ctx, a.store, query)
	if err != nil {
		return nil, err
	}
	items := make([]Consumer, len(found))
	shown := make([]*Consumer, len(found))
	for i, c := range found {
		items[i] = consumerOf(c)
		shown[i] = &items[i]
	}
	if err := a.reveal(ctx, a.store, shown...); err != nil {
		return nil, err
	}
	return httpapi.NewList(ctx, items, next), nil
}

// Of consumers that are not its own a provider sees those that subscribe to its
// services. These cannot be looked for, so every consumer is looked at: so many
// at a time, and so many times for one answer.
const (
	looks    = 200
	maxLooks = 10
)

// listForProvider answers its teams' consumers whole when it is a developer too,
// and its subscribers as far as it sees them.
func (a *API) listForProvider(ctx context.Context, in *listInput, query es.Query, scope httpapi.Scope) (*httpapi.List[Consumer], error) {
	limit := query.Limit
	var items []Consumer
	for range maxLooks {
		query.Limit = looks
		found, next, err := es.Find[views.Consumer](ctx, a.store, query)
		if err != nil {
			return nil, err
		}
		seen, err := a.seen(ctx, in, found, scope)
		if err != nil {
			return nil, err
		}
		for i := range found {
			if seen[i] == nil {
				continue
			}
			if items = append(items, *seen[i]); len(items) < limit {
				continue
			}
			// The page is full: its cursor is that of a look that ends here.
			query.Limit = i + 1
			page, err := a.store.Find(ctx, query)
			if err != nil {
				return nil, err
			}
			return httpapi.NewList(ctx, items, page.Next), nil
		}
		if query.After = next; next == "" {
			break
		}
	}
	return httpapi.NewList(ctx, items, query.After), nil
}

// seen answers of each consumer what the caller sees; nil: nothing.
func (a *API) seen(ctx context.Context, in *listInput, found []views.Consumer, scope httpapi.Scope) ([]*Consumer, error) {
	ids := make([]string, len(found))
	for i, c := range found {
		ids[i] = c.Concerns.ConsumerID
	}
	subscribers, err := views.SubscribersOf(ctx, a.store, ids)
	if err != nil {
		return nil, err
	}
	own := httpapi.Caller{Teams: scope.Teams}
	caller := httpapi.CallerFrom(ctx)
	seen := make([]*Consumer, len(found))
	var whole []*Consumer
	for i, c := range found {
		switch {
		case own.In(c.Concerns.Team):
			shown := consumerOf(c)
			seen[i] = &shown
			whole = append(whole, &shown)
		case subscribers[ids[i]].Of(caller.Teams) && in.glimpses(c):
			shown := glimpse(c)
			seen[i] = &shown
		}
	}
	return seen, a.reveal(ctx, a.store, whole...)
}

// glimpses says whether a filter finds a consumer by what a provider sees of
// it: asking for the rest must not tell it.
func (in *listInput) glimpses(c views.Consumer) bool {
	if in.Team != "" || in.Status != "" {
		return false
	}
	visible := c.Concerns.ConsumerID + "\n" + c.Profile.Name
	return strings.Contains(strings.ToLower(visible), strings.ToLower(in.Text))
}
