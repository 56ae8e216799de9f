package api_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
)

const day = 24 * time.Hour

// notices answers of which days before the expiry a credential's events tell.
func (s *service) notices(t *testing.T, d document) []int {
	t.Helper()
	history := httpapitest.Read[struct {
		Items []struct {
			Type, Actor string
			Data        document
		}
	}](t, s.Auditor().Get(t, d.path()+"/history").Want(t, 200))
	told := []int{}
	for _, past := range history.Items {
		if past.Type != "credential.expiring" {
			continue
		}
		if data := past.Data; past.Actor != "policy:expiry" || data["name"] != d["name"] || data.text("expires_at") == "" ||
			data["consumer_id"] != "acme" || data["credential_id"] != d["id"] || data["team"] != "payments" {
			t.Fatalf("the notice is %+v", past)
		}
		told = append(told, int(past.Data["days"].(float64)))
	}
	return told
}

func (s *service) issueFor(t *testing.T, name string, life time.Duration) document {
	t.Helper()
	return s.issue(t, fmt.Sprintf(`{"name":%q,"type":"api_key","expires_at":%q}`, name, time.Now().Add(life).UTC().Format(time.RFC3339)))
}

func TestAnExpiryIsToldOnceEachTimeWhateverStarts(t *testing.T) {
	s := start(t)
	long, week := s.issueFor(t, "long", 40*day), s.issueFor(t, "week", 5*day)
	// Something else that time brings about in the window is no occasion for it.
	s.Developer("payments").Post(t, week.path()+"/rotate", `{"overlap_seconds":3600}`).Want(t, 200)
	for _, c := range []struct {
		at         time.Duration
		long, week []int
	}{
		{0, nil, nil},
		{3 * day, nil, nil},
		{4 * day, nil, []int{1}},
		{10 * day, []int{30}, []int{1}},
		{20 * day, []int{30}, []int{1}},
		{33 * day, []int{30, 7}, []int{1}},
		{39 * day, []int{30, 7, 1}, []int{1}},
		{41 * day, []int{30, 7, 1}, []int{1}},
	} {
		s.offset.Store(int64(c.at))
		for range 2 { // each look is that of a clock that has just started
			s.sweep(t)
		}
		if got := s.notices(t, long); !slices.Equal(got, c.long) {
			t.Fatalf("after %s the long one is told %v, want %v", c.at, got, c.long)
		}
		if got := s.notices(t, week); !slices.Equal(got, c.week) {
			t.Fatalf("after %s the other is told %v, want %v", c.at, got, c.week)
		}
	}
	if got := read(t, s.Developer("payments").Get(t, long.path())); got["status"] != "expired" {
		t.Fatalf("it is %v", got["status"])
	}
}

func TestACredentialThatIsDatedAnewIsToldAnew(t *testing.T) {
	s := start(t)
	dev := s.Developer("payments")
	d := s.issueFor(t, "n", 40*day)
	s.offset.Store(int64(34 * day))
	s.sweep(t)
	if got := s.notices(t, d); !slices.Equal(got, []int{7}) {
		t.Fatalf("told %v", got) // nobody looked 30 days before
	}
	dev.Patch(t, d.path(), `{"name":"n"}`).Want(t, 200)
	dev.Patch(t, d.path(), `{"hide_credentials":true}`).Want(t, 200)
	s.sweep(t)
	if got := s.notices(t, d); !slices.Equal(got, []int{7}) {
		t.Fatalf("another change has it told again: %v", got)
	}
	// The events have the time of this moment: the new expiry is 40 days from it.
	dev.Patch(t, d.path(), fmt.Sprintf(`{"expires_at":%q}`, time.Now().Add(45*day).UTC().Format(time.RFC3339))).Want(t, 200)
	s.offset.Store(int64(16 * day))
	s.sweep(t)
	s.offset.Store(int64(45*day - time.Hour))
	s.sweep(t)
	if got := s.notices(t, d); !slices.Equal(got, []int{7, 30, 1}) {
		t.Fatalf("told %v", got)
	}
	dev.Patch(t, d.path(), `{"expires_at":null}`).Want(t, 200)
	s.offset.Store(int64(99 * day))
	s.sweep(t)
	if got := s.notices(t, d); !slices.Equal(got, []int{7, 30, 1}) {
		t.Fatalf("without an expiry told %v", got)
	}
}

func TestARevokedCredentialIsToldNothing(t *testing.T) {
	s := start(t)
	d := s.issueFor(t, "n", 40*day)
	s.Developer("payments").Delete(t, d.path()).Want(t, 204)
	s.offset.Store(int64(34 * day))
	s.sweep(t)
	if got := s.notices(t, d); len(got) > 0 {
		t.Fatalf("told %v", got)
	}
}
