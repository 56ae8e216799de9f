package cli

import (
	"encoding/json"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// field is one member of a request's body, or one filter of a list, and the
// flag that is named after it.
type field struct {
	name  string // of the member: "expires_at", or "contact.name" below another
	flag  string // when it is not the name with dashes: "consumer" for consumer_id
	kind  kind
	usage string
	// required fields must come from a flag or the file.
	required bool
}

// kind is how a flag's text becomes JSON.
type kind int

const (
	text      kind = iota
	number         // 30
	truth          // --hide-credentials
	moment         // RFC 3339, or from now: 24h, 30d; "none" for null
	past           // of filters: RFC 3339, or until now: 24h, 30d
	duration       // 24h, 30d or seconds; seconds in the body
	words          // repeated or separated by commas
	pairs          // key=value, repeated
	object         // JSON
	config         // name=value, name:=JSON or a JSON object, repeated
	routes         // /prefix, host/prefix or JSON, repeated
	upstreams      // URL or JSON, repeated
	placement      // header:X-API-Key
	approval       // manual, auto, or a policy's expression
	ids            // words, or "all" for null
)

func (f field) flagName() string {
	if f.flag != "" {
		return f.flag
	}
	return strings.NewReplacer("_", "-", ".", "-").Replace(f.name)
}

// fieldNames lets a flag that is shorter than its field be given by the field's
// whole name, too: --consumer-id is --consumer.
func fieldNames() func(*pflag.FlagSet, string) pflag.NormalizedName {
	short := map[string]string{}
	for _, n := range nouns {
		fields := slices.Concat(n.filters, n.create, n.update)
		for _, a := range n.actions {
			fields = append(fields, a.fields...)
		}
		for _, f := range fields {
			if whole := (field{name: f.name}).flagName(); f.flag != "" && f.flag != whole {
				short[whole] = f.flag
			}
		}
	}
	return func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if flag, ok := short[name]; ok {
			name = flag
		}
		return pflag.NormalizedName(name)
	}
}

// declare adds the field's flag.
func (f field) declare(flags *pflag.FlagSet) {
	switch f.kind {
	case truth:
		flags.Bool(f.flagName(), false, f.usage)
	case number:
		flags.Int(f.flagName(), 0, f.usage)
	case words, ids:
		flags.StringSlice(f.flagName(), nil, f.usage)
	case pairs, routes, upstreams, config:
		flags.StringArray(f.flagName(), nil, f.usage)
	default:
		flags.String(f.flagName(), "", f.usage)
	}
}

// put sets the field in a body when its flag was given.
func (f field) put(stdin io.Reader, flags *pflag.FlagSet, body map[string]any) error {
	if !flags.Changed(f.flagName()) {
		return nil
	}
	value, err := f.value(stdin, flags)
	if err != nil {
		return usage("--%s: %w", f.flagName(), err)
	}
	if before, there := body[f.name].(map[string]any); there && f.kind == config { // of a file: flags win, one by one
		maps.Copy(before, value.(map[string]any))
		return nil
	}
	place(body, f.name, value)
	return nil
}

// place sets "a.b" in nested objects.
func place(body map[string]any, name string, value any) {
	first, rest, nested := strings.Cut(name, ".")
	if !nested {
		body[name] = value
		return
	}
	inner, ok := body[first].(map[string]any)
	if !ok {
		inner = map[string]any{}
		body[first] = inner
	}
	place(inner, rest, value)
}

func (f field) value(stdin io.Reader, flags *pflag.FlagSet) (any, error) {
	name := f.flagName()
	switch f.kind {
	case config:
		list, err := flags.GetStringArray(name)
		if err != nil {
			return nil, err
		}
		return readConfig(stdin, list)
	case truth:
		return flags.GetBool(name)
	case number:
		return flags.GetInt(name)
	case words:
		return flags.GetStringSlice(name)
	case ids:
		list, err := flags.GetStringSlice(name)
		if len(list) == 1 && list[0] == "all" {
			return nil, err
		}
		return list, err
	case pairs, routes, upstreams:
		list, err := flags.GetStringArray(name)
		if err != nil {
			return nil, err
		}
		return many(f.kind, list)
	default:
		raw, err := flags.GetString(name)
		if err != nil {
			return nil, err
		}
		return one(f.kind, raw)
	}
}

