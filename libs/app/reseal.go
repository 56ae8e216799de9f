package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/secret"
)

// ringNews is the last that was heard of the key ring's file.
type ringNews struct{ fault atomic.Pointer[error] }

func (n *ringNews) hear(err error) { n.fault.Store(&err) }

func (n *ringNews) check(context.Context) error {
	if fault := n.fault.Load(); fault != nil {
		return *fault
	}
	return nil
}

// keyring is a service's httpapi.KeyRingKeeper.
type keyring struct {
	service  string
	deps     Deps
	resealer httpapi.Resealer
}

var _ httpapi.KeyRingKeeper = (*keyring)(nil)

// KeyRing answers which keys there are and who has them.
func (k *keyring) KeyRing(ctx context.Context) (httpapi.KeyRingState, error) {
	head, err := k.deps.Store.Head(ctx)
	if err != nil {
		return httpapi.KeyRingState{}, err
	}
	state := httpapi.KeyRingState{Service: k.service, Keys: []httpapi.RingKey{}, Holders: []httpapi.KeyHolder{}}
	if k.service == bus.MaterialOwner {
		state.Material = head.Material
	}
	for _, key := range k.deps.Ring.Keys() {
		state.Keys = append(state.Keys, httpapi.RingKey{
			ID: key.ID, Use: string(key.Use), State: string(key.State), CreatedAt: key.CreatedAt,
		})
	}
	for _, h := range k.deps.Fleet.KeyHolders() {
		state.Holders = append(state.Holders, httpapi.KeyHolder{
			Service: h.Service, ID: h.ID, Status: h.Status, KeyIDs: list(h.KeyIDs), Active: list(h.Active), Material: h.Material,
		})
	}
	return state, nil
}

func list(ids []string) []string {
	if ids == nil {
		return []string{}
	}
	return ids
}

// Resting counts a part.
func (k *keyring) Resting(ctx context.Context, after string, limit int) (httpapi.Resting, error) {
	rows, err := k.deps.Store.MaterialAfter(ctx, after, limit)
	if err != nil {
		return httpapi.Resting{}, err
	}
	part := newPart(rows, limit)
	for _, m := range rows {
		under, err := k.under(m)
		if err != nil {
			part.Stuck = append(part.Stuck, httpapi.Stuck{Key: m.Key, Reason: err.Error()})
		}
		count(part.Resting, under)
	}
	return part, nil
}

func newPart(rows []es.Material, limit int) httpapi.Resting {
	part := httpapi.Resting{Examined: len(rows), Resting: map[string]int{}, Stuck: []httpapi.Stuck{}}
	if len(rows) == limit {
		part.NextCursor = rows[len(rows)-1].Key
	}
	return part
}

func count(resting map[string]int, under []string) {
	for _, id := range under {
		resting[id]++
	}
}

// under answers the keys under which a row rests, each once. What cannot be
// opened is told with what is known of it all the same.
func (k *keyring) under(m es.Material) ([]string, error) {
	var ids []string
	add := func(id string) {
		if id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for _, sealed := range [][]byte{m.Sealed, m.Kept} {
		if len(sealed) == 0 {
			continue
		}
		id, err := secret.SealedUnder(sealed)
		if err != nil {
			return ids, err
		}
		add(id)
	}
	pepper, err := k.resealer.Pepper(m)
	add(pepper)
	return ids, err
}

// resealTries is how often a part is begun again because somebody changed a row
// of it meanwhile.
const resealTries = 5

// Reseal makes a part again in one transaction. Rows that somebody changes
// meanwhile are looked at again; one that cannot be made again holds up no other.
func (k *keyring) Reseal(ctx context.Context, after string, limit int) (httpapi.Resting, error) {
	for try := 1; ; try++ {
		rows, err := k.deps.Store.MaterialAfter(ctx, after, limit)
		if err != nil {
			return httpapi.Resting{}, err
		}
		part := newPart(rows, limit)
		err = k.reseal(ctx, rows, &part)
		switch {
		case err == nil:
			return part, nil
		case errors.Is(err, es.ErrConflict) && try < resealTries:
		case errors.Is(err, es.ErrConflict) || errors.Is(err, es.ErrTaken):
			return k.resealEach(ctx, rows, limit)
		default:
			return part, err
		}
	}
}

// reseal makes rows again, all or none.
func (k *keyring) reseal(ctx context.Context, rows []es.Material, part *httpapi.Resting) error {
	active := k.deps.Ring.ActiveIDs()
	batch := es.Batch{Expect: es.Any}
	for _, m := range rows {
		under, err := k.under(m)
		if err == nil && !slices.ContainsFunc(under, func(id string) bool { return !slices.Contains(active, id) }) {
			count(part.Resting, under)
			continue
		}
		var renewed es.Material
		var claims []es.Claim
		if err == nil {
			renewed, claims, err = k.resealer.Renew(ctx, m)
		}
		if err != nil {
			var unrenewable *httpapi.UnrenewableError
			if !errors.As(err, &unrenewable) && !errors.Is(err, secret.ErrSealed) && !errors.Is(err, secret.ErrUnknownKey) && !errors.Is(err, secret.ErrProof) {
				return fmt.Errorf("make %s again: %w", m.Key, err)
			}
			part.Stuck = append(part.Stuck, httpapi.Stuck{Key: m.Key, Reason: err.Error()})
			count(part.Resting, under)
			continue
		}
		renewed.Instead = &m
		batch.Material, batch.Claims = append(batch.Material, renewed), append(batch.Claims, claims...)
		again, err := k.under(renewed)
		if err != nil {
			return fmt.Errorf("make %s again: %w", m.Key, err)
		}
		count(part.Resting, again)
	}
	if len(batch.Material) == 0 {
		return nil
	}
	if _, err := k.deps.Store.Append(ctx, batch); err != nil {
		return err
	}
	part.Resealed += len(batch.Material)
	return nil
}

// resealEach makes rows again one by one, so that what is in the way of one is
// not in the way of the others.
func (k *keyring) resealEach(ctx context.Context, rows []es.Material, limit int) (httpapi.Resting, error) {
	whole := newPart(rows, limit)
	for _, row := range rows {
		for try := 1; ; try++ {
			part := httpapi.Resting{Resting: map[string]int{}}
			now, err := k.deps.Store.Material(ctx, row.Key)
			if m, there := now[row.Key]; err == nil && there {
				err = k.reseal(ctx, []es.Material{m}, &part)
			}
			if errors.Is(err, es.ErrConflict) && try < resealTries {
				continue
			}
			if errors.Is(err, es.ErrTaken) {
				part.Stuck = append(part.Stuck, httpapi.Stuck{Key: row.Key, Reason: "another secret holds its digest: rotate or revoke one of the two credentials"})
			} else if err != nil {
				return whole, err
			}
			whole.Resealed += part.Resealed
			whole.Stuck = append(whole.Stuck, part.Stuck...)
			for id, n := range part.Resting {
				whole.Resting[id] += n
			}
			break
		}
	}
	return whole, nil
}
