package httpapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/tidegate-io/tidegate/libs/es"
)

// ParkedLister answers parked messages; es.Store is one.
type ParkedLister interface {
	Parked(ctx context.Context, subscriber string) ([]es.Parked, error)
}

// ParkedRetrier handles a parked message again; bus.Subscriber is one.
type ParkedRetrier interface {
	Retry(ctx context.Context, subscriber, source string, position int64) error
}

// Parked is a message of another service that could not be handled here. Its
// body is not shown: the owner's history has it.
type Parked struct {
	Subscriber string    `json:"subscriber" doc:"Who could not handle it: facts, or a policy." example:"revoke-credentials"`
	Source     string    `json:"source" doc:"The context that it came from." example:"consumer"`
	Position   int64     `json:"position"`
	EventID    string    `json:"event_id"`
	Type       string    `json:"type" example:"consumer.deleted"`
	Error      string    `json:"error" doc:"Why it could not be handled."`
	At         time.Time `json:"at"`
}

// ErrStillFailing: the parked message could not be handled this time either.
var ErrStillFailing = es.Refuse(es.Illegal, "still_failing", "it could not be handled this time either")

type parkedInput struct {
	Subscriber string `query:"subscriber" maxLength:"200" doc:"Only this one's."`
}

type retryInput struct {
	Subscriber string `path:"subscriber" maxLength:"200"`
	Source     string `path:"source" maxLength:"200"`
	Position   int64  `path:"position" minimum:"1"`
}

// RegisterParked adds the operations on a service's parked messages, for
// administrators: GET /v1/operations/{service}/parked, and POST
// .../{subscriber}/{source}/{position}/retry.
func RegisterParked(s *Server, service string, lister ParkedLister, retrier ParkedRetrier) {
	path := "/v1/operations/" + service + "/parked"
	Register(s, Operation{
		ID: "list-" + service + "-parked", Method: http.MethodGet, Path: path, Tag: "operations",
		Summary: "List messages that " + service + " could not handle",
	}, func(ctx context.Context, in *parkedInput) (*List[Parked], error) {
		if err := Authorize(ctx, Access{Object: Operations, Verb: Read}); err != nil {
			return nil, err
		}
		parked, err := lister.Parked(ctx, in.Subscriber)
		if err != nil {
			return nil, err
		}
		items := make([]Parked, len(parked))
		for i, p := range parked {
			items[i] = showParked(p)
		}
		return NewList(ctx, items, ""), nil
	})
	Register(s, Operation{
		ID: "retry-" + service + "-parked", Method: http.MethodPost, Path: path + "/{subscriber}/{source}/{position}/retry", Tag: "operations",
		Summary:  "Handle a parked message again",
		Refusals: []*es.Refusal{ErrStillFailing},
	}, func(ctx context.Context, in *retryInput) (*Handled, error) {
		if err := Authorize(ctx, Access{Object: Operations, Verb: Write}); err != nil {
			return nil, err
		}
		return retry(ctx, lister, retrier, in)
	})
}

// Handled answers the message that is parked no longer.
type Handled struct{ Body Parked }

func (h *Handled) parts() (header map[string]string, body any) { return nil, h.Body }

var _ Answer = (*Handled)(nil)

func retry(ctx context.Context, lister ParkedLister, retrier ParkedRetrier, in *retryInput) (*Handled, error) {
	parked, err := lister.Parked(ctx, in.Subscriber)
	if err != nil {
		return nil, err
	}
	for _, p := range parked {
		if p.Subscriber != in.Subscriber || p.Source != in.Source || p.Position != in.Position {
			continue
		}
		err := retrier.Retry(ctx, p.Subscriber, p.Source, p.Position)
		if errors.Is(err, es.ErrNotFound) || errors.Is(err, es.ErrUnavailable) {
			return nil, err
		}
		if err != nil {
			return nil, ErrStillFailing.Saying("it could not be handled this time either: %v", err)
		}
		return &Handled{Body: showParked(p)}, nil
	}
	return nil, es.ErrNotFound
}

func showParked(p es.Parked) Parked {
	return Parked{Subscriber: p.Subscriber, Source: p.Source, Position: p.Position, EventID: p.EventID, Type: p.Type, Error: p.Error, At: p.At}
}
