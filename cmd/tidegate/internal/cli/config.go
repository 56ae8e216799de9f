package cli

import (
	"encoding/json"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
)

// configUsage tells how --config is written; the API's description of each type
// tells what there is.
const configUsage = "a setting of the type: name=value, name=@FILE (- for standard input), name:=JSON, or a whole JSON object; repeated"

// The members of a credential's config that are no texts. A value for any other
// is taken as it stands, digits too: keys and secrets may look like numbers.
var (
	configNumbers = []string{"leeway_seconds", "clock_skew_seconds", "token_ttl_seconds", "refresh_ttl_seconds"}
	configTruths  = []string{"secret_base64", "require_digest", "replay_protection"}
	configLists   = []string{"claims_to_verify", "allowed_algorithms", "scopes"}
)

// readConfig reads the flags of a config, the later over the earlier.
func readConfig(stdin io.Reader, flags []string) (map[string]any, error) {
	config := map[string]any{}
	for _, raw := range flags {
		if strings.HasPrefix(raw, "{") || strings.HasPrefix(raw, "@") {
			whole, err := one(object, raw)
			if err != nil {
				return nil, err
			}
			members, ok := whole.(map[string]any)
			if !ok {
				return nil, usage("want a JSON object")
			}
			maps.Copy(config, members)
			continue
		}
		name, value, ok := strings.Cut(raw, "=")
		if !ok || name == "" {
			return nil, usage("want name=value, name=@FILE, name:=JSON or a JSON object") // what was given may be a secret
		}
		read, err := readMember(stdin, name, value)
		if err != nil {
			return nil, err
		}
		config[strings.TrimSuffix(name, ":")] = read
	}
	return config, nil
}

// readMember reads one value. No error repeats it.
func readMember(stdin io.Reader, name, value string) (any, error) {
	if bare, ok := strings.CutSuffix(name, ":"); ok {
		var decoded any
		if json.Unmarshal([]byte(value), &decoded) != nil {
			return nil, usage("%s: want JSON after :=", bare)
		}
		return decoded, nil
	}
	if path, ok := strings.CutPrefix(value, "@"); ok {
		content, err := content(stdin, path)
		if err != nil {
			return nil, err
		}
		value = strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	}
	switch {
	case slices.Contains(configNumbers, name):
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return nil, usage("%s: want a whole number", name)
		}
		return n, nil
	case slices.Contains(configTruths, name):
		truth, err := strconv.ParseBool(value)
		if err != nil {
			return nil, usage("%s: want true or false", name)
		}
		return truth, nil
	case slices.Contains(configLists, name):
		if value == "" {
			return []string{}, nil
		}
		return strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' }), nil
	}
	return value, nil
}

func content(stdin io.Reader, path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(stdin)
	}
	return os.ReadFile(path)
}
