package api

import (
	"context"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/subscription"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/services/subscription/internal/domain"
	"github.com/tidegate-io/tidegate/services/subscription/internal/views"
)

type requestInput struct{ Body requestBody }

type requestBody struct {
	ConsumerID    string    `json:"consumer_id" minLength:"1" maxLength:"512"`
	ServiceID     string    `json:"service_id" minLength:"1" maxLength:"63"`
	PlanID        string    `json:"plan_id,omitempty" maxLength:"63" doc:"Left out: the plan default, or the only one."`
	CredentialIDs *[]string `json:"credential_ids,omitempty" nullable:"true" maxItems:"100" uniqueItems:"true" doc:"Null: every credential of the consumer."`
	Reason        string    `json:"reason,omitempty" maxLength:"1024"`
	AsProvider    bool      `json:"as_provider,omitempty" doc:"The service's team subscribes the consumer, without a request."`
}

func (a *API) request(ctx context.Context, in *requestInput) (*httpapi.Created[Subscription], error) {
	command, err := a.requested(ctx, in.Body)
	if err != nil {
		return nil, err
	}
	id := command.Concerns.SubscriptionID
	refs := append(required(command.CredentialIDs),
		es.Ref{Kind: views.ConsumerKind, ID: command.Concerns.ConsumerID},
		es.Ref{Kind: views.ServiceKind, ID: command.Concerns.ServiceID})
	created, err := httpapi.Command(ctx,
		func(opts ...es.Option) error {
			_, err := a.subscriptions.Handle(ctx, id, command, append(opts, es.Requiring(refs...))...)
			return err
		},
		func(ctx context.Context, r es.Reader) (*httpapi.Created[Subscription], error) {
			s, err := read(ctx, r, id)
			if err != nil {
				return nil, err
			}
			return httpapi.NewCreated("/v1/subscriptions/"+id, s.Version, s), nil
		})
	return created, located(err, command.CredentialIDs)
}

// requested makes the command: who may ask, for whom, for what, on what terms.
func (a *API) requested(ctx context.Context, in requestBody) (domain.Request, error) {
	caller := httpapi.CallerFrom(ctx)
	role := httpapi.Developer
	if in.AsProvider {
		role = httpapi.Provider
	}
	if !caller.Is(httpapi.Admin, role) {
		return domain.Request{}, httpapi.ErrForbidden
	}
	sources := []string{consumers, services}
	if in.CredentialIDs != nil && len(*in.CredentialIDs) > 0 {
		sources = append(sources, credentials)
	}
	refs := a.judge(ctx, sources...)

	consumer, err := refs.consumer(ctx, in.ConsumerID)
	if err != nil {
		return domain.Request{}, err
	}
	if !in.AsProvider && !caller.Is(httpapi.Admin) && !caller.In(consumer.Team) {
		return domain.Request{}, httpapi.ErrUnknownReference.At("body.consumer_id") // it never tells that it exists
	}
	service, err := refs.service(ctx, in.ServiceID, func(s views.Service) bool {
		if in.AsProvider {
			return s.Open && (caller.Is(httpapi.Admin) || caller.In(s.Team) || !s.TeamOnly)
		}
		return s.SeenBy(consumer.Team)
	})
	if err != nil {
		return domain.Request{}, err
	}
	if in.AsProvider && !caller.Is(httpapi.Admin) && !caller.In(service.Team) {
		return domain.Request{}, httpapi.ErrForbidden
	}
	plan, err := refs.plan(service, in.PlanID)
	if err != nil {
		return domain.Request{}, err
	}
	if err := refs.credentials(ctx, in.ConsumerID, in.CredentialIDs); err != nil {
		return domain.Request{}, err
	}
	return domain.Request{
		Concerns: events.Concerns{
			SubscriptionID: es.NewTypeID("sub", a.clock()),
			ConsumerID:     in.ConsumerID,
			ServiceID:      in.ServiceID,
			Team:           consumer.Team,
			ProviderTeam:   service.Team,
		},
		ConsumerName:  consumer.Name,
		ServiceName:   service.Name,
		PlanID:        plan.ID,
		CredentialIDs: in.CredentialIDs,
		Reason:        in.Reason,
		Grant:         grant(in.AsProvider, service, plan.ID),
	}, nil
}

func grant(asProvider bool, s views.Service, planID string) string {
	switch {
	case asProvider:
		return subscription.ApprovedAsProvider
	case s.GrantsAtOnce(planID):
		return subscription.ApprovedByService
	}
	return ""
}
