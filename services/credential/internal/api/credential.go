package api

import (
	"context"
	"net/http"
	"time"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/services/credential/internal/authtype"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
	"github.com/tidegate-io/tidegate/services/credential/internal/views"
)

func (a *API) registerCredentials(s *httpapi.Server) {
	illegal := domain.ErrIllegal.In("revoked")
	httpapi.Register(s, httpapi.Operation{
		ID: "issue-credential", Method: http.MethodPost, Path: "/v1/consumers/{id}/credentials", Status: http.StatusCreated,
		Summary:     "Issue a credential to a consumer",
		Description: "The secret is in this answer and nowhere else, ever. `config` depends on the type; every member may be left out unless it is required." + authtype.Describe(),
		Body:        exampleInput, Answer: exampleIssued(),
		Refusals: []*es.Refusal{
			domain.ErrNameTaken, domain.ErrTaken, domain.ErrUnsupportedType, domain.ErrExpiryInPast,
			httpapi.ErrUnknownReference, httpapi.ErrReferenceUnavailable,
		},
	}, a.issue)
	httpapi.Register(s, httpapi.Operation{
		ID: "list-consumer-credentials", Method: http.MethodGet, Path: "/v1/consumers/{id}/credentials",
		Summary:     "List a consumer's credentials",
		Description: "All but revoked ones, unless a status is named.",
		Answer:      httpapi.Page[Credential]{Items: []Credential{example()}},
		Refusals:    []*es.Refusal{httpapi.ErrReferenceUnavailable},
	}, a.listOfConsumer)
	httpapi.Register(s, httpapi.Operation{
		ID: "list-credentials", Method: http.MethodGet, Path: "/v1/credentials",
		Summary:     "List credentials",
		Description: "All but revoked ones, unless a status is named.",
		Answer:      httpapi.Page[Credential]{Items: []Credential{example()}},
	}, a.list)
	a.registerInventory(s) // before what has an id in its place
	httpapi.Register(s, httpapi.Operation{
		ID: "get-credential", Method: http.MethodGet, Path: "/v1/credentials/{id}", Summary: "Get a credential", Answer: example(),
	}, a.get)
	httpapi.Register(s, httpapi.Operation{
		ID: "update-credential", Method: http.MethodPatch, Path: "/v1/credentials/{id}",
		Summary: "Update a credential",
		Description: "A JSON merge patch. Identifiers and the type never change, secrets change by rotate. Of `config` the settings of the type " +
			"can be changed, and null makes one the default; what is an identifier may only be repeated as it is. A key that was brought " +
			"along cannot be moved into a cookie: its characters are not known any more. An expired credential lives " +
			"again when it is given a later expiry, or none; a revoked one never does.",
		Body: map[string]any{"name": "staging", "expires_at": nil}, Answer: example(),
		Refusals: []*es.Refusal{
			illegal, domain.ErrTypeImmutable, domain.ErrIdentifierImmutable, domain.ErrNameTaken, domain.ErrExpiryInPast,
		},
	}, a.update)
	httpapi.Register(s, httpapi.Operation{
		ID: "rotate-credential", Method: http.MethodPost, Path: "/v1/credentials/{id}/rotate",
		Summary: "Give a credential a new secret",
		Description: "The new secret is in this answer and nowhere else. The one before lives on for the overlap, never past expires_at; " +
			"without an overlap every earlier one dies at once. `config` takes what makes a secret of the type, as issuing does: " +
			"`key` or `key_sha256`; `password` or `password_hash`; `secret` with `secret_base64`, or `public_key`; `secret_key`; " +
			"`client_secret` or `client_secret_hash`. What is left out is generated, but for a public key.",
		Body: map[string]any{"overlap_seconds": 86400}, Answer: exampleRotated(),
		Refusals: []*es.Refusal{illegal, domain.ErrRotating, domain.ErrIdentifierImmutable, domain.ErrTaken},
	}, a.rotate)
	httpapi.Register(s, httpapi.Operation{
		ID: "suspend-credential", Method: http.MethodPost, Path: "/v1/credentials/{id}/suspend",
		Summary: "Suspend a credential", Description: "It is refused until it is resumed.",
		Body: exampleReason, Answer: example(), Refusals: []*es.Refusal{illegal},
	}, a.act(func(reason string) domain.Command { return domain.Suspend{Reason: reason, Now: a.clock()} }))
	httpapi.Register(s, httpapi.Operation{
		ID: "resume-credential", Method: http.MethodPost, Path: "/v1/credentials/{id}/resume",
		Summary: "Resume a suspended credential",
		Body:    exampleReason, Answer: example(), Refusals: []*es.Refusal{illegal},
	}, a.act(func(reason string) domain.Command { return domain.Resume{Reason: reason, Now: a.clock()} }))
	httpapi.Register(s, httpapi.Operation{
		ID: "revoke-credential", Method: http.MethodPost, Path: "/v1/credentials/{id}/revoke",
		Summary: "Revoke a credential for good", Description: "Every secret is erased and every subscription drops it.",
		Body: exampleReason, Answer: example(), Refusals: []*es.Refusal{illegal},
	}, a.act(func(reason string) domain.Command { return domain.Revoke{Reason: reason} }))
	httpapi.Register(s, httpapi.Operation{
		ID: "delete-credential", Method: http.MethodDelete, Path: "/v1/credentials/{id}",
		Summary: "Revoke a credential for good", Description: "The same as revoke. It is still got by its id.",
		Refusals: []*es.Refusal{illegal},
	}, a.delete)
	httpapi.RegisterHistory(s, httpapi.HistoryConfig{
		Path: "/v1/credentials/{id}/history", Category: domain.Decider.Category, Streams: a.store,
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

// CredentialID is in paths.
type CredentialID struct {
	ID string `path:"id" maxLength:"64" doc:"The credential's id."`
}

type issueInput struct {
	ConsumerID
	Body struct {
		Name            string          `json:"name" minLength:"1" maxLength:"256"`
		Type            string          `json:"type" enum:"api_key,basic,jwt,hmac,oauth2"`
		Placement       *Placement      `json:"placement,omitempty" doc:"Left out: the type's default."`
		Config          authtype.Config `json:"config,omitempty" doc:"As the type takes it; what is left out is generated."`
		ExpiresAt       *time.Time      `json:"expires_at,omitempty" nullable:"true" doc:"In the future. Left out or null: never."`
		HideCredentials bool            `json:"hide_credentials,omitempty"`
	}
}

func (a *API) issue(ctx context.Context, in *issueInput) (*httpapi.Created[Issued], error) {
	consumer, live, err := a.consumer(ctx, in.ID, httpapi.Write)
	if err != nil {
		return nil, err
	}
	if !live {
		return nil, httpapi.ErrUnknownReference.At("path.id")
	}
	authType, err := authtype.Named(in.Body.Type)
	if err != nil {
		return nil, err
	}
	now := a.clock()
	id := es.NewTypeID("cred", now)
	made, err := authType.Issue(id, in.Body.Config)
	if err != nil {
		return nil, err
	}
	placement, err := authType.Place((*domain.Placement)(in.Body.Placement), made.Config)
	if err != nil {
		return nil, err
	}
	if made.Fits != nil {
		if err := made.Fits(placement); err != nil {
			return nil, err
		}
	}
	command := domain.Issue{ID: id, ConsumerID: in.ID, Team: consumer.Team, Type: in.Body.Type, Now: now, Settings: domain.Settings{
		Name:            in.Body.Name,
		Placement:       placement,
		Config:          made.Config,
		ExpiresAt:       in.Body.ExpiresAt,
		HideCredentials: in.Body.HideCredentials,
	}}
	kept, err := a.keep(id, 1, made)
	if err != nil {
		return nil, err
	}
	kept = append(kept, es.Requiring(es.Ref{Kind: views.ConsumerKind, ID: in.ID}))
	if made.Identifier != "" {
		kept = append(kept, es.Claiming(domain.Identifier(in.Body.Type, made.Identifier)))
	}
	issued, err := httpapi.Command(ctx,
		func(opts ...es.Option) error {
			_, err := a.credentials.Handle(ctx, id, command, append(opts, kept...)...)
			return err
		},
		func(ctx context.Context, r es.Reader) (*httpapi.Created[Issued], error) {
			shown, err := present(ctx, r, id)
			if err != nil {
				return nil, err
			}
			return httpapi.NewCreated("/v1/credentials/"+id, shown.Version, Issued{Credential: shown, Warnings: made.Warnings}), nil
		})
	if err != nil {
		return nil, err
	}
	issued.Body.Secret = made.Shown
	return issued, nil
}

func (a *API) get(ctx context.Context, in *CredentialID) (*httpapi.Object[Credential], error) {
	c, err := a.find(ctx, in.ID, httpapi.Read)
	if err != nil {
		return nil, err
	}
	shown, err := show(ctx, a.store, c)
	if err != nil {
		return nil, err
	}
	return httpapi.NewObject(c.Version, shown[0]), nil
}

type reasonInput struct {
	CredentialID
	Body *struct {
		Reason string `json:"reason,omitempty" maxLength:"1024" doc:"Plain in events."`
	}
}

// act answers the handler of a command with a reason.
func (a *API) act(command func(reason string) domain.Command) func(context.Context, *reasonInput) (*httpapi.Object[Credential], error) {
	return func(ctx context.Context, in *reasonInput) (*httpapi.Object[Credential], error) {
		reason := ""
		if in.Body != nil {
			reason = in.Body.Reason
		}
		return a.command(ctx, in.ID, command(reason))
	}
}

// command runs a command that the consumer's team may give.
func (a *API) command(ctx context.Context, id string, c domain.Command) (*httpapi.Object[Credential], error) {
	if _, err := a.find(ctx, id, httpapi.Write); err != nil {
		return nil, err
	}
	return httpapi.Command(ctx,
		func(opts ...es.Option) error {
			_, err := a.credentials.Handle(ctx, id, c, opts...)
			return err
		},
		func(ctx context.Context, r es.Reader) (*httpapi.Object[Credential], error) {
			shown, err := present(ctx, r, id)
			if err != nil {
				return nil, err
			}
			return httpapi.NewObject(shown.Version, shown), nil
		})
}

func (a *API) delete(ctx context.Context, in *CredentialID) (*httpapi.Empty, error) {
	if _, err := a.command(ctx, in.ID, domain.Revoke{}); err != nil {
		return nil, err
	}
	return &httpapi.Empty{}, nil
}
