package api

import (
	"context"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/services/subscription/internal/views"
)

type listInput struct {
	httpapi.Paging
	ConsumerID string `query:"consumer_id" maxLength:"512"`
	ServiceID  string `query:"service_id" maxLength:"63"`
	Status     string `query:"status" enum:"pending,active,rejected,withdrawn,suspended,cancelled,revoked,expired"`
}

func (a *API) list(ctx context.Context, in *listInput) (*httpapi.List[Subscription], error) {
	where := httpapi.Visible(ctx, httpapi.Subscription).Term(views.Readers)
	for field, value := range map[string]string{views.ConsumerID: in.ConsumerID, views.ServiceID: in.ServiceID, views.Status: in.Status} {
		if value != "" {
			where = append(where, es.Term{Field: field, Values: []string{value}})
		}
	}
	return a.page(ctx, in.Paging, where)
}

func (a *API) page(ctx context.Context, paging httpapi.Paging, where []es.Term) (*httpapi.List[Subscription], error) {
	query, err := paging.Query(ctx, es.Query{View: views.Subscriptions.Name, Where: where})
	if err != nil {
		return nil, err
	}
	found, next, err := es.Find[views.Subscription](ctx, a.store, query)
	if err != nil {
		return nil, err
	}
	items, err := shown(ctx, a.store, found...)
	if err != nil {
		return nil, err
	}
	return httpapi.NewList(ctx, items, next), nil
}
