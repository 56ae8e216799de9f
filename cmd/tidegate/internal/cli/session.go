package cli

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/up"
	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/libs/httpapi"
)

// session is what every command shares: where to call, as whom, and how to
// print.
type session struct {
	stdin          io.Reader
	stdout, stderr io.Writer

	address string
	token   string
	output  string
	wait    string
	dataDir string
}

// client answers the API's client.
//
// The address is, in this order: --address, TIDEGATE_ADDRESS, that of a
// `tidegate up` which runs on the data directory, the default one. The token is
// --token, TIDEGATE_TOKEN, or one made with the data directory's own key; that
// one is sent to an address of the data directory alone, never to another.
func (s *session) client() *client {
	address, local := s.address, up.Read(s.dataDir)
	own := address == "" || local != nil && strings.TrimSuffix(address, "/") == local.ManagementURL
	if address == "" {
		address = "http://" + app.DefaultListen
		if local != nil {
			address = local.ManagementURL
		}
	}
	token := s.token
	if token == "" && own && local != nil {
		token = s.localToken()
	}
	api := newClient(address, token, s.wait)
	api.say = s.say
	return api
}

// localToken makes a short administrator's token with the data directory's key,
// which only its owner can read. Empty when there is none.
func (s *session) localToken() string {
	path := app.IssuerFile(s.dataDir)
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	issuer, err := httpapi.BuiltIn(path)
	if err != nil {
		return ""
	}
	subject := "local"
	if me, err := user.Current(); err == nil && me.Username != "" {
		subject = me.Username
	}
	token, err := issuer.Token(subject, []httpapi.Role{httpapi.Admin}, nil, time.Minute)
	if err != nil {
		return ""
	}
	return token
}

// do sends a request and prints what it is answered.
func (s *session) do(c *cobra.Command, columns []column, method, path string, body map[string]any, header http.Header) error {
	var sent any
	if method != http.MethodGet && method != http.MethodDelete {
		sent = body
	}
	answer, err := s.client().call(c.Context(), method, path, nil, sent, header)
	if err != nil || answer == nil {
		return err
	}
	return s.printOne(columns, answer)
}

// say writes a message for people.
func (s *session) say(format string, args ...any) { fmt.Fprintf(s.stderr, format+"\n", args...) }

func noArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage("it takes no argument, not %q", args[0])
	}
	return nil
}

func oneID(c *cobra.Command, args []string) error { return exactly(1)(c, args) }

func exactly(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != n {
			return usage("want `%s`", c.UseLine())
		}
		return nil
	}
}

var errNoCommand = errors.New("say which command; --help lists them")

// group is a command that only has others below it.
func group(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage("unknown command %q for %q", args[0], c.CommandPath())
	}
	if err := c.Help(); err != nil {
		return err
	}
	return usageError{errNoCommand}
}
