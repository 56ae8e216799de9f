package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tidegate-io/tidegate/libs/secret"
)

// kinds says what a generated secret is.
var kinds = map[secret.Kind]string{
	secret.APIKey:       "API key",
	secret.Password:     "password of a basic credential",
	secret.Secret:       "shared secret of a jwt or hmac credential",
	secret.ClientSecret: "client secret of an oauth2 credential",
}

// longestVerified bounds what is read: a generated secret has 54 characters.
const longestVerified = 4 << 10

func verifyCommand(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "verify [FILE]", Short: "Check a generated secret for typing errors, on this machine alone",
		Long: `Check a generated secret for typing errors: its prefix, its shape and its
checksum. It is read from a file or, without one, from standard input, and is
neither sent anywhere nor printed. Whether anybody was given it, and whether it
still counts, only a gateway knows.`,
		Example: "  tidegate credential verify key.txt\n  tidegate credential verify < key.txt",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("want one file, or none for standard input")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			text, err := s.readSecret(args)
			if err != nil {
				return err
			}
			return s.verify(text)
		},
	}
}

// readSecret reads a line. Whoever gives the secret itself, in place of a file, is
// told not to, without its being repeated.
func (s *session) readSecret(args []string) (string, error) {
	from := s.stdin
	if len(args) > 0 && args[0] != "-" {
		if _, ours := secret.KindOf(args[0]); ours {
			return "", usage("a secret on a command line can be read by others on this machine: give it on standard input, and have it rotated if it is in use")
		}
		file, err := os.Open(args[0])
		if err != nil {
			return "", err
		}
		defer func() { _ = file.Close() }() // it was only read
		from = file
	}
	content, err := io.ReadAll(io.LimitReader(from, longestVerified))
	if err != nil {
		return "", err
	}
	text := strings.TrimRight(string(content), "\r\n")
	if text == "" {
		return "", errors.New("there is nothing to verify")
	}
	if strings.ContainsAny(text, "\r\n") {
		return "", errors.New("there is more than one line: verify one secret at a time")
	}
	return text, nil
}

func (s *session) verify(text string) error {
	if text != strings.TrimSpace(text) {
		return errors.New("there is white space at its ends, which does not belong to it")
	}
	kind, ours := secret.KindOf(text)
	if !ours {
		return errors.New("it is none of Tidegate's generated secrets: it begins with none of tg_k_, tg_p_, tg_s_, tg_c_; one that was brought along has no checksum")
	}
	if err := secret.Check(text); err != nil {
		return fmt.Errorf("it begins as the %s (%s) and is none: %w", kinds[kind], kind, err)
	}
	s.say("It is well formed and its checksum is right.")
	_, err := fmt.Fprintln(s.stdout, kinds[kind])
	return err
}
