package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tidegate-io/tidegate/libs/secret"
)

func keyringCommand(s *session) *cobra.Command {
	parent := &cobra.Command{Use: "keyring", Short: "The keys that seal and digest secrets", RunE: group}
	parent.AddCommand(keyringInitCommand(s))
	return parent
}

func keyringInitCommand(s *session) *cobra.Command {
	var (
		file      string
		ifMissing bool
	)
	c := &cobra.Command{
		Use: "init", Short: "Make a key ring of fresh keys", Args: noArgs,
		Long: `Make a key ring of fresh keys, in a file that only its owner can read.

Every replica of the consumer and credential services and every gateway is
given the same file (TIDEGATE_KEYRING). Whoever loses it loses what is sealed
under it: back it up apart from the databases. One that is there is never
overwritten.`,
		Example: "  tidegate keyring init --file keyring.json",
	}
	c.Flags().StringVar(&file, "file", "", "where to")
	c.Flags().BoolVar(&ifMissing, "if-missing", false, "be content with a key ring that is there and can be read")
	c.RunE = func(*cobra.Command, []string) error {
		if file == "" {
			return usage("--file is needed: where the key ring is to be")
		}
		return s.initKeyring(file, ifMissing)
	}
	return c
}

func (s *session) initKeyring(file string, ifMissing bool) error {
	switch _, err := os.Lstat(file); {
	case err == nil && !ifMissing:
		return fmt.Errorf("%s is there already and is left as it is: what is sealed under it would be lost", file)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("make a key ring: %w", err)
	}
	ring, err := secret.LoadOrCreate(file)
	if err != nil {
		return err
	}
	s.say("%s holds the keys %s", file, strings.Join(ring.KeyIDs(), ", "))
	return nil
}
