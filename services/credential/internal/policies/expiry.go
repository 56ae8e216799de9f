package policies

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
	"github.com/tidegate-io/tidegate/services/credential/internal/views"
)

// Expiry is the clock that tells of expiries that come near, records those that
// have passed and overlaps that have ended, and has dead secrets erased. Gateways
// do not wait for it: they judge by their own clock.
//
// Any number of replicas may run it: whoever comes second finds that it is done.
type Expiry struct {
	Reader      es.Reader
	Credentials *es.Handler[domain.State, domain.Command]
	Clock       func() time.Time
	Log         *slog.Logger
}

// expiryEvery is how often it looks: an expiry is recorded within 5 s.
const expiryEvery = time.Second

// Run looks until ctx ends.
func (x Expiry) Run(ctx context.Context) error {
	tick := time.NewTicker(expiryEvery)
	defer tick.Stop()
	for {
		if err := x.Sweep(ctx); err != nil && ctx.Err() == nil {
			x.Log.WarnContext(ctx, "look for credentials that have expired", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Sweep records what is due. One for which that fails does not keep the others
// from it, and is found again.
func (x Expiry) Sweep(ctx context.Context) error {
	ctx = es.WithMeta(ctx, es.Meta{Actor: "policy:expiry"})
	now := x.Clock()
	query := es.Query{View: views.Credentials.Name, Limit: 200, Where: []es.Term{
		{Field: views.Due, Op: es.Below, Values: []string{views.Moment(now.Add(1))}},
	}}
	for {
		page, err := x.Reader.Find(ctx, query)
		if err != nil {
			return err
		}
		for _, doc := range page.Docs {
			if err := x.elapse(ctx, doc, now); err != nil {
				x.Log.WarnContext(ctx, "record what time has brought about", "credential_id", doc.Key, "error", err)
			}
		}
		if page.Next == "" || ctx.Err() != nil {
			return nil
		}
		query.After = page.Next
	}
}

// elapse records what is due for one credential as it was found: when its expiry
// was set is of that version alone. When it was changed meanwhile, the next look
// has it.
func (x Expiry) elapse(ctx context.Context, doc es.Doc, now time.Time) error {
	var c views.Credential
	if err := json.Unmarshal(doc.Body, &c); err != nil {
		return err
	}
	_, err := x.Credentials.Handle(ctx, doc.Key, domain.Elapse{Now: now, Dated: c.DatedAt}, es.IfVersion(doc.Version))
	if errors.Is(err, es.ErrVersion) {
		return nil
	}
	return err
}
