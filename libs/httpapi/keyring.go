package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/tidegate-io/tidegate/libs/es"
)

// KeyRingKeeper is what a service can say and do about what rests under the key
// ring with it.
type KeyRingKeeper interface {
	// KeyRing answers which keys there are and who has them.
	KeyRing(ctx context.Context) (KeyRingState, error)
	// Resting looks at up to limit rows with keys above after, and says under
	// which keys of the ring they rest.
	Resting(ctx context.Context, after string, limit int) (Resting, error)
	// Reseal is Resting that makes again what rests under a key that is not
	// active.
	Reseal(ctx context.Context, after string, limit int) (Resting, error)
}

// Resealer knows what a service keeps under the key ring, beyond which key it
// is sealed with.
type Resealer interface {
	// Pepper answers the pepper by which a row's secret is recognised; empty:
	// none is.
	Pepper(m es.Material) (string, error)
	// Renew answers a row under the ring's active keys, and the claims that go
	// with it. An *UnrenewableError error says why a row cannot be made again.
	Renew(ctx context.Context, m es.Material) (es.Material, []es.Claim, error)
}

// UnrenewableError is a row that rests on an older key and cannot be made again; its
// text says what to do.
type UnrenewableError struct{ Reason string }

// Error is the reason.
func (u *UnrenewableError) Error() string { return u.Reason }

// KeyRingState is the key ring as a service has it. None of it is secret.
type KeyRingState struct {
	Service  string      `json:"service" example:"credential"`
	Keys     []RingKey   `json:"keys" doc:"As the replica that answers has them."`
	Material int64       `json:"material" doc:"The position of the last change of what gateways verify secrets with; 0: this service has none for gateways."`
	Holders  []KeyHolder `json:"holders" doc:"Every gateway and every replica of a service that has the ring, as they are heard."`
}

// RingKey is one key of the ring.
type RingKey struct {
	ID        string    `json:"id" example:"s-1f2e3d4c5b6a"`
	Use       string    `json:"use" enum:"sealing,pepper"`
	State     string    `json:"state" enum:"next,active,old" doc:"next: known, not used yet; old: it opens and recognises until it is retired."`
	CreatedAt time.Time `json:"created_at"`
}

// KeyHolder is a process that has the ring.
type KeyHolder struct {
	Service  string   `json:"service" doc:"gateway, or the service's name."`
	ID       string   `json:"id"`
	Status   string   `json:"status" enum:"live,stale,lost"`
	KeyIDs   []string `json:"key_ids"`
	Active   []string `json:"active_keys" doc:"What a service seals and digests with; a gateway does neither."`
	Material int64    `json:"material" doc:"Of a gateway: the position that is in force there."`
}

// Resting is under which keys of the ring a part of a service's rows rests.
type Resting struct {
	Examined   int            `json:"examined" doc:"How many rows were looked at."`
	Resealed   int            `json:"resealed" doc:"How many of them were made again."`
	Resting    map[string]int `json:"resting" doc:"How many rest under a key, by its id, after that. A row can rest under several."`
	Stuck      []Stuck        `json:"stuck" doc:"What cannot be made again as it is."`
	NextCursor string         `json:"next_cursor" doc:"Give it as cursor to go on; empty at the end."`
}

// Stuck is a row that cannot be made again.
type Stuck struct {
	Key    string `json:"key" doc:"Whose it is: the object's id, and the version of its secret." example:"cred_01jz3k5r9rf0hvn1m1dm2w9x0k.1"`
	Reason string `json:"reason"`
}

// The rows that one call looks at.
const (
	resealDefault = 200
	resealMost    = 1000
)

type keyRingInput struct {
	Cursor string `query:"cursor" maxLength:"600" doc:"Of the answer before; absent: from the start."`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"200" doc:"How many rows to look at."`
}

type resealInput struct {
	Body *struct {
		Cursor string `json:"cursor,omitempty" maxLength:"600" doc:"Of the answer before; absent: from the start."`
		Limit  int    `json:"limit,omitempty" minimum:"1" maximum:"1000" doc:"How many rows to look at; 200 when absent."`
	}
}

// Part answers a part of a reseal, which has no version.
type Part struct{ Body Resting }

func (p *Part) parts() (header map[string]string, body any) { return nil, p.Body }

var _ Answer = (*Part)(nil)

// RegisterKeyRing adds the operations on what rests under the key ring, which
// administrators do and auditors read: GET /v1/operations/{service}/keyring, GET
// .../keyring/resting and POST .../keyring/reseal.
//
// The two that look at rows do so in parts, each bounded, so that any replica may
// do any part and whoever drives them can stop and go on.
func RegisterKeyRing(s *Server, service string, keeper KeyRingKeeper) {
	path := "/v1/operations/" + service + "/keyring"
	allowed := func(ctx context.Context, verb Verb) error {
		return Authorize(ctx, Access{Object: KeyRing, Verb: verb})
	}
	Register(s, Operation{
		ID: "show-" + service + "-keyring", Method: http.MethodGet, Path: path, Tag: "operations",
		Summary: "Show the key ring of " + service + ", and who has it",
	}, func(ctx context.Context, _ *struct{}) (*struct{ Body KeyRingState }, error) {
		if err := allowed(ctx, Read); err != nil {
			return nil, err
		}
		state, err := keeper.KeyRing(ctx)
		return &struct{ Body KeyRingState }{state}, err
	})
	Register(s, Operation{
		ID: "show-" + service + "-resting", Method: http.MethodGet, Path: path + "/resting", Tag: "operations",
		Summary:     "Show under which keys a part of what " + service + " keeps rests",
		Description: "Go on with the cursor until there is none, and add up.",
	}, func(ctx context.Context, in *keyRingInput) (*struct{ Body Resting }, error) {
		if err := allowed(ctx, Read); err != nil {
			return nil, err
		}
		part, err := keeper.Resting(ctx, in.Cursor, in.Limit)
		return &struct{ Body Resting }{part}, err
	})
	Register(s, Operation{
		ID: "reseal-" + service, Method: http.MethodPost, Path: path + "/reseal", Tag: "operations",
		Summary: "Make a part of what " + service + " keeps again under the active keys",
		Description: "What is sealed under an older key is sealed again, and what is recognised by an older pepper is digested again; " +
			"nobody's secret changes. Go on with the cursor until there is none. It may be stopped, done again and done twice at once.",
		Body:     map[string]any{"limit": resealDefault},
		Refusals: []*es.Refusal{},
	}, func(ctx context.Context, in *resealInput) (*Part, error) {
		if err := allowed(ctx, Write); err != nil {
			return nil, err
		}
		after, limit := "", resealDefault
		if in.Body != nil {
			after = in.Body.Cursor
			if in.Body.Limit > 0 {
				limit = min(in.Body.Limit, resealMost)
			}
		}
		part, err := keeper.Reseal(ctx, after, limit)
		return &Part{part}, err
	})
}
