package api

import (
	"errors"
	"testing"
	"time"
)

func TestWhatTookLongIsCountedAgainAfterAWhile(t *testing.T) {
	var u useCounts
	counts := 0
	count := func(takes time.Duration) func() (int64, int64, error) {
		return func() (int64, int64, error) {
			counts++
			time.Sleep(takes)
			return int64(counts), 0, nil
		}
	}
	ask := func(who string, takes time.Duration, want int64) {
		t.Helper()
		if used, _, err := u.count(who, count(takes)); err != nil || used != want {
			t.Errorf("%s is answered %d, want %d: %v", who, used, want, err)
		}
	}
	ask("a", 0, 1)
	ask("a", 0, 2) // what is quick is always counted
	ask("a", slowCount+50*time.Millisecond, 3)
	ask("a", 0, 3)
	ask("b", 0, 4) // each is told its own
	u.kept["a"] = useCount{used: 3, until: time.Now()}
	ask("a", 0, 5)
	if _, _, err := u.count("c", func() (int64, int64, error) { return 0, 0, errors.New("away") }); err == nil || len(u.kept) != 0 {
		t.Errorf("a count that failed is kept: %v", u.kept)
	}
}
