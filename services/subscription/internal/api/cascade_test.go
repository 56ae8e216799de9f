package api_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
	"github.com/tidegate-io/tidegate/services/subscription/internal/api"
	"github.com/tidegate-io/tidegate/services/subscription/internal/domain"
)

// TestWhatEndsWithItsConsumerOrService is every status, before and after.
func TestWhatEndsWithItsConsumerOrService(t *testing.T) {
	for name, row := range map[string]struct {
		end    func(s *system, consumerID string)
		status domain.Status
		reason string
	}{
		"with its consumer": {func(s *system, id string) {
			c := shop
			c.ConsumerID = id
			s.tell("consumer", id, consumer.Deleted{Concerns: c})
		}, domain.Cancelled, "consumer_deleted"},
		"with its service": {func(s *system, _ string) {
			s.tell("catalog", "petstore", catalog.Retired{Concerns: petstore})
		}, domain.Revoked, "service_retired"},
	} {
		for _, status := range domain.Statuses {
			t.Run(fmt.Sprintf("what is %s ends %s", status, name), func(t *testing.T) {
				s := start(t)
				s.service("petstore", nil)
				id := s.subscription(t, "petstore", status)
				before := s.get(t, id)
				row.end(s, before.ConsumerID)
				after := s.get(t, id)
				if !status.Live() {
					if after.Status != before.Status || after.Version != before.Version {
						t.Fatalf("it went from %+v to %+v", before, after)
					}
					return
				}
				if after.Status != string(row.status) || after.StatusReason != row.reason || after.Version != before.Version+1 {
					t.Fatalf("it is %s (%s), version %d after %d", after.Status, after.StatusReason, after.Version, before.Version)
				}
				history := httpapitest.Read[struct{ Items []httpapi.Past }](t, s.Admin().Get(t, "/v1/subscriptions/"+id+"/history").Want(t, 200))
				last := history.Items[len(history.Items)-1]
				if want := map[string]string{"consumer_deleted": "policy:end_with_consumer", "service_retired": "policy:end_with_service"}[row.reason]; last.Actor != want {
					t.Errorf("the actor is %q, want %q", last.Actor, want)
				}
				s.provider().Post(t, "/v1/subscriptions/"+id+"/approve", nil).Refused(t, 409, "illegal_transition")
			})
		}
	}
}

func TestARenewalThatWaitsEndsWithItsConsumer(t *testing.T) {
	s := start(t)
	s.service("petstore", nil)
	id := s.subscription(t, "petstore", domain.Expired)
	s.renew(t, s.developer(), id, s.clock().Add(10*day))
	c := shop
	c.ConsumerID = s.get(t, id).ConsumerID
	s.tell("consumer", c.ConsumerID, consumer.Deleted{Concerns: c})
	if got := s.get(t, id); got.Status != "expired" || got.Renewal != nil {
		t.Errorf("it is %+v", got)
	}
	s.provider().Post(t, "/v1/subscriptions/"+id+"/renew", object{"expires_at": s.clock().Add(10 * day)}).Refused(t, 409, "illegal_transition")
}

// TestACascadeReachesWhatIsMadeMeanwhile deletes a consumer while subscriptions
// of its are made, approved and renewed: nothing stays live.
func TestACascadeReachesWhatIsMadeMeanwhile(t *testing.T) {
	s := start(t)
	const services = 60
	for i := range services {
		s.service(fmt.Sprintf("service-%d", i), func(d *catalog.Drafted) {
			if i%2 == 0 {
				d.Approval.Mode = "auto"
			}
		})
	}
	s.consumer("shop")
	var all sync.WaitGroup
	halfway := make(chan struct{})
	for worker := range 6 {
		all.Go(func() {
			for i := worker; i < services; i += 6 {
				if i >= services/2 && i < services/2+6 && worker == 0 {
					close(halfway)
				}
				made := s.developer().Post(t, "/v1/subscriptions", object{"consumer_id": "shop", "service_id": fmt.Sprintf("service-%d", i)})
				if made.Status == 201 && i%2 == 1 {
					s.provider().Post(t, "/v1/subscriptions/"+httpapitest.Read[api.Subscription](t, made).ID+"/approve", nil)
				}
			}
		})
	}
	<-halfway
	s.tell("consumer", "shop", consumer.Deleted{Concerns: shop})
	all.Wait()
	made := httpapitest.Read[list](t, s.Admin().Get(t, "/v1/subscriptions?limit=200&consumer_id=shop").Want(t, 200)).Items
	if len(made) == 0 || len(made) == services {
		t.Errorf("%d of %d were made before the consumer was gone: the race was none", len(made), services)
	}
	for _, sub := range made {
		if sub.Status != "cancelled" {
			t.Errorf("%s is %s", sub.ID, sub.Status)
		}
	}
}
