package sfv_test

import (
	"strings"
	"testing"

	"github.com/tidegate-io/tidegate/services/gateway/internal/sfv"
)

// read answers the members of a dictionary of one line.
func read(value string) ([]sfv.Member, error) {
	var d sfv.Dictionary
	err := d.Read(value)
	return d.Members, err
}

// write answers a dictionary as its members are written canonically.
func write(members []sfv.Member) string {
	var parts []string
	for _, m := range members {
		parts = append(parts, m.Key+"="+string(m.AppendValue(nil)))
	}
	return strings.Join(parts, ", ")
}

func TestADictionaryIsReadAndWrittenInOneForm(t *testing.T) {
	for value, want := range map[string]string{
		"":                                  "",
		"a=1":                               "a=1",
		"  a=1 ,\tb=-002  ":                 "a=1, b=-2",
		"a":                                 "a=?1",
		"a;x;y=?0;z=?1":                     "a=?1;x;y=?0;z",
		`a="q\"\\";p=tok/en:x*`:             `a="q\"\\";p=tok/en:x*`,
		"*a-b_c.d*=:AAECAw==:":              "*a-b_c.d*=:AAECAw==:",
		`s=( "a"   "b";k  c );created=1`:    `s=("a" "b";k c);created=1`,
		"s=()":                              "s=()",
		`sig1=("@method");keyid="k", b=:: `: `sig1=("@method");keyid="k", b=::`,
	} {
		members, err := read(value)
		if got := write(members); err != nil || got != want {
			t.Errorf("%q is read as %q, %v", value, got, err)
		}
		for _, m := range members {
			if text := value[m.From:m.To]; !strings.HasPrefix(text, m.Key) || strings.TrimSpace(text) != text {
				t.Errorf("%q: %s stands at %q", value, m.Key, text)
			}
		}
	}
}

func TestWhatHasTwoReadingsOrNoneIsRefused(t *testing.T) {
	for _, value := range []string{
		"a=1,", ",a=1", "a=1,,b=1", "a=1 b=1", "A=1", "1=1", "=1", "a=", "a= 1", "a =1", "a=1;", "a=1;A", "a=1;p=", "a=1;p=1;p=1", "a=1, a=2",
		`a="`, `a="\n"`, "a=\"\x01\"", "a=\"\x7f\"", "a=\"é\"", `a="\`, "a=:AA:", "a=:AA=:", "a=:AB==:", "a=:A A==:", "a=:AA==", "a=:AA\n==:", "a=?2", "a=?",
		"a=-", "a=1.5", "a=1234567890123456", "a=@1", "a=%\"x\"", "a=(", "a=(1", `a=("x""y")`, `a=("x","y")`, "a=((1))", "a=(1)b", "a=1\x00", "a=\x00", "a;\tx",
		strings.TrimSuffix(strings.Repeat("a=1,", 200), ","),
	} {
		if members, err := read(value); err == nil {
			t.Errorf("%q is read as %q", value, write(members))
		}
	}
}

func FuzzDictionary(f *testing.F) {
	f.Add(`sig1=("@method" "x";k=1);created=1;keyid="k", b=:AAECAw==:;t`)
	f.Add(`a;b=?0, c="\"\\"`)
	f.Fuzz(func(t *testing.T, value string) {
		members, err := read(value)
		if err != nil {
			return
		}
		again, err := read(write(members))
		if err != nil || write(again) != write(members) {
			t.Fatalf("%q is written as %q, which is read as %q, %v", value, write(members), write(again), err)
		}
		at := 0
		for _, m := range members {
			if m.From < at || m.To <= m.From || m.To > len(value) {
				t.Fatalf("%q: %q stands at %d to %d", value, m.Key, m.From, m.To)
			}
			if alone, err := read(value[m.From:m.To]); err != nil || len(alone) != 1 || write(alone) != write([]sfv.Member{m}) {
				t.Fatalf("%q: %q alone is %q, %v", value, value[m.From:m.To], write(alone), err)
			}
			at = m.To
		}
	})
}
