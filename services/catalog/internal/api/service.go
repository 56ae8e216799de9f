package api

import (
	"context"
	"net/http"
	"time"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/services/catalog/internal/domain"
	"github.com/tidegate-io/tidegate/services/catalog/internal/views"
)

func (a *API) registerServices(s *httpapi.Server) {
	illegal := domain.ErrIllegal.In("retired")
	httpapi.Register(s, httpapi.Operation{
		ID: "create-service", Method: http.MethodPost, Path: "/v1/services", Status: http.StatusCreated,
		Summary:     "Draft a service",
		Description: "Only id and name are asked for; a draft may be completed later. It is seen by its team alone until it is published.",
		Body:        exampleInput, Answer: exampleService(),
		Refusals: []*es.Refusal{domain.ErrExists, domain.ErrRouteTaken, domain.ErrNoPolicies},
	}, a.create)
	httpapi.Register(s, httpapi.Operation{
		ID: "list-services", Method: http.MethodGet, Path: "/v1/services",
		Summary:     "List services",
		Description: "What is public and published or deprecated, and all that is your teams'. Retired ones only with status=retired.",
		Answer:      httpapi.Page[Service]{Items: []Service{exampleService()}},
	}, a.list)
	httpapi.Register(s, httpapi.Operation{
		ID: "get-service", Method: http.MethodGet, Path: "/v1/services/{id}", Summary: "Get a service", Answer: exampleService(),
	}, a.get)
	httpapi.Register(s, httpapi.Operation{
		ID: "update-service", Method: http.MethodPatch, Path: "/v1/services/{id}",
		Summary:     "Update a service",
		Description: "A JSON merge patch: null takes a member back to its default, lists are replaced. A published service keeps at least one route and one upstream.",
		Body:        map[string]any{"approval": map[string]any{"mode": "auto"}, "description": nil}, Answer: exampleService(),
		Refusals: []*es.Refusal{illegal, domain.ErrIncomplete, domain.ErrRouteTaken, domain.ErrNoPolicies, httpapi.ErrIdentifierImmutable},
	}, a.update)
	httpapi.Register(s, httpapi.Operation{
		ID: "publish-service", Method: http.MethodPost, Path: "/v1/services/{id}/publish",
		Summary:     "Publish a service",
		Description: "From draft; from deprecated it takes the deprecation back. It needs a route and an upstream. From then on it is routed.",
		Answer:      exampleService(), Refusals: []*es.Refusal{illegal, domain.ErrIncomplete},
	}, a.act(domain.Publish{}))
	httpapi.Register(s, httpapi.Operation{
		ID: "unpublish-service", Method: http.MethodPost, Path: "/v1/services/{id}/unpublish",
		Summary:     "Make a service a draft again",
		Description: "It is no longer routed. Its subscriptions stay, and count again when it is published.",
		Answer:      exampleService(), Refusals: []*es.Refusal{illegal},
	}, a.act(domain.Unpublish{}))
	httpapi.Register(s, httpapi.Operation{
		ID: "deprecate-service", Method: http.MethodPost, Path: "/v1/services/{id}/deprecate",
		Summary:     "Deprecate a published service",
		Description: "It is still routed and may still be subscribed to; its answers have Deprecation and Sunset.",
		Body:        deprecateBody{SunsetAt: exampleSunset}, Answer: exampleService(),
		Refusals: []*es.Refusal{illegal, domain.ErrSunsetInPast},
	}, a.deprecate)
	httpapi.Register(s, httpapi.Operation{
		ID: "retire-service", Method: http.MethodPost, Path: "/v1/services/{id}/retire",
		Summary:     "Retire a service for good",
		Description: "From any status. Its routes are free again and its live subscriptions become revoked, with the reason service_retired.",
		Answer:      exampleService(), Refusals: []*es.Refusal{illegal},
	}, a.act(domain.Retire{}))
	httpapi.RegisterHistory(s, httpapi.HistoryConfig{
		Path: "/v1/services/{id}/history", Category: domain.Decider.Category, Streams: a.store,
		May: func(ctx context.Context, id string) error {
			_, err := a.find(ctx, id, httpapi.Read)
			return err
		},
	})
}

type createInput struct{ Body serviceInput }

