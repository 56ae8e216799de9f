package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/services/subscription/internal/domain"
	"github.com/tidegate-io/tidegate/services/subscription/internal/views"
)

// registerSubscriptions adds what both sides read and the consumer's side does.
func (a *API) registerSubscriptions(s *httpapi.Server) {
	illegal := domain.ErrIllegal.In("revoked")
	httpapi.Register(s, httpapi.Operation{
		ID: "create-subscription", Method: http.MethodPost, Path: "/v1/subscriptions", Status: http.StatusCreated,
		Summary: "Ask for a service, on behalf of a consumer",
		Description: "It waits for the service's team, unless the plan or service approves by itself. A published or deprecated service " +
			"that the consumer's team sees may be asked for.",
		Body:   requestBody{ConsumerID: "webshop", ServiceID: "petstore", Reason: "to sell pets"},
		Answer: exampleSubscription(domain.Pending),
		Refusals: []*es.Refusal{
			domain.ErrSubscribed, httpapi.ErrUnknownReference.At("body.service_id"), httpapi.ErrReferenceUnavailable.At("body.service_id"),
		},
	}, a.request)
	httpapi.Register(s, httpapi.Operation{
		ID: "list-subscriptions", Method: http.MethodGet, Path: "/v1/subscriptions", Summary: "List subscriptions",
		Description: "Those of your teams' consumers and to your teams' services, of every status.",
		Answer:      httpapi.Page[Subscription]{Items: []Subscription{exampleSubscription(domain.Active)}},
	}, a.list)
	httpapi.Register(s, httpapi.Operation{
		ID: "get-subscription", Method: http.MethodGet, Path: "/v1/subscriptions/{id}", Summary: "Get a subscription",
		Answer: exampleSubscription(domain.Active),
	}, a.get)
	httpapi.Register(s, httpapi.Operation{
		ID: "withdraw-subscription", Method: http.MethodPost, Path: "/v1/subscriptions/{id}/withdraw", Summary: "Take a request back",
		Answer: exampleSubscription(domain.Withdrawn), Refusals: []*es.Refusal{illegal},
	}, func(ctx context.Context, in *SubscriptionID) (*httpapi.Object[Subscription], error) {
		return a.command(ctx, in.ID, httpapi.Write, domain.Withdraw{})
	})
	httpapi.Register(s, httpapi.Operation{
		ID: "cancel-subscription", Method: http.MethodPost, Path: "/v1/subscriptions/{id}/cancel", Summary: "End a subscription, for its consumer",
		Answer: exampleSubscription(domain.Cancelled), Refusals: []*es.Refusal{illegal},
	}, func(ctx context.Context, in *SubscriptionID) (*httpapi.Object[Subscription], error) {
		return a.command(ctx, in.ID, httpapi.Write, domain.Cancel{})
	})
	httpapi.Register(s, httpapi.Operation{
		ID: "assign-subscription-credentials", Method: http.MethodPut, Path: "/v1/subscriptions/{id}/credentials",
		Summary:     "Say which credentials may use a subscription",
		Description: "Null: every credential of the consumer. An empty list admits none.",
		Body:        credentialsBody{CredentialIDs: &[]string{"cred_01kakqw3g4ez8v7x2m5n6p7q8r"}}, Answer: exampleSubscription(domain.Active),
		Refusals: []*es.Refusal{illegal, httpapi.ErrUnknownReference.At(credentialAt(0)), httpapi.ErrReferenceUnavailable.At(credentialAt(0))},
	}, a.assign)
	httpapi.RegisterHistory(s, httpapi.HistoryConfig{
		Path: "/v1/subscriptions/{id}/history", Category: domain.Decider.Category, Streams: a.store,
		May: func(ctx context.Context, id string) error {
			_, err := a.find(ctx, id, httpapi.Read)
			return err
		},
	})
}

// SubscriptionID is the input of what is about one subscription.
type SubscriptionID struct {
	ID string `path:"id" maxLength:"512" doc:"The subscription's id."`
}

func (a *API) get(ctx context.Context, in *SubscriptionID) (*httpapi.Object[Subscription], error) {
	s, err := a.find(ctx, in.ID, httpapi.Read)
	if err != nil {
		return nil, err
	}
	items, err := shown(ctx, a.store, s)
	if err != nil {
		return nil, err
	}
	return httpapi.NewObject(s.Version, items[0]), nil
}

type credentialsBody struct {
	CredentialIDs *[]string `json:"credential_ids" nullable:"true" maxItems:"100" uniqueItems:"true"`
}

type credentialsInput struct {
	SubscriptionID
	Body credentialsBody
}

func (a *API) assign(ctx context.Context, in *credentialsInput) (*httpapi.Object[Subscription], error) {
	s, err := a.find(ctx, in.ID, httpapi.Write)
	if err != nil {
		return nil, err
	}
	ids := in.Body.CredentialIDs
	if ids != nil && len(*ids) > 0 {
		if err := a.judge(ctx, credentials).credentials(ctx, s.Concerns.ConsumerID, ids); err != nil {
			return nil, err
		}
	}
	assigned, err := a.handle(ctx, in.ID, domain.AssignCredentials{CredentialIDs: ids}, required(ids)...)
	return assigned, located(err, ids)
}

// command runs a command that one side of a subscription may give.
func (a *API) command(ctx context.Context, id string, verb httpapi.Verb, c domain.Command) (*httpapi.Object[Subscription], error) {
	if _, err := a.find(ctx, id, verb); err != nil {
		return nil, err
	}
	return a.handle(ctx, id, c)
}

func (a *API) handle(ctx context.Context, id string, c domain.Command, refs ...es.Ref) (*httpapi.Object[Subscription], error) {
	return httpapi.Command(ctx,
		func(opts ...es.Option) error {
			_, err := a.subscriptions.Handle(ctx, id, c, append(opts, es.Requiring(refs...))...)
			return err
		},
		func(ctx context.Context, r es.Reader) (*httpapi.Object[Subscription], error) {
			s, err := read(ctx, r, id)
			if err != nil {
				return nil, err
			}
			return httpapi.NewObject(s.Version, s), nil
		})
}

// standing runs a command that needs a consumer and a service that have not
// ended, and so never brings back what a cascade has not yet reached.
func (a *API) standing(ctx context.Context, s views.Subscription, c domain.Command) (*httpapi.Object[Subscription], error) {
	answer, err := a.handle(ctx, s.Concerns.SubscriptionID, c,
		es.Ref{Kind: views.ConsumerKind, ID: s.Concerns.ConsumerID}, es.Ref{Kind: views.ServiceKind, ID: s.Concerns.ServiceID})
	if errors.Is(err, es.ErrReference) {
		return nil, domain.ErrGone.In(string(s.Status))
	}
	return answer, err
}

// read answers a subscription as callers see it.
func read(ctx context.Context, r es.Reader, id string) (Subscription, error) {
	s, err := es.Get[views.Subscription](ctx, r, views.Subscriptions.Name, id)
	if err != nil {
		return Subscription{}, err
	}
	items, err := shown(ctx, r, s)
	if err != nil {
		return Subscription{}, err
	}
	return items[0], nil
}
