package authtype

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What values look like. Each answers a judge for set.

// printable: so many characters of UTF-8, none of them a control character.
func printable(least, most int) func(string) bool {
	return func(text string) bool {
		n := utf8.RuneCountInString(text)
		return n >= least && n <= most && isPrintable(text)
	}
}

// between: a whole number within bounds.
func between(least, most int) func(int) bool {
	return func(n int) bool { return n >= least && n <= most }
}

// oneOf: a word of a list.
func oneOf(words ...string) func(string) bool {
	return func(word string) bool { return slices.Contains(words, word) }
}

// someOf: at least one word of a list, none twice.
func someOf(words ...string) func([]string) bool {
	return func(given []string) bool { return len(given) > 0 && subsetOf(words...)(given) }
}

// subsetOf: words of a list, none twice.
func subsetOf(words ...string) func([]string) bool {
	return func(given []string) bool {
		for i, word := range given {
			if !slices.Contains(words, word) || slices.Contains(given[:i], word) {
				return false
			}
		}
		return true
	}
}

func anyTruth(bool) bool { return true }

func isPrintable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

// isVisible: printable ASCII without a space.
func isVisible(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}

// within says whether a text has so many bytes.
func within(text string, least, most int) bool { return len(text) >= least && len(text) <= most }
