package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAConfigIsReadFromItsFlags(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(file, []byte("line one\nline two\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	whole := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(whole, []byte(`{"key":"k","leeway_seconds":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		flags []string
		want  map[string]any
	}{
		"a text":                        {[]string{"username=wile"}, map[string]any{"username": "wile"}},
		"a text with an equal sign":     {[]string{"access_key=a=b"}, map[string]any{"access_key": "a=b"}},
		"a key that looks like numbers": {[]string{"key=1234567890123456"}, map[string]any{"key": "1234567890123456"}},
		"a secret that looks like null": {[]string{"secret=nullnull"}, map[string]any{"secret": "nullnull"}},
		"an empty text":                 {[]string{"audience="}, map[string]any{"audience": ""}},
		"a number":                      {[]string{"leeway_seconds=60"}, map[string]any{"leeway_seconds": int64(60)}},
		"a truth":                       {[]string{"replay_protection=false"}, map[string]any{"replay_protection": false}},
		"a list":                        {[]string{"scopes=read,write admin"}, map[string]any{"scopes": []string{"read", "write", "admin"}}},
		"an empty list":                 {[]string{"scopes="}, map[string]any{"scopes": []string{}}},
		"JSON":                          {[]string{"audience:=null", `scopes:=["a"]`}, map[string]any{"audience": nil, "scopes": []any{"a"}}},
		"a file":                        {[]string{"public_key=@" + file}, map[string]any{"public_key": "line one\nline two"}},
		"standard input":                {[]string{"secret=@-"}, map[string]any{"secret": "from stdin"}},
		"an object":                     {[]string{`{"key":"k","leeway_seconds":5}`}, map[string]any{"key": "k", "leeway_seconds": 5.0}},
		"an object in a file":           {[]string{"@" + whole}, map[string]any{"key": "k", "leeway_seconds": 1.0}},
		"the later over the earlier":    {[]string{"@" + whole, "key=other", "leeway_seconds:=null"}, map[string]any{"key": "other", "leeway_seconds": nil}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readConfig(strings.NewReader("from stdin\r\n"), c.flags)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Fatalf("read (-want +got):\n%s", diff)
			}
		})
	}
	for _, flag := range []string{"hush-hush", "=hush-hush", "leeway_seconds=hush-hush", "require_digest=hush-hush", "audience:=hush-hush", "{hush-hush"} {
		t.Run("not "+flag, func(t *testing.T) {
			_, err := readConfig(strings.NewReader(""), []string{flag})
			if !errors.As(err, new(usageError)) || strings.Contains(err.Error(), "hush-hush") {
				t.Fatalf("refused with %v", err)
			}
		})
	}
	if _, err := readConfig(strings.NewReader(""), []string{"secret=@" + file + ".none"}); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("refused with %v", err)
	}
}
