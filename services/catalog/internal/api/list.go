package api

import (
	"context"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/services/catalog/internal/domain"
	"github.com/tidegate-io/tidegate/services/catalog/internal/views"
)

type listInput struct {
	httpapi.Paging
	Status   string `query:"status" enum:"draft,published,deprecated,retired"`
	Kind     string `query:"kind" enum:"rest,ai,mcp"`
	Tag      string `query:"tag" maxLength:"64"`
	Category string `query:"category" maxLength:"64"`
	Team     string `query:"team" maxLength:"256" doc:"The provider's."`
	Text     string `query:"q" maxLength:"256" doc:"Text in id, name, description, category or tags, in any case."`
}

// unretired are the statuses that are listed when none is asked for.
var unretired = []string{string(domain.Draft), string(domain.Published), string(domain.Deprecated)}

func (a *API) list(ctx context.Context, in *listInput) (*httpapi.List[Service], error) {
	query := es.Query{View: views.Services.Name, Text: in.Text, Where: httpapi.Visible(ctx, httpapi.Service).Term(views.Readers)}
	statuses := unretired
	if in.Status != "" {
		statuses = []string{in.Status}
	}
	query.Where = append(query.Where, es.Term{Field: views.Status, Values: statuses})
	for field, value := range map[string]string{views.Kind: in.Kind, views.Tag: in.Tag, views.Category: in.Category, views.Team: in.Team} {
		if value != "" {
			query.Where = append(query.Where, es.Term{Field: field, Values: []string{value}})
		}
	}
	query, err := in.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	found, next, err := es.Find[views.Service](ctx, a.store, query)
	if err != nil {
		return nil, err
	}
	return httpapi.NewList(ctx, each(found, serviceOf), next), nil
}
