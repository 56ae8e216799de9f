package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/secret"
)

func keyringRetireCommand(s *session) *cobra.Command {
	var (
		file string
		wait time.Duration
	)
	c := &cobra.Command{
		Use: "retire [KEY...]", Short: "Destroy the keys before, once nothing rests on them",
		Long: `Destroy the keys that were replaced, or those that are named, once nothing rests on
them.

It refuses while a row still rests on one, while a gateway that is heard has not
got what was made again, and while a gateway is lost: it may still serve with the
older keys (` + "`tidegate gateway delete`" + ` says that it is gone for good).

What backups, logs and copies still hold under a destroyed key can never be
opened again, nor can refresh tokens that were given out under it.`,
	}
	keyringFlag(c, &file)
	c.Flags().DurationVar(&wait, "timeout", time.Minute, "how long to wait for gateways")
	c.RunE = func(c *cobra.Command, args []string) error { return s.retireKeys(c.Context(), file, args, wait) }
	return c
}

func (s *session) retireKeys(ctx context.Context, file string, ids []string, wait time.Duration) error {
	ring, source, err := s.openKeyring(ctx, file)
	if err != nil {
		return err
	}
	if err := s.sameRing(ctx, ring, source.Path, wait); err != nil {
		return err
	}
	if len(ids) == 0 {
		for _, key := range ring.Keys() {
			if key.State == secret.Old {
				ids = append(ids, key.ID)
			}
		}
	}
	if len(ids) == 0 {
		s.say("no key is to be retired")
		return nil
	}
	for _, id := range ids {
		if !slices.Contains(ring.KeyIDs(), id) {
			return fmt.Errorf("%s has no key %s", source.Path, id)
		}
	}
	if err := s.mayRetire(ctx, ids, wait); err != nil {
		return err
	}
	for _, id := range ids {
		if err := ring.Retire(id); err != nil {
			return err
		}
		s.say("destroyed %s", id)
	}
	gone := func(h httpapi.KeyHolder) bool {
		return !slices.ContainsFunc(h.KeyIDs, func(id string) bool { return slices.Contains(ids, id) })
	}
	if err := s.await(ctx, "has forgotten them", wait, gone); err != nil {
		return err
	}
	return s.showKeyring(ctx, false)
}

// mayRetire refuses while anything rests on a key, or a gateway has not got what
// was made again.
func (s *session) mayRetire(ctx context.Context, ids []string, wait time.Duration) error {
	if err := s.agreed(ctx); err != nil {
		return err
	}
	for _, service := range ringServices() {
		sum, err := s.resting(ctx, service)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if n := sum.Resting[id]; n > 0 {
				return fmt.Errorf("%d rows of the %s service rest on %s: run `tidegate keyring reseal`", n, service, id)
			}
		}
		if len(sum.Stuck) > 0 {
			return fmt.Errorf("%d rows of the %s service cannot be opened, such as %s: %s", len(sum.Stuck), service, sum.Stuck[0].Key, sum.Stuck[0].Reason)
		}
	}
	all, err := s.rings(ctx)
	if err != nil {
		return err
	}
	if lost := all.lost(); len(lost) > 0 {
		return fmt.Errorf("gateway %s is lost and may still serve with the older keys: bring it back, or say that it is gone with `tidegate gateway delete`", strings.Join(lost, ", "))
	}
	var head int64
	for _, state := range all {
		head = max(head, state.Material)
	}
	return s.await(ctx, "has what was made again", wait, func(h httpapi.KeyHolder) bool { return h.Service != "gateway" || h.Material >= head })
}
