package access_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tidegate-io/tidegate/libs/access"
)

func TestCanonicalPath(t *testing.T) {
	for path, want := range map[string]string{
		"/":                             "/",
		"/petstore/pets/1":              "/petstore/pets/1",
		"/petstore/":                    "/petstore/",
		"//petstore///pets//":           "/petstore/pets/",
		"/./a/./b/.":                    "/a/b/",
		"/a/../b":                       "/b",
		"/a/b/..":                       "/a/",
		"/a/..":                         "/",
		"/a//../b":                      "/b",
		"/%70etstore":                   "/petstore",
		"/a/%2e%2E/b":                   "/b",
		"/a/.%2e/b":                     "/b",
		"/a/%2e/b":                      "/a/b",
		"/%7euser":                      "/~user",
		"/a%2cb,c":                      "/a%2Cb,c",
		"/a%3bb;c":                      "/a%3Bb;c",
		"/v1/things:batch":              "/v1/things:batch",
		"/100%25":                       "/100%25",
		"/%252e%252e/a":                 "/%252e%252e/a",
		"/caf%c3%a9":                    "/caf%C3%A9",
		"/café":                         "/caf%C3%A9",
		"/a b":                          "/a%20b",
		"/a%20b":                        "/a%20b",
		"/<x>|\"{}^`":                   "/%3Cx%3E%7C%22%7B%7D%5E%60",
		"/.hidden":                      "/.hidden",
		"/...":                          "/...",
		"/..a/b..":                      "/..a/b..",
		"/a?b"[:2]:                      "/a",
		"/a%3Fb%23c":                    "/a%3Fb%23c",
		"/;x/b":                         "/;x/b",
		"/" + strings.Repeat("a/", 300): "/" + strings.Repeat("a/", 300),
	} {
		t.Run(path, func(t *testing.T) {
			got, err := access.CanonicalPath(path)
			if err != nil || got != want {
				t.Errorf("got %q, %v, want %q", got, err, want)
			}
		})
	}
}

func TestAPathWithoutCanonicalFormIsRefused(t *testing.T) {
	for _, path := range []string{
		"", "a", "*", "http://host/a",
		"/a%2fb", "/a%2Fb", "/a%5cb", "/a%5Cb", `/a\b`,
		"/a%00b", "/a\x00b", "/a%0ab", "/a\nb", "/a%7f", "/\x7f", "/a\tb", "/%1b", "/%c2%80", "/\u009f",
		"/%", "/%2", "/%zz", "/%2x", "/a%", "/a%2/b", "/%u0041",
		"/%ff", "/\xff", "/%c0%ae%c0%ae/", "/%e2%82", "/%ed%a0%80", "/%c3/%a9",
		"/..", "/../a", "/a/../..", "/%2e%2e/", "/a/../../b", "/./..", "//..",
		"/a/..;/b", "/a/..;x=y/b", "/.;/a", "/..%3b/a", "/%2e%2e;/a",
		"/a?b", "/a#b",
	} {
		t.Run(path, func(t *testing.T) {
			if got, err := access.CanonicalPath(path); !errors.Is(err, access.ErrPath) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestAPrefixIsCanonicalAndUnambiguous(t *testing.T) {
	for _, prefix := range []string{"/", "/petstore", "/a/b-c_d.e~f", "/caf%C3%A9", "/a%20b", "/a%2Cb"} {
		if err := access.CheckPrefix(prefix); err != nil {
			t.Errorf("%q is refused: %v", prefix, err)
		}
	}
	for _, prefix := range []string{"", "petstore", "/a//b", "/a/../b", "/%70", "/café", "/caf%c3%a9", "/a,b", "/v1:x", "/@a", "/a%2fb"} {
		if err := access.CheckPrefix(prefix); !errors.Is(err, access.ErrPath) {
			t.Errorf("%q is accepted: %v", prefix, err)
		}
	}
}

func TestACanonicalPathIsAnsweredWithoutAllocation(t *testing.T) {
	for _, path := range []string{"/petstore/pets/17", "/caf%C3%A9/a%2Cb"} {
		if n := testing.AllocsPerRun(100, func() { _, _ = access.CanonicalPath(path) }); n != 0 {
			t.Errorf("%q: %v allocations", path, n)
		}
	}
}

func FuzzCanonicalPath(f *testing.F) {
	for _, seed := range []string{"/", "/a/../b", "/%2e%2e/", "/a%2fb", "//a", "/caf%c3%a9", "/..;/x", "/%252e", "/a b,c;d"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		once, err := access.CanonicalPath(path)
		if err != nil {
			return
		}
		twice, err := access.CanonicalPath(once)
		if err != nil || twice != once {
			t.Fatalf("%q: %q, then %q, %v", path, once, twice, err)
		}
		lower := strings.ToLower(once)
		for _, bad := range []string{"//", "/./", "/../", "\\", "%2f", "%5c", "%00", "%0", "%1", "%7f", "%2e", " ", "?", "#"} {
			if strings.Contains(lower, bad) {
				t.Fatalf("%q: %q holds %q", path, once, bad)
			}
		}
		if once[0] != '/' || strings.HasSuffix(once, "/.") || strings.HasSuffix(once, "/..") {
			t.Fatalf("%q: %q", path, once)
		}
		for _, c := range []byte(once) {
			if c <= ' ' || c >= utf8.RuneSelf || c == 0x7f {
				t.Fatalf("%q: %q holds a byte that must be encoded", path, once)
			}
		}
	})
}
