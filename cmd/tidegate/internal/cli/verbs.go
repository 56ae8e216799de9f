package cli

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v4"
)

// command makes the commands of a noun.
func (n noun) command(s *session) *cobra.Command {
	parent := &cobra.Command{Use: n.name, Short: n.short, Aliases: []string{n.name + "s"}, RunE: group}
	parent.AddCommand(n.listCommand(s))
	if n.name == "approval" { // its items are subscriptions: they are decided under their own id
		parent.AddCommand(n.decide(s, "approve", "Say yes to a request", decision),
			n.decide(s, "reject", "Say no to a request", []field{{name: "reason", usage: "why", required: true}}))
		return parent
	}
	parent.AddCommand(n.getCommand(s))
	if n.create != nil {
		parent.AddCommand(n.createCommand(s))
	}
	if n.update != nil {
		parent.AddCommand(n.updateCommand(s))
	}
	if n.deletable != "" {
		parent.AddCommand(n.deleteCommand(s))
	}
	if n.history {
		parent.AddCommand(n.historyCommand(s))
	}
	for _, a := range n.actions {
		parent.AddCommand(n.actionCommand(s, a))
	}
	if n.name == "credential" {
		parent.AddCommand(verifyCommand(s))
	}
	for _, t := range n.totals {
		parent.AddCommand(&cobra.Command{Use: t.name, Short: t.short, Args: noArgs, RunE: func(c *cobra.Command, _ []string) error {
			return s.do(c, t.columns, http.MethodGet, n.path+"/"+t.name, nil, nil)
		}})
	}
	return parent
}

func (n noun) listCommand(s *session) *cobra.Command {
	var limit int
	c := &cobra.Command{Use: "list", Short: "List " + n.name + "s", Args: noArgs}
	c.Flags().IntVar(&limit, "limit", 0, "how many at most; 0: all")
	for _, f := range n.filters {
		f.declare(c.Flags())
	}
	c.RunE = func(c *cobra.Command, _ []string) error {
		query := url.Values{}
		for _, f := range n.filters {
			if !c.Flags().Changed(f.flagName()) {
				continue
			}
			value, err := f.filter(c.Flags())
			if err != nil {
				return err
			}
			query.Set(f.name, value)
		}
		items, err := s.client().list(c.Context(), n.path, query, limit)
		if err != nil {
			return err
		}
		return s.printList(n.columns, items)
	}
	return c
}

func (n noun) getCommand(s *session) *cobra.Command {
	return &cobra.Command{Use: "get ID", Short: "Show one " + n.name, Args: oneID, RunE: func(c *cobra.Command, args []string) error {
		return s.do(c, n.columns, http.MethodGet, n.object(args[0]), nil, nil)
	}}
}

func (n noun) createCommand(s *session) *cobra.Command {
	var file, key string
	c := &cobra.Command{Use: "create", Short: "Create a " + n.name, Args: noArgs}
	declare(c, n.create, &file)
	c.Flags().StringVar(&key, "idempotency-key", "", "the same key answers the first answer again; generated when absent")
	c.RunE = func(c *cobra.Command, _ []string) error {
		body, err := s.body(c, n.create, file)
		if err != nil {
			return err
		}
		path := n.path
		if n.createPath != "" {
			owner, _ := body[n.parent].(string)
			delete(body, n.parent)
			path = strings.Replace(n.createPath, "{}", url.PathEscape(owner), 1)
		}
		header := http.Header{}
		if key != "" {
			header.Set("Idempotency-Key", key)
		}
		return s.do(c, n.columns, http.MethodPost, path, body, header)
	}
	return c
}

func (n noun) updateCommand(s *session) *cobra.Command {
	var file string
	c := &cobra.Command{Use: "update ID", Short: "Change a " + n.name, Args: oneID}
	declare(c, optional(n.update), &file)
	matchFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		body, err := s.body(c, optional(n.update), file)
		if err != nil {
			return err
		}
		if len(body) == 0 {
			return usage("say what to change, with a flag or -f FILE")
		}
		return s.do(c, n.columns, http.MethodPatch, n.object(args[0]), body, match(c))
	}
	return c
}

