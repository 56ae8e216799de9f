package authn

import (
	"net/http"
	"strings"
	"time"
)

// dateOfAKSK reads `20200924T063952Z`.
func dateOfAKSK(text string) (time.Time, bool) {
	if len(text) != len(layoutAKSK) || text[8] != 'T' || text[15] != 'Z' {
		return time.Time{}, false
	}
	return dateOf(decimal(text[:4]), decimal(text[4:6]), decimal(text[6:8]), decimal(text[9:11]), decimal(text[11:13]), decimal(text[13:15]))
}

// dateOfHTTP reads `Thu, 24 Sep 2020 06:39:52 GMT`, and the two forms that are out
// of use.
func dateOfHTTP(text string) (time.Time, bool) {
	if at, ok := fixdate(text); ok {
		return at, true
	}
	at, err := http.ParseTime(text)
	return at, err == nil
}

const months = "JanFebMarAprMayJunJulAugSepOctNovDec"

// fixdate reads the form in use (RFC 9110, 5.6.7) in a tenth of the standard
// library's time.
func fixdate(text string) (at time.Time, ok bool) {
	const form = "ddd, 00 mmm 0000 00:00:00 GMT"
	if len(text) != len(form) || text[3:5] != ", " || text[7] != ' ' || text[11] != ' ' || text[16] != ' ' || text[19] != ':' || text[22] != ':' || text[25:] != " GMT" {
		return at, false
	}
	month := strings.Index(months, text[8:11])
	if month%3 != 0 { // or not there
		return at, false
	}
	at, ok = dateOf(decimal(text[12:16]), month/3+1, decimal(text[5:7]), decimal(text[17:19]), decimal(text[20:22]), decimal(text[23:25]))
	return at, ok && at.Weekday().String()[:3] == text[:3]
}

// dateOf answers a date that there is, in UTC.
func dateOf(year, month, day, hour, minute, second int) (at time.Time, ok bool) {
	if min(year, hour, minute, second) < 0 || month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59 {
		return at, false
	}
	at = time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	return at, at.Day() == day
}

// decimal reads digits; below 0: there is something else.
func decimal(text string) (n int) {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return -1
		}
		n = n*10 + int(text[i]-'0')
	}
	return n
}
