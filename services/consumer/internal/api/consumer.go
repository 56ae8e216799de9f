package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/services/consumer/internal/domain"
)

func (a *API) registerConsumers(s *httpapi.Server) {
	illegal := domain.ErrIllegal.In("deleted")
	httpapi.Register(s, httpapi.Operation{
		ID: "register-consumer", Method: http.MethodPost, Path: "/v1/consumers", Status: http.StatusCreated,
		Summary:     "Register a consumer",
		Description: "Only the name is asked for. The id is unique for ever: that of a deleted consumer is taken too.",
		Body:        exampleInput, Answer: example(),
		Refusals: []*es.Refusal{domain.ErrExists}, Reveal: a.replay,
	}, a.register)
	httpapi.Register(s, httpapi.Operation{
		ID: "list-consumers", Method: http.MethodGet, Path: "/v1/consumers",
		Summary: "List consumers",
		Description: "Deleted ones are listed only with status=deleted. A provider sees id, name and labels of the consumers that " +
			"subscribe to its services; such a page may have fewer items than limit while there are more.",
		Answer: httpapi.Page[Consumer]{Items: []Consumer{example()}},
	}, a.list)
	httpapi.Register(s, httpapi.Operation{
		ID: "get-consumer", Method: http.MethodGet, Path: "/v1/consumers/{id}",
		Summary:     "Get a consumer",
		Description: "A deleted one is still got. A provider sees id, name and labels of a consumer that subscribes to one of its services.",
		Answer:      example(),
	}, a.get)
	httpapi.Register(s, httpapi.Operation{
		ID: "update-consumer", Method: http.MethodPatch, Path: "/v1/consumers/{id}",
		Summary:     "Update a consumer",
		Description: "A JSON merge patch: null takes a member away. The id and the team never change.",
		Body:        map[string]any{"labels": map[string]any{"tier": "silver"}, "contact": nil}, Answer: example(),
		Refusals: []*es.Refusal{illegal},
	}, a.update)
	httpapi.Register(s, httpapi.Operation{
		ID: "suspend-consumer", Method: http.MethodPost, Path: "/v1/consumers/{id}/suspend",
		Summary: "Suspend a consumer", Description: "Its calls are refused until it is resumed; nothing else changes.",
		Body: exampleReason, Answer: example(), Refusals: []*es.Refusal{illegal}, Reveal: a.replay,
	}, a.act(func(reason string) domain.Command { return domain.Suspend{Reason: reason} }))
	httpapi.Register(s, httpapi.Operation{
		ID: "resume-consumer", Method: http.MethodPost, Path: "/v1/consumers/{id}/resume",
		Summary: "Resume a suspended consumer",
		Body:    exampleReason, Answer: example(), Refusals: []*es.Refusal{illegal}, Reveal: a.replay,
	}, a.act(func(reason string) domain.Command { return domain.Resume{Reason: reason} }))
	httpapi.Register(s, httpapi.Operation{
		ID: "delete-consumer", Method: http.MethodDelete, Path: "/v1/consumers/{id}",
		Summary:     "Delete a consumer for good",
		Description: "Its contact is erased, its credentials are revoked and its subscriptions cancelled. It is still got by its id.",
		Refusals:    []*es.Refusal{illegal},
	}, a.delete)
	httpapi.RegisterHistory(s, httpapi.HistoryConfig{
		Path: "/v1/consumers/{id}/history", Category: domain.Decider.Category, Streams: a.store,
		May: func(ctx context.Context, id string) error {
			_, err := a.find(ctx, id, httpapi.Read)
			return err
		},
	})
}

// ConsumerID is in paths. It is exported, so that it is read where it is
// embedded.
type ConsumerID struct {
	ID string `path:"id" maxLength:"512" doc:"The consumer's id."`
}

type registerInput struct {
	Body struct {
		ID          string            `json:"id,omitempty" pattern:"^[a-zA-Z0-9_-]{1,512}$" doc:"Unique for ever, never changes; generated when left out."`
		Name        string            `json:"name" minLength:"1" maxLength:"256"`
		Description string            `json:"description,omitempty" maxLength:"4096"`
		Labels      map[string]string `json:"labels,omitempty" doc:"At most 64. Keys: 1-63 of a-z A-Z 0-9 . _ / -, beginning and ending with a letter or digit. Values: 1-256 characters."`
		Contact     *Contact          `json:"contact,omitempty"`
		Team        string            `json:"team,omitempty" maxLength:"256" doc:"Your only team when left out. An administrator may name any, or none."`
		Limits      *LimitsInput      `json:"limits,omitempty"`
	}
}

