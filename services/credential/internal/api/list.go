package api

import (
	"context"
	"time"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
	"github.com/tidegate-io/tidegate/services/credential/internal/views"
)

// FilterInput are the filters that both lists have. It is exported, so that it
// is read where it is embedded: the router sees exported fields alone.
type FilterInput struct {
	Status         string    `query:"status" enum:"active,suspended,expired,revoked,all" doc:"All but revoked ones when left out."`
	Type           string    `query:"type" enum:"api_key,basic,jwt,hmac,oauth2"`
	ExpiringWithin int       `query:"expiring_within_days" minimum:"1" maximum:"36500" doc:"Those that have not expired and will within so many days."`
	Used           string    `query:"used" enum:"never,ever" doc:"Those that were never let through by a gateway, or once at least."`
	UnusedSince    time.Time `query:"unused_since" doc:"Those that were not let through at this moment or later; those that never were, too."`
}

type listInput struct {
	httpapi.Paging
	FilterInput
	ConsumerID string `query:"consumer_id" maxLength:"512"`
}

type consumerListInput struct {
	ConsumerID
	httpapi.Paging
	FilterInput
}

// unrevoked are the statuses that are listed when none is asked for.
var unrevoked = []string{string(domain.Active), string(domain.Suspended), string(domain.Expired)}

// terms answers what the filters ask for, now.
func (in FilterInput) terms(now time.Time) []es.Term {
	where := in.status()
	if in.Type != "" {
		where = append(where, es.Term{Field: views.Type, Values: []string{in.Type}})
	}
	if in.ExpiringWithin > 0 {
		where = append(where,
			es.Term{Field: views.ExpiresAt, Op: es.AtLeast, Values: []string{views.Moment(now)}},
			es.Term{Field: views.ExpiresAt, Op: es.Below, Values: []string{views.Moment(now.Add(days(in.ExpiringWithin)))}})
	}
	if in.Used != "" {
		where = append(where, usedSince("", in.Used == "never"))
	}
	if !in.UnusedSince.IsZero() {
		where = append(where, usedSince(views.Moment(in.UnusedSince), true))
	}
	return where
}

func (in FilterInput) status() []es.Term {
	switch in.Status {
	case "all":
		return nil
	case "":
		return []es.Term{{Field: views.Status, Values: unrevoked}}
	}
	return []es.Term{{Field: views.Status, Values: []string{in.Status}}}
}

// usedSince holds for credentials that were used at a moment or later; the empty
// one: ever.
func usedSince(moment string, not bool) es.Term {
	return es.Term{Fact: views.UsageKind, Op: es.AtLeast, Values: []string{moment}, Not: not}
}

func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }

func (a *API) list(ctx context.Context, in *listInput) (*httpapi.List[Credential], error) {
	where := append(in.terms(a.clock()), httpapi.Visible(ctx, httpapi.Credential).Term(views.Readers)...)
	if in.ConsumerID != "" {
		where = append(where, es.Term{Field: views.ConsumerID, Values: []string{in.ConsumerID}})
	}
	return a.page(ctx, in.Paging, where)
}

func (a *API) listOfConsumer(ctx context.Context, in *consumerListInput) (*httpapi.List[Credential], error) {
	if _, _, err := a.consumer(ctx, in.ID, httpapi.Read); err != nil {
		return nil, err
	}
	return a.page(ctx, in.Paging, append(in.terms(a.clock()), es.Term{Field: views.ConsumerID, Values: []string{in.ID}}))
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
