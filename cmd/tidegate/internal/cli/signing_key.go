package cli

import (
	"net/http"

	"github.com/spf13/cobra"
)

const signingKeysPath = "/v1/signing-keys"

var signingKeyColumns = []column{
	{"STATUS", "status"}, {"KID", "kid"}, {"SINCE", "since"}, {"NOT AFTER", "not_after"}, {"CREATED", "created_at"},
}

// signingKeyCommand is about keys that nobody names: they are listed, and rotated
// together.
func signingKeyCommand(s *session) *cobra.Command {
	parent := &cobra.Command{Use: "signing-key", Short: "The keys that sign access tokens", Aliases: []string{"signing-keys"}, RunE: group}
	list := &cobra.Command{Use: "list", Short: "List the next, the current and previous keys", Args: noArgs, RunE: func(c *cobra.Command, _ []string) error {
		items, err := s.client().whole(c.Context(), signingKeysPath)
		if err != nil {
			return err
		}
		return s.printList(signingKeyColumns, items)
	}}
	parent.AddCommand(list, rotateSigningKeysCommand(s))
	return parent
}

func rotateSigningKeysCommand(s *session) *cobra.Command {
	fields := []field{{
		name: "overlap_seconds", flag: "overlap", kind: duration, usage: "how long the key that signed still verifies, up to 25h, which it is when absent",
	}}
	c := &cobra.Command{
		Use: "rotate", Short: "Have the next key sign from now on", Args: noArgs,
		Long: `Have the next key sign from now on, and make another one that comes after it.

The key that signed still verifies for the overlap, so that nobody's token is
refused. With --overlap 0s every earlier key ends at once, and with it all
access tokens that it signed: for when a key may be in the wrong hands.

They are rotated every 90 days by themselves.`,
		Example: "  tidegate signing-key rotate --wait 5",
	}
	declare(c, fields, nil)
	matchFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		body, err := s.body(c, fields, "")
		if err != nil {
			return err
		}
		answer, err := s.client().call(c.Context(), http.MethodPost, signingKeysPath+"/rotate", nil, body, match(c))
		if err != nil {
			return err
		}
		items, _, err := itemsOf(answer)
		if err != nil {
			return err
		}
		return s.printList(signingKeyColumns, items)
	}
	return c
}
