package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/libs/secret"
)

func keyringCommand(s *session) *cobra.Command {
	parent := &cobra.Command{
		Use: "keyring", Short: "The keys that seal and digest secrets", RunE: group,
		Long: `The keys that seal and digest secrets.

Keys are replaced in three steps, while everything runs and without anybody
getting another secret:

  tidegate keyring rotate   adds new keys, and uses them once everybody has them
  tidegate keyring reseal   makes again what rests on the keys before
  tidegate keyring retire   destroys the keys before, once nothing rests on them

Each can be stopped and run again. docs/keyring.md says what rests on what.`,
	}
	parent.AddCommand(keyringInitCommand(s), s.remote(keyringStatusCommand(s)), s.remote(keyringRotateCommand(s)),
		s.remote(keyringResealCommand(s)), s.remote(keyringRetireCommand(s)), keyringAdoptCommand(s), keyringRewrapCommand(s))
	return parent
}

func keyringInitCommand(s *session) *cobra.Command {
	var (
		file, from string
		ifMissing  bool
	)
	c := &cobra.Command{
		Use: "init", Short: "Make a key ring of fresh keys", Args: noArgs,
		Long: `Make a key ring of fresh keys, in a file that only its owner can read.

Every replica of the consumer and credential services and every gateway is
given the same file (TIDEGATE_KEYRING). Whoever loses it loses what is sealed
under it: back it up apart from the databases. One that is there is never
overwritten.

With TIDEGATE_KEYRING_DRIVER=transit it is wrapped by the transit engine of
Vault or OpenBao that the TIDEGATE_KEYRING_TRANSIT_ variables name; --from takes
the keys of a plain key ring over, which is to be destroyed afterwards.`,
		Example: "  tidegate keyring init --file keyring.json",
	}
	c.Flags().StringVar(&file, "file", "", "where to")
	c.Flags().StringVar(&from, "from", "", "take the keys of this plain key ring, in place of fresh ones")
	c.Flags().BoolVar(&ifMissing, "if-missing", false, "be content with a key ring that is there and can be read")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if file == "" {
			return usage("--file is needed: where the key ring is to be")
		}
		return s.initKeyring(c.Context(), file, from, ifMissing)
	}
	return c
}

func (s *session) initKeyring(ctx context.Context, file, from string, ifMissing bool) error {
	switch _, err := os.Lstat(file); {
	case err == nil && !ifMissing:
		return fmt.Errorf("%s is there already and is left as it is: what is sealed under it would be lost", file)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("make a key ring: %w", err)
	case err != nil && from != "":
		if err := s.copyKeyring(ctx, file, from); err != nil {
			return err
		}
	}
	source, err := s.keyringSource(file)
	if err != nil {
		return err
	}
	source.Create = true
	ring, err := secret.Open(ctx, source)
	if err != nil {
		return err
	}
	s.say("%s holds the keys %s", file, strings.Join(ring.KeyIDs(), ", "))
	return nil
}

func (s *session) copyKeyring(ctx context.Context, file, from string) error {
	plain, err := secret.Load(from)
	if err != nil {
		return err
	}
	source, err := s.keyringSource(file)
	if err != nil {
		return err
	}
	return plain.CopyTo(ctx, source)
}

// keyringSource answers where the key ring is, as the environment wraps it: in
// the file, or the data directory's when none is named.
func (s *session) keyringSource(file string) (secret.Source, error) {
	cfg, err := app.Settings(os.Environ())
	if err != nil {
		return secret.Source{}, err
	}
	cfg.Keyring, cfg.DataDir = file, s.dataDir
	source, err := cfg.KeyringSource()
	source.Create = false
	return source, err
}

// openKeyring opens the key ring to change it.
func (s *session) openKeyring(ctx context.Context, file string) (*secret.Ring, secret.Source, error) {
	source, err := s.keyringSource(file)
	if err != nil {
		return nil, source, err
	}
	ring, err := secret.Open(ctx, source)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w; name the file that the services are given with --keyring, or the folder of a `tidegate up` with --data-dir", err)
	}
	return ring, source, err
}

func keyringFlag(c *cobra.Command, file *string) {
	c.Flags().StringVar(file, "keyring", environment("TIDEGATE_KEYRING", ""), "the key ring's file (TIDEGATE_KEYRING); the data directory's when absent")
}

func keyringAdoptCommand(s *session) *cobra.Command {
	var file string
	c := &cobra.Command{
		Use: "adopt OLDER", Short: "Take back the keys of an older copy of the key ring, to open a restored database", Args: oneID,
		Long: `Take the keys of an older copy of the key ring back into it, as old ones.

Do this when a database was restored to a time before keys were retired: what it
holds is sealed under keys that the ring has no more. Afterwards run
` + "`tidegate keyring reseal`" + ` and ` + "`tidegate keyring retire`" + ` again.`,
	}
	keyringFlag(c, &file)
	c.RunE = func(c *cobra.Command, args []string) error {
		ring, source, err := s.openKeyring(c.Context(), file)
		if err != nil {
			return err
		}
		from, err := s.keyringSource(args[0])
		if err != nil {
			return err
		}
		older, err := secret.Open(c.Context(), from)
		if err != nil {
			return err
		}
		ids, err := ring.Adopt(older)
		if err != nil {
			return err
		}
		s.say("%s has the keys %s again, as old ones", source.Path, strings.Join(ids, ", "))
		return nil
	}
	return c
}

func keyringRewrapCommand(s *session) *cobra.Command {
	var file string
	c := &cobra.Command{
		Use: "rewrap", Short: "Write the key ring anew, wrapped under the transit engine's newest key", Args: noArgs,
		Long: `Write the key ring anew, wrapped under the newest version of the transit
engine's key. Its own keys stay as they are. Afterwards the engine's
min_decryption_version can be raised, so that no older copy of the file opens.`,
	}
	keyringFlag(c, &file)
	c.RunE = func(c *cobra.Command, _ []string) error {
		ring, source, err := s.openKeyring(c.Context(), file)
		if err != nil {
			return err
		}
		if err := ring.Rewrap(); err != nil {
			return err
		}
		s.say("%s is written anew", source.Path)
		return nil
	}
	return c
}
