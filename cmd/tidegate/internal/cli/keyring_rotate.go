package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tidegate-io/tidegate/libs/secret"
)

// rotation is what `keyring rotate` was asked for.
type rotation struct {
	file string
	uses []secret.Use
	wait time.Duration
}

func keyringRotateCommand(s *session) *cobra.Command {
	var (
		r                    rotation
		pepper, sealing, all bool
	)
	c := &cobra.Command{
		Use: "rotate", Short: "Add new keys, and use them once everybody has them", Args: noArgs,
		Long: `Add new keys to the key ring, and use them once everybody has them.

A new key is only known at first. When every service and every gateway that is
heard lists it, it is activated: what is sealed or digested from then on is so
under the new key, and what was before goes on being opened and recognised. Then
run ` + "`tidegate keyring reseal`" + ` and ` + "`tidegate keyring retire`" + `.

The file is the one that this machine's processes are given; they notice the
change by themselves, within a second. Where they run elsewhere, bring the
changed file to them while this waits.`,
	}
	keyringFlag(c, &r.file)
	c.Flags().BoolVar(&pepper, "pepper", false, "a new pepper, by which keys and generated passwords are recognised")
	c.Flags().BoolVar(&sealing, "sealing", false, "a new sealing key, under which secrets rest")
	c.Flags().BoolVar(&all, "all", false, "both")
	c.Flags().DurationVar(&r.wait, "timeout", 5*time.Minute, "how long to wait for everybody, each time")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if sealing || all {
			r.uses = append(r.uses, secret.Sealing)
		}
		if pepper || all {
			r.uses = append(r.uses, secret.Pepper)
		}
		if len(r.uses) == 0 {
			return usage("say what to rotate: --pepper, --sealing or --all")
		}
		return s.rotateKeyring(c.Context(), r)
	}
	return c
}

func (s *session) rotateKeyring(ctx context.Context, r rotation) error {
	ring, source, err := s.openKeyring(ctx, r.file)
	if err != nil {
		return err
	}
	if err := s.sameRing(ctx, ring, source.Path, r.wait); err != nil {
		return err
	}
	var added []string
	for _, use := range r.uses {
		id, err := s.addKey(ring, use)
		if err != nil {
			return err
		}
		added = append(added, id)
	}
	if err := s.await(ctx, "has the keys "+strings.Join(added, ", "), r.wait, lists(added)); err != nil {
		return err
	}
	all, err := s.rings(ctx)
	if err != nil {
		return err
	}
	if lost := all.lost(); len(lost) > 0 {
		s.say("not heard, and not waited for: gateway %s; what is made from now on is refused there until it has the new keys", strings.Join(lost, ", "))
	}
	for _, id := range added {
		if err := ring.Activate(id); err != nil {
			return err
		}
	}
	if err := s.await(ctx, "uses the keys "+strings.Join(added, ", "), r.wait, uses(added)); err != nil {
		return err
	}
	s.say("in use: %s; now run `tidegate keyring reseal`", strings.Join(added, ", "))
	return s.showKeyring(ctx, false)
}

// addKey adds a key of a use, or takes the one that an earlier run has added.
func (s *session) addKey(ring *secret.Ring, use secret.Use) (string, error) {
	for _, key := range ring.Keys() {
		switch {
		case key.Use == use && key.State == secret.Next:
			s.say("going on with the %s key %s, which was added before", use, key.ID)
			return key.ID, nil
		case key.Use == use && key.State == secret.Old:
			return "", fmt.Errorf("the %s key %s is not retired yet: run `tidegate keyring reseal` and `tidegate keyring retire` first", use, key.ID)
		}
	}
	id, err := ring.Add(use)
	if err == nil {
		s.say("added the %s key %s", use, id)
	}
	return id, err
}

// sameRing refuses to change a file that is not the one that the services have.
// They may be about to read it again.
func (s *session) sameRing(ctx context.Context, ring *secret.Ring, path string, wait time.Duration) error {
	ids := ring.KeyIDs()
	deadline := time.Now().Add(min(wait, 10*time.Second))
	for {
		all, err := s.rings(ctx)
		if err != nil {
			return err
		}
		foreign := ""
		for service, state := range all {
			var theirs []string
			for _, key := range state.Keys {
				theirs = append(theirs, key.ID)
			}
			slices.Sort(theirs)
			if !slices.Equal(theirs, ids) {
				foreign = fmt.Sprintf("the %s service has the keys %s, and %s has %s: is that the file that it is given?",
					service, strings.Join(theirs, ", "), path, strings.Join(ids, ", "))
			}
		}
		if foreign == "" {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s", foreign)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookAgain):
		}
	}
}