func (n noun) deleteCommand(s *session) *cobra.Command {
	c := &cobra.Command{Use: "delete ID", Short: n.deletable, Args: oneID}
	matchFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return s.do(c, n.columns, http.MethodDelete, n.object(args[0]), nil, match(c))
	}
	return c
}

func (n noun) historyCommand(s *session) *cobra.Command {
	return &cobra.Command{Use: "history ID", Short: "Show its events, oldest first", Args: oneID, RunE: func(c *cobra.Command, args []string) error {
		items, err := s.client().whole(c.Context(), n.object(args[0])+"/history")
		if err != nil {
			return err
		}
		return s.printList([]column{{"TIME", "time"}, {"TYPE", "type"}, {"ACTOR", "actor"}, {"VERSION", "version"}}, items)
	}}
}

func (n noun) actionCommand(s *session, a action) *cobra.Command {
	c := &cobra.Command{Use: a.name + " ID", Short: a.short, Args: oneID}
	declare(c, a.fields, nil)
	matchFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		body, err := s.body(c, a.fields, "")
		if err != nil {
			return err
		}
		method, path := http.MethodPost, a.name
		if a.method != "" {
			method = a.method
		}
		if a.path != "" {
			path = a.path
		}
		return s.do(c, n.columns, method, n.object(args[0])+"/"+path, body, match(c))
	}
	return c
}

// decide is an action on the subscription that an approval waits for.
func (n noun) decide(s *session, name, short string, fields []field) *cobra.Command {
	subscriptions := noun{name: "subscription", path: "/v1/subscriptions", columns: n.columns}
	return subscriptions.actionCommand(s, action{name: name, short: short, fields: fields})
}

func (n noun) object(id string) string { return n.path + "/" + url.PathEscape(id) }

// declare adds the flags of a body, and -f when file is given.
func declare(c *cobra.Command, fields []field, file *string) {
	for _, f := range fields {
		f.declare(c.Flags())
	}
	if file != nil {
		c.Flags().StringVarP(file, "file", "f", "", "read it from a JSON or YAML file, - for standard input; flags win")
	}
}

// optional answers fields of which none is required.
func optional(fields []field) []field {
	free := make([]field, len(fields))
	for i, f := range fields {
		f.required = false
		free[i] = f
	}
	return free
}

// body reads the file and lays the flags over it.
func (s *session) body(c *cobra.Command, fields []field, file string) (map[string]any, error) {
	body := map[string]any{}
	if file != "" {
		read, err := s.readFile(file)
		if err != nil {
			return nil, err
		}
		maps.Copy(body, read)
	}
	for _, f := range fields {
		if err := f.put(s.stdin, c.Flags(), body); err != nil {
			return nil, err
		}
		if _, given := body[f.name]; f.required && !given {
			return nil, usage("--%s is needed: %s", f.flagName(), f.usage)
		}
	}
	return body, nil
}

// readFile reads JSON or YAML (of which JSON is a part).
func (s *session) readFile(path string) (map[string]any, error) {
	var content []byte
	var err error
	if path == "-" {
		content, err = io.ReadAll(s.stdin)
	} else {
		content, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, err
	}
	body := map[string]any{}
	if json.Unmarshal(content, &body) == nil {
		return body, nil
	}
	if err := yaml.Unmarshal(content, &body); err != nil {
		return nil, usage("%s is neither JSON nor YAML: %w", path, err)
	}
	return body, nil
}

func matchFlag(c *cobra.Command) {
	c.Flags().Int64("if-version", 0, "only when it is at this version")
}

func match(c *cobra.Command) http.Header {
	header := http.Header{}
	if version, err := c.Flags().GetInt64("if-version"); err == nil && version > 0 {
		header.Set("If-Match", `"`+strconv.FormatInt(version, 10)+`"`)
	}
	return header
}
