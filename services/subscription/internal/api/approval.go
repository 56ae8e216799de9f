package api

import (
	"context"
	"net/http"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/services/subscription/internal/domain"
	"github.com/tidegate-io/tidegate/services/subscription/internal/views"
)

func (a *API) registerApprovals(s *httpapi.Server) {
	httpapi.Register(s, httpapi.Operation{
		ID: "list-approvals", Method: http.MethodGet, Path: "/v1/approvals", Tag: "approval",
		Summary:     "List what waits for your decision",
		Description: "Requests for your teams' services and renewals of subscriptions to them. Who decides nothing sees nothing.",
		Answer:      httpapi.Page[Subscription]{Items: []Subscription{exampleSubscription(domain.Pending)}},
	}, a.approvals)
}

type approvalsInput struct{ httpapi.Paging }

func (a *API) approvals(ctx context.Context, in *approvalsInput) (*httpapi.List[Subscription], error) {
	waiting := es.Term{Field: views.Waiting, Values: []string{views.Yes}}
	return a.page(ctx, in.Paging, append(httpapi.Deciding(ctx).Term(views.Readers), waiting))
}
