package authn_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/services/gateway/internal/authn"
)

func TestDatesAreReadAsTheyAreWritten(t *testing.T) {
	for at := time.Date(1999, 12, 28, 23, 59, 59, 0, time.UTC); at.Year() < 2033; at = at.Add(13*time.Hour + 61*time.Second) {
		if got, ok := authn.DateOfAKSK(at.Format("20060102T150405Z")); !ok || !got.Equal(at) {
			t.Fatalf("%v is read as %v", at, got)
		}
		if got, ok := authn.Fixdate(at.Format(http.TimeFormat)); !ok || !got.Equal(at) {
			t.Fatalf("%v is read as %v", at, got)
		}
	}
	for _, text := range []string{"Thursday, 24-Sep-20 06:39:52 GMT", "Thu Sep 24 06:39:52 2020"} {
		if got, ok := authn.DateOfHTTP(text); !ok || !got.Equal(signedAt) {
			t.Errorf("%s is read as %v", text, got)
		}
	}
}

func TestWhatIsNoDateIsRefused(t *testing.T) {
	for _, text := range []string{
		"", "20200924T063952", "20200924t063952Z", "20200924T063952z", "20200024T063952Z", "20201324T063952Z", "20200900T063952Z", "20200931T063952Z", "20210229T063952Z",
		"20200924T243952Z", "20200924T066052Z", "20200924T063960Z", "+0200924T063952Z", "2020 924T063952Z", "2020092٤T063952Z", "20200924T063952Z ", "20200924T06395.5Z",
	} {
		if got, ok := authn.DateOfAKSK(text); ok {
			t.Errorf("%s is read as %v", text, got)
		}
	}
	for _, text := range []string{
		"Thu, 24 Sep 2020 06:39:52 UTC", "Thu, 24 anF 2020 06:39:52 GMT", "Thu, 31 Sep 2020 06:39:52 GMT", "Thu, 24 Sep 2020 24:39:52 GMT", "Thu, -4 Sep 2020 06:39:52 GMT",
		"Thu, 24 Sep 2020 06-39-52 GMT", "Thx, 24 Sep 2020 06:39:52 GMT", "today",
	} {
		if got, ok := authn.DateOfHTTP(text); ok {
			t.Errorf("%s is read as %v", text, got)
		}
	}
}

// What is read quickly is what the standard library reads.
func FuzzDates(f *testing.F) {
	f.Add("20200924T063952Z")
	f.Add("Thu, 24 Sep 2020 06:39:52 GMT")
	f.Fuzz(func(t *testing.T, text string) {
		aksk, ok := authn.DateOfAKSK(text)
		if want, err := time.Parse("20060102T150405Z", text); ok != (err == nil && len(text) == 16) || ok && !aksk.Equal(want) {
			t.Fatalf("%q is %v %v, not %v %v", text, aksk, ok, want, err)
		}
		if at, ok := authn.Fixdate(text); ok {
			if want, err := http.ParseTime(text); err != nil || !at.Equal(want) {
				t.Fatalf("%q is %v, not %v %v", text, at, want, err)
			}
		}
	})
}
