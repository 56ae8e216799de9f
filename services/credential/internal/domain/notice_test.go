package domain_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/es/estest"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
)

// datedIn is the event of a credential that expires in so many days.
func datedIn(days int) credential.Issued {
	s := settings()
	s.ExpiresAt = new(now.AddDate(0, 0, days))
	return issuedWith(s)
}

// noticed is the notice of one that expires in so many days.
func noticed(expiry, days int) credential.Expiring {
	return credential.Expiring{Concerns: concerns, Name: "production", ExpiresAt: now.AddDate(0, 0, expiry), Days: days}
}

func redated(to time.Time) credential.Updated {
	return credential.Updated{Concerns: concerns, ExpiresAt: &events.Change[*time.Time]{After: &to}}
}

func TestAnExpiryIsToldBefore(t *testing.T) {
	second := time.Second
	in := func(days int) time.Time { return now.AddDate(0, 0, days) }
	for name, c := range map[string]struct {
		given []events.Data
		at    time.Time
		dated time.Time
		want  []events.Data
	}{
		"not before 30 days":      {[]events.Data{datedIn(31)}, in(1).Add(-second), now, nil},
		"30 days before":          {[]events.Data{datedIn(31)}, in(1), now, []events.Data{noticed(31, 30)}},
		"once":                    {[]events.Data{datedIn(31), noticed(31, 30)}, in(24).Add(-second), now, nil},
		"7 days before":           {[]events.Data{datedIn(31), noticed(31, 30)}, in(24), now, []events.Data{noticed(31, 7)}},
		"1 day before":            {[]events.Data{datedIn(31), noticed(31, 7)}, in(30), now, []events.Data{noticed(31, 1)}},
		"not again after that":    {[]events.Data{datedIn(31), noticed(31, 1)}, in(31).Add(-second), now, nil},
		"not once it has expired": {[]events.Data{datedIn(31)}, in(31), now, []events.Data{credential.Expired{Concerns: concerns, ExpiresAt: in(31)}}},
		"not when it was issued within the window":  {[]events.Data{datedIn(29)}, in(1), now, nil},
		"but the next one is":                       {[]events.Data{datedIn(29)}, in(22), now, []events.Data{noticed(29, 7)}},
		"not when it was issued at that moment":     {[]events.Data{datedIn(30)}, now, now, nil},
		"not when it was dated anew in the window":  {[]events.Data{issued, redated(in(25))}, in(1), now, nil},
		"again when it was dated anew":              {[]events.Data{datedIn(31), noticed(31, 1), redated(in(61))}, in(31), in(30), []events.Data{noticed(61, 30)}},
		"also when nobody looked at the moment":     {[]events.Data{datedIn(31)}, in(3), now, []events.Data{noticed(31, 30)}},
		"of several by the one nearest the end":     {[]events.Data{datedIn(31)}, in(30), now, []events.Data{noticed(31, 1)}},
		"and those before it are left out":          {[]events.Data{datedIn(31), noticed(31, 7)}, in(25), now, nil},
		"while it is suspended":                     {[]events.Data{datedIn(31), suspended}, in(1), now, []events.Data{noticed(31, 30)}},
		"not when it never expires":                 {[]events.Data{issued}, in(9999), now, nil},
		"not when its expiry was taken away":        {[]events.Data{datedIn(31), credential.Updated{ExpiresAt: &events.Change[*time.Time]{}}}, in(1), in(1), nil},
		"with what else time has brought about too": {[]events.Data{datedIn(31), rotated(2, 1, &hour)}, in(1), now, []events.Data{retired1, noticed(31, 30)}},
	} {
		t.Run(name, func(t *testing.T) {
			estest.For(t, domain.Decider).Given(c.given...).When(domain.Elapse{Now: c.at, Dated: c.dated}).Then(c.want...)
		})
	}
}

// TestNoticesComeInOrderOnceEachAndInTime looks at odd moments, as a clock does
// that may stand still for a while.
func TestNoticesComeInOrderOnceEachAndInTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		days := rapid.IntRange(1, 40).Draw(t, "expires in days")
		state := domain.Decider.Fold(domain.Decider.Initial, datedIn(days))
		at, expiry := now, now.AddDate(0, 0, days)
		var told []int
		for at.Before(expiry) {
			at = at.Add(time.Duration(rapid.Int64Range(1, int64(9*24*time.Hour)).Draw(t, "later")))
			decided, err := domain.Decider.Decide(state, domain.Elapse{Now: at, Dated: now})
			if err != nil {
				t.Fatal(err)
			}
			state = domain.Decider.Fold(state, decided...)
			for _, e := range decided {
				if notice, ok := e.(credential.Expiring); ok {
					told = append(told, notice.Days)
					left := expiry.Sub(at)
					if most := time.Duration(notice.Days) * 24 * time.Hour; left > most || left <= 0 || !expiry.Add(-most).After(now) {
						t.Fatalf("told %d days before when %s are left of %d", notice.Days, left, days)
					}
				}
			}
			if due, ok := state.NextDue(now); ok && !due.After(at) {
				t.Fatalf("something was due at %s and did not happen at %s", due, at)
			}
		}
		if !slices.IsSortedFunc(told, func(a, b int) int { return b - a }) || len(slices.Compact(slices.Clone(told))) != len(told) {
			t.Fatalf("told %v", told)
		}
		if state.Status != domain.Expired {
			t.Fatalf("it is %s", state.Status)
		}
	})
}
