package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
)

func keyringStatusCommand(s *session) *cobra.Command {
	c := &cobra.Command{
		Use: "status", Short: "Show the keys, who has them and how much rests on each", Args: noArgs,
		Long: `Show the keys of the ring, how many of the processes that are heard have each of
them, and how many rows of the services rest on it. It looks at all of them.`,
	}
	c.RunE = func(c *cobra.Command, _ []string) error { return s.showKeyring(c.Context(), true) }
	return c
}

var keyColumns = []column{
	{"ID", "id"}, {"USE", "use"}, {"STATE", "state"}, {"CREATED", "created_at"}, {"HELD BY", "held_by"}, {"RESTING", "resting"},
}

// showKeyring prints the keys, and how much rests on each when that is wanted.
func (s *session) showKeyring(ctx context.Context, counting bool) error {
	all, err := s.rings(ctx)
	if err != nil {
		return err
	}
	rests := map[string]int{}
	for _, service := range ringServices() {
		if !counting {
			break
		}
		sum, err := s.resting(ctx, service)
		if err != nil {
			return err
		}
		for id, n := range sum.Resting {
			rests[id] += n
		}
		for _, stuck := range sum.Stuck {
			s.say("%s: %s", stuck.Key, stuck.Reason)
		}
	}
	holders := all.holders()
	var items []any
	var known []string
	for _, service := range ringServices() {
		for _, key := range all[service].Keys {
			if slices.Contains(known, key.ID) {
				continue
			}
			known = append(known, key.ID)
			holding := 0
			for _, h := range holders {
				if slices.Contains(h.KeyIDs, key.ID) {
					holding++
				}
			}
			item := map[string]any{
				"id": key.ID, "use": key.Use, "state": key.State, "created_at": key.CreatedAt.Format("2006-01-02T15:04:05Z"),
				"held_by": fmt.Sprintf("%d/%d", holding, len(holders)),
			}
			if counting {
				item["resting"] = rests[key.ID]
			}
			items = append(items, item)
		}
	}
	for id, n := range rests {
		if !slices.Contains(known, id) {
			s.say("%d rows rest on the key %s, which is not in the ring: they cannot be opened", n, id)
		}
	}
	for _, id := range all.lost() {
		s.say("not heard: gateway %s", id)
	}
	return s.printList(keyColumns, items)
}
