package es

import (
	"context"
	"errors"
	"fmt"
)

// Reclaim has aggregates hold what their states claim, and nothing else in the
// given scopes: after Feed.Rebase, whose events come without their claims, names
// may be free that somebody has, and others held by who gave them up.
//
// also answers effects that no state tells by itself; it may be nil. Commands may
// run meanwhile, and it may be repeated. What two aggregates claim stays with the
// first of ids and is told as an error; everything else is done then.
func (h *Handler[S, C]) Reclaim(ctx context.Context, ids, scopes []string, also func(ctx context.Context, id string, state S) (Effects, error)) error {
	var waiting []string
	for _, id := range ids {
		err := h.reclaim(ctx, id, scopes, also, true)
		if errors.Is(err, ErrTaken) { // perhaps by one that has yet to give it up
			waiting = append(waiting, id)
			err = h.reclaim(ctx, id, scopes, also, false)
		}
		if err != nil {
			return err
		}
	}
	var taken []error
	for _, id := range waiting {
		err := h.reclaim(ctx, id, scopes, also, true)
		if err != nil && !errors.Is(err, ErrTaken) {
			return err
		}
		taken = append(taken, err)
	}
	return errors.Join(taken...)
}

// reclaim does it for one aggregate, in one transaction; without holding it only
// gives up.
func (h *Handler[S, C]) reclaim(ctx context.Context, id string, scopes []string, also func(context.Context, string, S) (Effects, error), holding bool) error {
	for attempt := 1; ; attempt++ {
		state, version, err := h.State(ctx, id)
		if err != nil {
			return err
		}
		batch := Batch{Stream: h.decider.Stream(id), Expect: Expect(version)}
		for _, scope := range scopes {
			batch.Claims = append(batch.Claims, Claim{Scope: scope, Release: true})
		}
		var own, more Effects
		if h.effects != nil {
			own = h.effects(h.decider.Initial, state)
		}
		if also != nil {
			if more, err = also(ctx, id, state); err != nil {
				return fmt.Errorf("reclaim what %s holds: %w", batch.Stream, err)
			}
		}
		for _, claim := range append(own.Claims, more.Claims...) {
			if holding || claim.Release {
				batch.Claims = append(batch.Claims, claim)
			}
		}
		batch.Material = append(own.Material, more.Material...)
		if len(batch.Claims) == 0 && len(batch.Material) == 0 {
			return nil
		}
		_, err = h.store.Append(ctx, batch)
		if errors.Is(err, ErrConflict) && attempt < attempts && ctx.Err() == nil {
			continue
		}
		if err != nil {
			return fmt.Errorf("reclaim what %s holds: %w", batch.Stream, err)
		}
		return nil
	}
}
