package limit_test

import (
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/services/gateway/internal/limit"
)

var start = time.Date(2026, 3, 31, 23, 59, 0, 0, time.UTC)

func rate(requests, seconds int64) limit.Policy {
	return limit.Policy{Name: "consumer", Subject: "c1", Rate: &consumer.Rate{Requests: requests, PerSeconds: seconds}}
}

func TestAllOfARateAtOnceThenEvenly(t *testing.T) {
	l := limit.New()
	for i := range 10 {
		if got := l.Take(start, rate(10, 60)); got.Verdict != limit.Admitted || got.Standings[0].Remaining != int64(9-i) {
			t.Fatalf("call %d: %+v", i, got)
		}
	}
	refused := l.Take(start, rate(10, 60))
	if refused.Verdict != limit.RateLimited || limit.Seconds(refused.RetryAfter) != 6 {
		t.Fatalf("%+v", refused)
	}
	if got := l.Take(start.Add(5900*time.Millisecond), rate(10, 60)); got.Verdict != limit.RateLimited {
		t.Fatalf("too early: %+v", got)
	}
	if got := l.Take(start.Add(6*time.Second), rate(10, 60)); got.Verdict != limit.Admitted {
		t.Fatalf("after Retry-After: %+v", got)
	}
	if got := l.Take(start.Add(6*time.Second), rate(10, 60)); got.Verdict != limit.RateLimited {
		t.Fatalf("only one had come back: %+v", got)
	}
}

func TestChangingTheLimitKeepsWhatWasUsed(t *testing.T) {
	l := limit.New()
	for range 8 {
		l.Take(start, rate(10, 60))
	}
	if got := l.Take(start, rate(5, 60)); got.Verdict != limit.RateLimited {
		t.Errorf("lowered below what was used: %+v", got)
	}
	if got := l.Take(start, rate(20, 60)); got.Verdict != limit.Admitted || got.Standings[0].Remaining != 11 {
		t.Errorf("raised: %+v", got)
	}
}

func TestALookCountsNothing(t *testing.T) {
	l := limit.New()
	l.Take(start, rate(10, 60))
	for range 3 {
		got := l.Look(start, rate(10, 60))
		if got.Verdict != limit.Admitted || len(got.Standings) != 1 || got.Standings[0].Remaining != 9 {
			t.Fatalf("%+v", got)
		}
	}
	if got := l.Look(start.Add(6*time.Second), rate(10, 60)); got.Standings[0].Remaining != 10 {
		t.Errorf("nothing came back: %+v", got)
	}
	if got := l.Look(start, limit.Policy{Name: "consumer", Subject: "c2"}); len(got.Standings) != 0 {
		t.Errorf("without a limit: %+v", got)
	}
}

func TestAQuotaEndsWithItsCalendarPeriod(t *testing.T) {
	for per, reset := range map[string]time.Duration{"day": time.Minute, "month": time.Minute} {
		l := limit.New()
		p := limit.Policy{Name: "consumer", Subject: "c1", Quota: &consumer.Quota{Requests: 2, Per: per}}
		l.Take(start, p)
		l.Take(start, p)
		got := l.Take(start, p)
		if got.Verdict != limit.QuotaExceeded || got.RetryAfter != reset {
			t.Errorf("%s: %+v", per, got)
		}
		if got := l.Take(start.Add(reset), p); got.Verdict != limit.Admitted || got.Standings[0].Remaining != 1 {
			t.Errorf("%s, next period: %+v", per, got)
		}
	}
}

func TestARefusedCallIsCountedNowhere(t *testing.T) {
	l := limit.New()
	consumerPolicy, plan := rate(10, 60), limit.Policy{Name: "plan", Subject: "s1", Rate: &consumer.Rate{Requests: 1, PerSeconds: 60}}
	l.Take(start, consumerPolicy, plan)
	if got := l.Take(start, consumerPolicy, plan); got.Verdict != limit.RateLimited || got.Standings[0].Remaining != 9 {
		t.Errorf("%+v", got)
	}
}

func TestHeadersSayWhereTheConsumerStands(t *testing.T) {
	l := limit.New()
	got := l.Take(start, limit.Policy{Name: "consumer", Subject: "c1", Rate: &consumer.Rate{Requests: 100, PerSeconds: 60}, Quota: &consumer.Quota{Requests: 1000, Per: "day"}})
	if policy := string(got.AppendPolicy(nil)); policy != `"consumer";q=100;w=60, "consumer-quota";q=1000;w=86400` {
		t.Error(policy)
	}
	if remaining := string(got.AppendRemaining(nil)); remaining != `"consumer";r=99;t=1, "consumer-quota";r=999;t=60` {
		t.Error(remaining)
	}
}

func TestSubjectsDoNotShareCounts(t *testing.T) {
	l := limit.New()
	one := rate(1, 60)
	other := one
	other.Subject = "c2"
	l.Take(start, one)
	if got := l.Take(start, other); got.Verdict != limit.Admitted {
		t.Errorf("%+v", got)
	}
}
