package domain

import (
	"iter"
	"time"
)

// noticeDays are how many days before its expiry a credential is told to be
// expiring, furthest first.
var noticeDays = [...]int{30, 7, 1}

// notices answers the notices that are still to be told, furthest first: how many
// days before the expiry, and when. A moment that had passed when the expiry was
// set is none.
func (s State) notices(dated time.Time) iter.Seq2[int, time.Time] {
	return func(yield func(int, time.Time) bool) {
		if s.Settings.ExpiresAt == nil {
			return
		}
		for _, days := range noticeDays {
			moment := s.Settings.ExpiresAt.Add(-time.Duration(days) * 24 * time.Hour)
			told := s.Noticed != 0 && days >= s.Noticed
			if !told && moment.After(dated) && !yield(days, moment) {
				return
			}
		}
	}
}

// notice answers the notice that is due. Of several, for nobody looked in time,
// it is the one nearest to the expiry: the others would tell what is not so.
func (s State) notice(dated, now time.Time) (days int, due bool) {
	for each, moment := range s.notices(dated) {
		if !now.Before(moment) {
			days, due = each, true
		}
	}
	return days, due
}
