package api

import (
	"context"
	"time"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
	"github.com/tidegate-io/tidegate/services/credential/internal/views"
)

// StatusInput is embedded: the router sees exported fields alone.
// StatusInput is the filter that both lists have. It is exported, so that it is
// read where it is embedded.
type StatusInput struct {
	Status string `query:"status" enum:"active,suspended,expired,revoked,all" doc:"All but revoked ones when left out."`
}

type listInput struct {
	httpapi.Paging
	StatusInput
	Type           string `query:"type" enum:"api_key,basic,jwt,hmac,oauth2"`
	ConsumerID     string `query:"consumer_id" maxLength:"512"`
	ExpiringWithin int    `query:"expiring_within_days" minimum:"1" maximum:"36500" doc:"Those that have not expired and will within so many days."`
}

type consumerListInput struct {
	ConsumerID
	httpapi.Paging
	StatusInput
}

// unrevoked are the statuses that are listed when none is asked for.
var unrevoked = []string{string(domain.Active), string(domain.Suspended), string(domain.Expired)}

func (in StatusInput) terms() []es.Term {
	switch in.Status {
	case "all":
		return nil
	case "":
		return []es.Term{{Field: views.Status, Values: unrevoked}}
	}
	return []es.Term{{Field: views.Status, Values: []string{in.Status}}}
}

func (a *API) list(ctx context.Context, in *listInput) (*httpapi.List[Credential], error) {
	where := in.terms()
	for field, value := range map[string]string{views.Type: in.Type, views.ConsumerID: in.ConsumerID} {
		if value != "" {
			where = append(where, es.Term{Field: field, Values: []string{value}})
		}
	}
	if in.ExpiringWithin > 0 {
		now := a.clock()
		where = append(where,
			es.Term{Field: views.ExpiresAt, Op: es.AtLeast, Values: []string{views.Moment(now)}},
			es.Term{Field: views.ExpiresAt, Op: es.Below, Values: []string{views.Moment(now.Add(time.Duration(in.ExpiringWithin) * 24 * time.Hour))}})
	}
	return a.page(ctx, in.Paging, append(where, httpapi.Visible(ctx, httpapi.Credential).Term(views.Readers)...))
}

func (a *API) listOfConsumer(ctx context.Context, in *consumerListInput) (*httpapi.List[Credential], error) {
	if _, _, err := a.consumer(ctx, in.ID, httpapi.Read); err != nil {
		return nil, err
	}
	return a.page(ctx, in.Paging, append(in.terms(), es.Term{Field: views.ConsumerID, Values: []string{in.ID}}))
}

func (a *API) page(ctx context.Context, paging httpapi.Paging, where []es.Term) (*httpapi.List[Credential], error) {
	query, err := paging.Query(ctx, es.Query{View: views.Credentials.Name, Where: where})
	if err != nil {
		return nil, err
	}
	found, next, err := es.Find[views.Credential](ctx, a.store, query)
	if err != nil {
		return nil, err
	}
	items, err := show(ctx, a.store, found...)
	if err != nil {
		return nil, err
	}
	return httpapi.NewList(ctx, items, next), nil
}
