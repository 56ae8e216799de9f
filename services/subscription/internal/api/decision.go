package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/services/subscription/internal/domain"
	"github.com/tidegate-io/tidegate/services/subscription/internal/views"
)

// registerDecisions adds what the provider's side does, and renewals.
func (a *API) registerDecisions(s *httpapi.Server) {
	illegal := domain.ErrIllegal.In("revoked")
	httpapi.Register(s, httpapi.Operation{
		ID: "approve-subscription", Method: http.MethodPost, Path: "/v1/subscriptions/{id}/approve",
		Summary:     "Grant a request, or the renewal that waits",
		Description: "Without expires_at a request is granted for ever, and a renewal till the end that was asked for.",
		Body:        approveBody{Comment: "welcome", ExpiresAt: &exampleEnd}, Answer: exampleSubscription(domain.Active),
		Refusals: []*es.Refusal{illegal, domain.ErrExpiryInPast, domain.ErrSubscribed},
	}, a.approve)
	httpapi.Register(s, httpapi.Operation{
		ID: "reject-subscription", Method: http.MethodPost, Path: "/v1/subscriptions/{id}/reject",
		Summary: "Refuse a request, or the renewal that waits",
		Body:    reasonBody{Reason: "not for shops"}, Answer: exampleSubscription(domain.Rejected), Refusals: []*es.Refusal{illegal},
	}, a.because(func(reason string) domain.Command { return domain.Reject{Reason: reason} }))
	httpapi.Register(s, httpapi.Operation{
		ID: "suspend-subscription", Method: http.MethodPost, Path: "/v1/subscriptions/{id}/suspend",
		Summary: "Have calls refused until it is resumed",
		Body:    reasonBody{Reason: "unpaid"}, Answer: exampleSubscription(domain.Suspended), Refusals: []*es.Refusal{illegal},
	}, a.because(func(reason string) domain.Command { return domain.Suspend{Reason: reason} }))
	httpapi.Register(s, httpapi.Operation{
		ID: "resume-subscription", Method: http.MethodPost, Path: "/v1/subscriptions/{id}/resume",
		Summary: "Have calls judged again", Answer: exampleSubscription(domain.Active), Refusals: []*es.Refusal{illegal},
	}, func(ctx context.Context, in *SubscriptionID) (*httpapi.Object[Subscription], error) {
		return a.command(ctx, in.ID, httpapi.Decide, domain.Resume{})
	})
	httpapi.Register(s, httpapi.Operation{
		ID: "revoke-subscription", Method: http.MethodPost, Path: "/v1/subscriptions/{id}/revoke",
		Summary: "End a subscription, for its provider",
		Body:    reasonBody{Reason: "abuse"}, Answer: exampleSubscription(domain.Revoked), Refusals: []*es.Refusal{illegal},
	}, a.because(func(reason string) domain.Command { return domain.Revoke{Reason: reason} }))
	httpapi.Register(s, httpapi.Operation{
		ID: "renew-subscription", Method: http.MethodPost, Path: "/v1/subscriptions/{id}/renew",
		Summary: "Move the end of a subscription",
		Description: "Of the service's team it counts at once; of the consumer's team at once where approval is automatic, otherwise it waits " +
			"in the approvals and the status stays. An expired one is active again, within the grace (TIDEGATE_RENEW_GRACE); one that was " +
			"suspended when it expired only on the word of the service's team.",
		Body: renewBody{ExpiresAt: &exampleEnd}, Answer: exampleSubscription(domain.Active),
		Refusals: []*es.Refusal{illegal, domain.ErrExpiryInPast, domain.ErrSubscribed},
	}, a.renew)
}

type approveBody struct {
	Comment   string     `json:"comment,omitempty" maxLength:"1024"`
	ExpiresAt *time.Time `json:"expires_at,omitempty" nullable:"true" doc:"In the future."`
}

type approveInput struct {
	SubscriptionID
	Body *approveBody `required:"false"`
}

func (a *API) approve(ctx context.Context, in *approveInput) (*httpapi.Object[Subscription], error) {
	s, err := a.find(ctx, in.ID, httpapi.Decide)
	if err != nil {
		return nil, err
	}
	command := domain.Approve{Now: a.clock(), Grace: a.grace}
	if in.Body != nil {
		command.Comment, command.ExpiresAt = in.Body.Comment, utc(in.Body.ExpiresAt)
	}
	return a.standing(ctx, s, command)
}

type reasonBody struct {
	Reason string `json:"reason" minLength:"1" maxLength:"1024"`
}

type reasonInput struct {
	SubscriptionID
	Body reasonBody
}

// because answers the handler of a provider's command that needs a reason.
func (a *API) because(command func(reason string) domain.Command) func(context.Context, *reasonInput) (*httpapi.Object[Subscription], error) {
	return func(ctx context.Context, in *reasonInput) (*httpapi.Object[Subscription], error) {
		return a.command(ctx, in.ID, httpapi.Decide, command(in.Body.Reason))
	}
}

type renewBody struct {
	ExpiresAt *time.Time `json:"expires_at" doc:"In the future. Null takes the end away: the service's team alone may."`
}

type renewInput struct {
	SubscriptionID
	Body renewBody
}

func (a *API) renew(ctx context.Context, in *renewInput) (*httpapi.Object[Subscription], error) {
	by := domain.ByProvider
	s, err := a.find(ctx, in.ID, httpapi.Decide)
	if errors.Is(err, httpapi.ErrForbidden) {
		if s, err = a.find(ctx, in.ID, httpapi.Write); err == nil {
			by, err = a.renewer(ctx, s)
		}
	}
	if err != nil {
		return nil, err
	}
	return a.standing(ctx, s, domain.Renew{Now: a.clock(), Grace: a.grace, By: by, ExpiresAt: utc(in.Body.ExpiresAt)})
}

// renewer says whether the service grants at once what a consumer's team asks
// for. When its owner cannot be asked, what is known here counts.
func (a *API) renewer(ctx context.Context, s views.Subscription) (domain.Renewer, error) {
	refs := a.judge(ctx, services)
	service, _, err := es.Known[views.Service](ctx, refs.reader, views.ServiceKind, s.Concerns.ServiceID)
	switch {
	case errors.Is(err, es.ErrNotFound):
		return domain.ByConsumer, nil
	case err != nil:
		return domain.ByConsumer, err
	case service.GrantsAtOnce(s.PlanID):
		return domain.ByService, nil
	}
	return domain.ByConsumer, nil
}

// utc answers a moment as events hold it.
func utc(at *time.Time) *time.Time {
	if at == nil {
		return nil
	}
	in := at.UTC()
	return &in
}