// many reads the repeated kinds.
func many(k kind, list []string) (any, error) {
	if k == pairs {
		labels := map[string]any{}
		for _, pair := range list {
			key, value, ok := strings.Cut(pair, "=")
			if !ok {
				return nil, usage("want key=value, not %q", pair)
			}
			labels[key] = value
		}
		return labels, nil
	}
	all := []any{}
	for _, raw := range list {
		var entry any
		switch {
		case strings.HasPrefix(raw, "{"):
			if err := json.Unmarshal([]byte(raw), &entry); err != nil {
				return nil, err
			}
		case k == upstreams:
			entry = map[string]any{"url": raw}
		default:
			host, prefix, _ := strings.Cut(raw, "/")
			route := map[string]any{"path_prefix": "/" + prefix, "strip_prefix": true}
			if host != "" {
				route["host"] = host
			}
			entry = route
		}
		all = append(all, entry)
	}
	return all, nil
}

// one reads the kinds of one value. "@file" reads the value from a file.
func one(k kind, raw string) (any, error) {
	if path, ok := strings.CutPrefix(raw, "@"); ok && (k == text || k == object) {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		raw = string(content)
	}
	switch k {
	case moment:
		return when(raw, time.Now())
	case duration:
		if seconds, err := strconv.ParseInt(raw, 10, 64); err == nil {
			return seconds, nil
		}
		d, err := span(raw)
		return int64(d / time.Second), err
	case object:
		var decoded any
		if err := json.Unmarshal([]byte(raw), &decoded); err != nil {
			return nil, usage("want JSON: %w", err)
		}
		return decoded, nil
	case placement:
		in, name, ok := strings.Cut(raw, ":")
		if !ok {
			return nil, usage("want in:name, such as header:X-API-Key")
		}
		return map[string]any{"in": in, "name": name}, nil
	case approval:
		if raw == "manual" || raw == "auto" {
			return map[string]any{"mode": raw}, nil
		}
		return map[string]any{"mode": "policy", "expression": raw}, nil
	default:
		return raw, nil
	}
}

// when reads a moment: RFC 3339, or a span from now; "none" is null.
func when(raw string, now time.Time) (any, error) {
	if raw == "none" {
		return nil, nil
	}
	if at, err := time.Parse(time.RFC3339, raw); err == nil {
		return at.UTC().Format(time.RFC3339), nil
	}
	d, err := span(raw)
	if err != nil {
		return nil, usage("want 2027-01-31T00:00:00Z, a time from now such as 24h or 30d, or none")
	}
	return now.Add(d).UTC().Format(time.RFC3339), nil
}

// since reads a moment: RFC 3339, or a span until now.
func since(raw string, now time.Time) (string, error) {
	if at, err := time.Parse(time.RFC3339, raw); err == nil {
		return at.UTC().Format(time.RFC3339Nano), nil
	}
	d, err := span(raw)
	if err != nil {
		return "", usage("want 2027-01-31T00:00:00Z, or a time until now such as 24h or 30d")
	}
	return now.Add(-d).UTC().Format(time.RFC3339), nil
}

// filter answers the value of a list's filter.
func (f field) filter(flags *pflag.FlagSet) (string, error) {
	raw := flags.Lookup(f.flagName()).Value.String()
	if f.kind != past {
		return raw, nil
	}
	at, err := since(raw, time.Now())
	if err != nil {
		return "", usage("--%s: %w", f.flagName(), err)
	}
	return at, nil
}

// span reads a duration; d stands for 24 hours.
func span(raw string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(raw, "d"); ok {
		n, err := strconv.Atoi(days)
		if err == nil {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	d, err := time.ParseDuration(raw)
	if err != nil {
		return 0, usage("want a time such as 90s, 24h or 30d")
	}
	return d, nil
}