func (a *API) register(ctx context.Context, in *registerInput) (*httpapi.Created[Consumer], error) {
	if !httpapi.CallerFrom(ctx).Is(httpapi.Admin, httpapi.Developer) {
		return nil, httpapi.ErrForbidden
	}
	team, err := ownTeam(ctx, in.Body.Team)
	if err != nil {
		return nil, err
	}
	id := in.Body.ID
	if id == "" {
		id = es.NewTypeID("con", a.clock())
	}
	sealed, kept, err := a.seal(id, in.Body.Contact)
	if err != nil {
		return nil, err
	}
	command := domain.Register{ID: id, Team: team, Profile: domain.Profile{
		Name:          in.Body.Name,
		Description:   in.Body.Description,
		Labels:        in.Body.Labels,
		ContactSealed: sealed,
		Limits:        in.Body.Limits.domain(),
	}}
	var contact *Contact
	created, err := httpapi.Command(ctx,
		func(opts ...es.Option) error {
			_, err := a.consumers.Handle(ctx, id, command, append(opts, kept...)...)
			return err
		},
		func(ctx context.Context, r es.Reader) (*httpapi.Created[Consumer], error) {
			var shown Consumer
			var err error
			if shown, contact, err = a.present(ctx, r, id); err != nil {
				return nil, err
			}
			return httpapi.NewCreated("/v1/consumers/"+id, shown.Version, shown), nil
		})
	if err != nil {
		return nil, err
	}
	created.Body.Contact, created.Body.ContactSealed = contact, nil
	return created, nil
}

func (a *API) get(ctx context.Context, in *ConsumerID) (*httpapi.Object[Consumer], error) {
	c, err := a.find(ctx, in.ID, httpapi.Read)
	if errors.Is(err, httpapi.ErrForbidden) {
		return httpapi.NewObject(c.Version, glimpse(c)), nil
	}
	if err != nil {
		return nil, err
	}
	object := httpapi.NewObject(c.Version, consumerOf(c))
	if err := a.reveal(ctx, a.store, &object.Body); err != nil {
		return nil, err
	}
	if object.Body.Contact != nil || len(c.Profile.ContactSealed) == 0 {
		return object, nil
	}
	// Replaced between the two reads: read again what is there now.
	again, contact, err := a.present(ctx, a.store, in.ID)
	if err != nil {
		return nil, err
	}
	again.Contact, again.ContactSealed = contact, nil
	return httpapi.NewObject(again.Version, again), nil
}

type reasonInput struct {
	ConsumerID
	Body *struct {
		Reason string `json:"reason,omitempty" maxLength:"1024" doc:"Plain in events."`
	}
}

// act answers the handler of a command with a reason.
func (a *API) act(command func(reason string) domain.Command) func(context.Context, *reasonInput) (*httpapi.Object[Consumer], error) {
	return func(ctx context.Context, in *reasonInput) (*httpapi.Object[Consumer], error) {
		reason := ""
		if in.Body != nil {
			reason = in.Body.Reason
		}
		return a.command(ctx, in.ID, command(reason))
	}
}

// command runs a command that the consumer's team may give, and answers the
// consumer as it is after it.
func (a *API) command(ctx context.Context, id string, c domain.Command, kept ...es.Option) (*httpapi.Object[Consumer], error) {
	if _, err := a.find(ctx, id, httpapi.Write); err != nil {
		return nil, err
	}
	var contact *Contact
	object, err := httpapi.Command(ctx,
		func(opts ...es.Option) error {
			_, err := a.consumers.Handle(ctx, id, c, append(opts, kept...)...)
			return err
		},
		func(ctx context.Context, r es.Reader) (*httpapi.Object[Consumer], error) {
			var shown Consumer
			var err error
			if shown, contact, err = a.present(ctx, r, id); err != nil {
				return nil, err
			}
			return httpapi.NewObject(shown.Version, shown), nil
		})
	if err != nil {
		return nil, err
	}
	object.Body.Contact, object.Body.ContactSealed = contact, nil
	return object, nil
}

func (a *API) delete(ctx context.Context, in *ConsumerID) (*httpapi.Empty, error) {
	if _, err := a.command(ctx, in.ID, domain.Delete{}); err != nil {
		return nil, err
	}
	return &httpapi.Empty{}, nil
}
