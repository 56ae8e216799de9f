package domain

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// MaxName is how many characters a name may have.
const MaxName = 256

// lastYear is the last one whose moments have the length of all others as text.
const lastYear = 9999

// normal answers the settings in the one form in which they are kept, or what is
// wrong with them. An expiry that stays as it is may have passed.
func (s Settings) normal(current *time.Time, at time.Time) (Settings, error) {
	if n := utf8.RuneCountInString(s.Name); n < 1 || n > MaxName || !utf8.ValidString(s.Name) {
		return Settings{}, ErrInvalid.At("body.name").Saying("The text is 1 to %d characters of UTF-8.", MaxName)
	}
	if strings.TrimSpace(s.Name) == "" || strings.ContainsFunc(s.Name, unicode.IsControl) {
		return Settings{}, ErrInvalid.At("body.name").Saying("The text is not blank and holds no control characters.")
	}
	if s.ExpiresAt = utc(s.ExpiresAt); s.ExpiresAt == nil || sameTime(s.ExpiresAt, current) {
		return s, nil
	}
	if !s.ExpiresAt.After(at) {
		return Settings{}, ErrExpiryInPast.At("body.expires_at")
	}
	if s.ExpiresAt.Year() > lastYear {
		return Settings{}, ErrInvalid.At("body.expires_at").Saying("The year is at most %d.", lastYear)
	}
	return s, nil
}
