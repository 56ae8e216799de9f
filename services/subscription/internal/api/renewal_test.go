package api_test

import (
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
	"github.com/tidegate-io/tidegate/services/subscription/internal/api"
	"github.com/tidegate-io/tidegate/services/subscription/internal/domain"
)

func (s *system) renew(t *testing.T, by *httpapitest.Client, id string, end any) api.Subscription {
	t.Helper()
	return httpapitest.Read[api.Subscription](t, by.Post(t, "/v1/subscriptions/"+id+"/renew", object{"expires_at": end}).Want(t, 200))
}

func TestAConsumersRenewalWaitsForTheProvider(t *testing.T) {
	for _, status := range []domain.Status{domain.Active, domain.Suspended, domain.Expired} {
		t.Run("when "+string(status), func(t *testing.T) {
			s := start(t)
			s.service("petstore", nil)
			id := s.subscription(t, "petstore", status)
			before, end := s.get(t, id), s.clock().Add(10*day).UTC()
			asked := s.renew(t, s.developer(), id, end)
			if asked.Status != string(status) || asked.Renewal == nil || !asked.Renewal.ExpiresAt.Equal(end) ||
				asked.Renewal.RequestedAt.IsZero() || !asked.ExpiresAt.Equal(*before.ExpiresAt) {
				t.Fatalf("it is %+v, renewal %+v", asked, asked.Renewal)
			}
			if waiting := httpapitest.Read[list](t, s.provider().Get(t, "/v1/approvals").Want(t, 200)); len(waiting.Items) != 1 || waiting.Items[0].ID != id {
				t.Errorf("what waits is %+v", waiting.Items)
			}
			s.developer().Post(t, "/v1/subscriptions/"+id+"/approve", nil).Refused(t, 403, "forbidden")
			rejected := httpapitest.Read[api.Subscription](t, s.provider().Post(t, "/v1/subscriptions/"+id+"/reject", object{"reason": "not now"}).Want(t, 200))
			if rejected.Status != string(status) || rejected.Renewal != nil || rejected.Decision.Comment != "not now" {
				t.Errorf("it is %+v", rejected)
			}
			s.provider().Post(t, "/v1/subscriptions/"+id+"/reject", object{"reason": "again"}).Refused(t, 409, "illegal_transition")
			if waiting := httpapitest.Read[list](t, s.provider().Get(t, "/v1/approvals").Want(t, 200)); len(waiting.Items) != 0 {
				t.Errorf("what waits is %+v", waiting.Items)
			}
			s.renew(t, s.developer(), id, end)
			approved := httpapitest.Read[api.Subscription](t, s.provider().Post(t, "/v1/subscriptions/"+id+"/approve", object{"comment": "go on"}).Want(t, 200))
			want := status
			if status == domain.Expired {
				want = domain.Active
			}
			if approved.Status != string(want) || approved.Renewal != nil || !approved.ExpiresAt.Equal(end) || approved.Decision.Comment != "go on" {
				t.Errorf("it is %+v", approved)
			}
		})
	}
}

func TestAProvidersRenewalCountsAtOnce(t *testing.T) {
	s := start(t)
	s.service("petstore", nil)
	for _, status := range []domain.Status{domain.Active, domain.Suspended, domain.Expired} {
		id, end := s.subscription(t, "petstore", status), s.clock().Add(10*day)
		s.renew(t, s.developer(), id, end)
		got := s.renew(t, s.provider(), id, end.Add(day))
		if got.Renewal != nil || !got.ExpiresAt.Equal(end.Add(day)) || status == domain.Expired && got.Status != "active" {
			t.Errorf("from %s it is %+v", status, got)
		}
	}
	id := s.subscription(t, "petstore", domain.Active)
	if got := s.renew(t, s.provider(), id, nil); got.ExpiresAt != nil {
		t.Errorf("it ends at %s", got.ExpiresAt)
	}
}

func TestWhereApprovalIsAutomaticARenewalIsToo(t *testing.T) {
	s := start(t)
	s.service("petstore", nil)
	expired, suspended := s.subscription(t, "petstore", domain.Expired), s.subscription(t, "petstore", domain.Suspended)
	if _, err := s.subscriptions.Handle(t.Context(), suspended, domain.Expire{Now: s.clock().Add(day)}); err != nil {
		t.Fatal(err)
	}
	s.tell("catalog", "petstore", catalog.Updated{
		Concerns: petstore, Approval: &events.Change[catalog.Approval]{Before: catalog.Approval{Mode: "manual"}, After: catalog.Approval{Mode: "auto"}},
	})
	end := s.clock().Add(10 * day)
	if got := s.renew(t, s.developer(), expired, end); got.Status != "active" || got.Renewal != nil || !got.ExpiresAt.Equal(end) {
		t.Errorf("it is %+v", got)
	}
	if got := s.renew(t, s.developer(), suspended, end); got.Status != "expired" || got.Renewal == nil {
		t.Errorf("what was suspended when it expired came back as %+v", got)
	}
}

func TestAfterTheGraceASubscriptionIsMadeAnew(t *testing.T) {
	s := start(t)
	s.service("petstore", nil)
	id := s.subscription(t, "petstore", domain.Expired)
	s.pass(day + grace + time.Second)
	refusal := s.provider().Post(t, "/v1/subscriptions/"+id+"/renew", object{"expires_at": s.clock().Add(day)}).Refused(t, 409, "illegal_transition")
	if refusal.CurrentStatus != "expired" {
		t.Errorf("current_status is %q", refusal.CurrentStatus)
	}
	s.request(t, s.get(t, id).ConsumerID, "petstore")
}

func TestARenewalComesTooLateWhenAnotherIsLive(t *testing.T) {
	s := start(t)
	s.service("petstore", nil)
	id := s.subscription(t, "petstore", domain.Expired)
	other := s.request(t, s.get(t, id).ConsumerID, "petstore")
	end := object{"expires_at": s.clock().Add(10 * day)}
	s.provider().Post(t, "/v1/subscriptions/"+id+"/renew", end).Refused(t, 409, "already_subscribed")
	s.developer().Post(t, "/v1/subscriptions/"+id+"/renew", end).Want(t, 200) // asking is no taking
	s.provider().Post(t, "/v1/subscriptions/"+id+"/approve", nil).Refused(t, 409, "already_subscribed")
	s.developer().Post(t, "/v1/subscriptions/"+other.ID+"/withdraw", nil).Want(t, 200)
	s.provider().Post(t, "/v1/subscriptions/"+id+"/approve", nil).Want(t, 200)
}

func TestAnApprovedRenewalMayEndAtAnotherTime(t *testing.T) {
	s := start(t)
	s.service("petstore", nil)
	id := s.subscription(t, "petstore", domain.Active)
	s.renew(t, s.developer(), id, s.clock().Add(10*day))
	end := s.clock().Add(5 * day)
	got := httpapitest.Read[api.Subscription](t, s.provider().Post(t, "/v1/subscriptions/"+id+"/approve", object{"expires_at": end}).Want(t, 200))
	if !got.ExpiresAt.Equal(end) {
		t.Errorf("it ends at %s, want %s", got.ExpiresAt, end)
	}
}
