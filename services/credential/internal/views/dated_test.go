package views_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/services/credential/internal/views"
)

// TestWhatIsDueDependsOnWhenTheExpiryWasSet folds events of known times: a notice
// whose moment lay behind when the expiry was set is never due.
func TestWhatIsDueDependsOnWhenTheExpiryWasSet(t *testing.T) {
	start := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	day := func(n int) time.Time { return start.AddDate(0, 0, n) }
	redated := func(to *time.Time) credential.Updated {
		return credential.Updated{ExpiresAt: &events.Change[*time.Time]{After: to}}
	}
	var doc json.RawMessage
	for i, c := range []struct {
		at    int
		event events.Data
		due   int // the day on which something is due; -1: on none
	}{
		{0, credential.Issued{Concerns: events.Concerns{CredentialID: "cred_1"}, ExpiresAt: new(day(40)), SecretVersion: 1}, 10},
		{5, credential.Updated{Name: &events.Change[string]{After: "other"}}, 10},
		{12, credential.Expiring{Days: 30}, 33},
		{20, redated(new(day(45))), 38}, // 30 days before is day 15, which has passed
		{20, redated(nil), -1},
		{21, redated(new(day(27))), 26}, // within the last week
		{26, credential.Expiring{Days: 1}, 27},
		{27, credential.Expired{}, -1},
		{28, redated(new(day(90))), 60},
		{29, credential.Revoked{}, -1},
	} {
		next, index, err := views.Credentials.Step(doc, events.Envelope{Time: day(c.at), Version: int64(i + 1)}, c.event)
		if err != nil {
			t.Fatal(err)
		}
		doc = next
		due := index.Terms[views.Due]
		if c.due < 0 && len(due) > 0 || c.due >= 0 && (len(due) != 1 || due[0] != views.Moment(day(c.due))) {
			t.Fatalf("after event %d, %s on day %d, it is due %v, want day %d (%s)", i+1, c.event.EventType(), c.at, due, c.due, views.Moment(day(c.due)))
		}
	}
}
