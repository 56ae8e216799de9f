package target_test

import (
	"errors"
	"testing"

	"github.com/tidegate-io/tidegate/services/gateway/internal/target"
)

func TestATargetIsReadOnce(t *testing.T) {
	for raw, want := range map[string]target.Target{
		"/a/%62?c=%2f&d":          {Host: "api.example", Authority: "API.example.:8000", Path: "/a/b", Query: "c=%2f&d", Asked: true},
		"/a?":                     {Host: "api.example", Authority: "API.example.:8000", Path: "/a", Asked: true},
		"/a":                      {Host: "api.example", Authority: "API.example.:8000", Path: "/a"},
		"http://Other/a?b":        {Host: "other", Authority: "Other", Path: "/a", Query: "b", Asked: true},
		"http://other":            {Host: "other", Authority: "other", Path: "/"},
		"HTTP://other?q":          {Host: "other", Authority: "other", Path: "/", Query: "q", Asked: true},
		"https://[::1]:8443/a//b": {Host: "[::1]", Authority: "[::1]:8443", Path: "/a/b"},
		"/http://x/y":             {Host: "api.example", Authority: "API.example.:8000", Path: "/http:/x/y"},
	} {
		got, err := target.Parse(raw, "API.example.:8000")
		if err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", raw, got, err, want)
		}
	}
}

func TestWhatGoesNowhereIsRefused(t *testing.T) {
	for _, raw := range []string{"", "*", "host:443", "ftp://x/a", "/a#b", "/a?b#c", "/a%2fb", "/..", "http://user@host/a", "http://a:1:2/b"} {
		if got, err := target.Parse(raw, "host"); !errors.Is(err, target.Err) {
			t.Errorf("%q: got %+v, %v", raw, got, err)
		}
	}
	for _, host := range []string{"a b", "a/b", "a@b", "a,b", "a\\b", "a%2eb", "é"} {
		if got, err := target.Parse("/", host); !errors.Is(err, target.Err) {
			t.Errorf("host %q: got %+v, %v", host, got, err)
		}
	}
}
