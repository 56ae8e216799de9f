package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"
	"go.yaml.in/yaml/v4"
)

// printList prints objects as the table of their columns, or whole.
func (s *session) printList(columns []column, items []any) error {
	if s.output != "table" {
		return s.printWhole(items)
	}
	rows := make([][]string, len(items))
	for i, item := range items {
		for _, c := range columns {
			rows[i] = append(rows[i], cell(at(item, c.path)))
		}
	}
	titles := make([]string, len(columns))
	for i, c := range columns {
		titles[i] = c.title
	}
	return s.printTable(titles, rows)
}

// printOne prints one object: its columns, then what is in it besides and was
// not asked for again, such as a new secret.
func (s *session) printOne(columns []column, item any) error {
	if s.output != "table" {
		return s.printWhole(item)
	}
	object, ok := item.(map[string]any)
	if !ok {
		return s.printWhole(item)
	}
	var rows [][]string
	for _, name := range order(columns, object) {
		rows = append(rows, flatten(name, object[name])...)
	}
	return s.printTable(nil, rows)
}

// order answers an object's members: those of the columns first, then the rest
// by name.
func order(columns []column, object map[string]any) []string {
	var names []string
	for _, c := range columns {
		first, _, _ := strings.Cut(c.path, ".")
		if _, there := object[first]; there && !slices.Contains(names, first) {
			names = append(names, first)
		}
	}
	rest := make([]string, 0, len(object))
	for name := range object {
		if !slices.Contains(names, name) {
			rest = append(rest, name)
		}
	}
	slices.Sort(rest)
	return append(names, rest...)
}

// flatten answers the lines of a member; nested objects have a line a member.
func flatten(name string, value any) [][]string {
	inner, nested := value.(map[string]any)
	if !nested || len(inner) == 0 {
		return [][]string{{name, cell(value)}}
	}
	var rows [][]string
	for _, member := range order(nil, inner) {
		rows = append(rows, flatten(name+"."+member, inner[member])...)
	}
	return rows
}

func (s *session) printWhole(value any) error {
	if s.output == "yaml" {
		encoded, err := yaml.Marshal(plain(value))
		if err != nil {
			return err
		}
		_, err = s.stdout.Write(encoded)
		return err
	}
	encoder := json.NewEncoder(s.stdout)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

// plain turns JSON's numbers into ones that YAML prints as such.
func plain(value any) any {
	switch value := value.(type) {
	case json.Number:
		if n, err := value.Int64(); err == nil {
			return n
		}
		f, _ := value.Float64()
		return f
	case map[string]any:
		out := map[string]any{}
		for k, v := range value {
			out[k] = plain(v)
		}
		return out
	case []any:
		out := make([]any, len(value))
		for i, v := range value {
			out[i] = plain(v)
		}
		return out
	}
	return value
}

// printTable prints rows under titles (none: the first column names the row).
// Colours are left out where they cannot be shown or are not wanted (NO_COLOR).
func (s *session) printTable(titles []string, rows [][]string) error {
	bold := lipgloss.NewStyle().Bold(true)
	t := table.New().BorderTop(false).BorderBottom(false).BorderLeft(false).BorderRight(false).
		BorderColumn(false).BorderRow(false).BorderHeader(false).Wrap(false).
		StyleFunc(func(row, column int) lipgloss.Style {
			style := lipgloss.NewStyle().PaddingRight(2)
			if row == table.HeaderRow || titles == nil && column == 0 {
				return style.Inherit(bold)
			}
			return style
		}).Rows(rows...)
	if titles != nil {
		t = t.Headers(titles...)
	}
	for line := range strings.Lines(t.String() + "\n") {
		if _, err := lipgloss.Fprintln(s.stdout, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// at answers a member by path, such as "approval.mode"; nil when there is none.
func at(item any, path string) any {
	for step := range strings.SplitSeq(path, ".") {
		object, ok := item.(map[string]any)
		if !ok {
			return nil
		}
		item = object[step]
	}
	return item
}

func cell(value any) string {
	switch value := value.(type) {
	case nil:
		return "-"
	case string:
		if value == "" {
			return "-"
		}
		return value
	case []any, map[string]any:
		encoded, err := json.Marshal(value)
		if err != nil {
			return "?"
		}
		return string(encoded)
	}
	return fmt.Sprint(value)
}