type serviceInput struct {
	ID             string          `json:"id" pattern:"^[a-z0-9][a-z0-9-]{0,62}$" doc:"Immutable."`
	Team           string          `json:"team,omitempty" maxLength:"256" doc:"Your only team when left out."`
	Name           string          `json:"name" minLength:"1" maxLength:"256"`
	Description    string          `json:"description,omitempty" maxLength:"4096"`
	Kind           string          `json:"kind,omitempty" enum:"rest,ai,mcp" default:"rest"`
	Tags           []string        `json:"tags,omitempty" maxItems:"32" uniqueItems:"true"`
	Category       string          `json:"category,omitempty" maxLength:"64"`
	Visibility     string          `json:"visibility,omitempty" enum:"public,team" default:"public"`
	Routes         []RouteInput    `json:"routes,omitempty" maxItems:"64"`
	Upstreams      []UpstreamInput `json:"upstreams,omitempty" maxItems:"64"`
	Accepts        []string        `json:"accepts,omitempty" enum:"api_key,basic,jwt,hmac,oauth2" minItems:"1" uniqueItems:"true" doc:"Left out: all five."`
	Approval       ApprovalInput   `json:"approval,omitzero" doc:"Left out: manual."`
	Plans          []PlanInput     `json:"plans,omitempty" minItems:"1" maxItems:"32" doc:"Left out: one, default."`
	Staleness      StalenessInput  `json:"staleness,omitzero" doc:"Left out: serve-stale."`
	TimeoutSeconds int             `json:"timeout_seconds,omitempty" minimum:"1" maximum:"600" default:"30"`
	Documentation  string          `json:"documentation,omitempty" maxLength:"65536" doc:"Markdown, at most 64 KiB."`
}

func (in serviceInput) definition() domain.Definition {
	return domain.Definition{
		Name:           in.Name,
		Description:    in.Description,
		Kind:           in.Kind,
		Tags:           in.Tags,
		Category:       in.Category,
		Visibility:     in.Visibility,
		Routes:         routesFrom(in.Routes),
		Upstreams:      upstreamsFrom(in.Upstreams),
		Accepts:        in.Accepts,
		Approval:       approvalFrom(in.Approval),
		Plans:          plansFrom(in.Plans),
		Staleness:      stalenessFrom(in.Staleness),
		TimeoutSeconds: in.TimeoutSeconds,
		Documentation:  in.Documentation,
	}
}

func (a *API) create(ctx context.Context, in *createInput) (*httpapi.Created[Service], error) {
	if !httpapi.CallerFrom(ctx).Is(httpapi.Admin, httpapi.Provider) {
		return nil, httpapi.ErrForbidden
	}
	team, err := ownTeam(ctx, in.Body.Team)
	if err != nil {
		return nil, err
	}
	command := domain.Create{ID: in.Body.ID, Team: team, Definition: in.Body.definition()}
	return httpapi.Command(ctx,
		func(opts ...es.Option) error {
			_, err := a.services.Handle(ctx, command.ID, command, opts...)
			return err
		},
		func(ctx context.Context, r es.Reader) (*httpapi.Created[Service], error) {
			s, err := es.Get[views.Service](ctx, r, views.Services.Name, command.ID)
			if err != nil {
				return nil, err
			}
			return httpapi.NewCreated("/v1/services/"+command.ID, s.Version, serviceOf(s)), nil
		})
}

// ServiceID is the input of what is about one service.
type ServiceID struct {
	ID string `path:"id" maxLength:"512" doc:"The service's id."`
}

func (a *API) get(ctx context.Context, in *ServiceID) (*httpapi.Object[Service], error) {
	s, err := a.find(ctx, in.ID, httpapi.Read)
	if err != nil {
		return nil, err
	}
	return httpapi.NewObject(s.Version, serviceOf(s)), nil
}

type deprecateBody struct {
	SunsetAt time.Time `json:"sunset_at" doc:"In the future."`
}

type deprecateInput struct {
	ServiceID
	Body deprecateBody
}

func (a *API) deprecate(ctx context.Context, in *deprecateInput) (*httpapi.Object[Service], error) {
	return a.command(ctx, in.ID, domain.Deprecate{SunsetAt: in.Body.SunsetAt, Now: a.clock()})
}

// act answers the handler of a command without input.
func (a *API) act(c domain.Command) func(context.Context, *ServiceID) (*httpapi.Object[Service], error) {
	return func(ctx context.Context, in *ServiceID) (*httpapi.Object[Service], error) {
		return a.command(ctx, in.ID, c)
	}
}

// command runs a command that the service's team may give.
func (a *API) command(ctx context.Context, id string, c domain.Command) (*httpapi.Object[Service], error) {
	if _, err := a.find(ctx, id, httpapi.Write); err != nil {
		return nil, err
	}
	return httpapi.Command(ctx,
		func(opts ...es.Option) error {
			_, err := a.services.Handle(ctx, id, c, opts...)
			return err
		},
		func(ctx context.Context, r es.Reader) (*httpapi.Object[Service], error) {
			s, err := es.Get[views.Service](ctx, r, views.Services.Name, id)
			if err != nil {
				return nil, err
			}
			return httpapi.NewObject(s.Version, serviceOf(s)), nil
		})
}
