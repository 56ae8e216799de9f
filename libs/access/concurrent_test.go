package access_test

import (
	"bytes"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/events/subscription"
	"github.com/tidegate-io/tidegate/libs/access"
)

// While everything is read, a thousand consumers come, and each is let in and
// then revoked in one of four ways. Whoever has been revoked is never let in
// again, from the very moment at which Apply has returned.
func TestReadersSeeARevocationAsSoonAsItIsApplied(t *testing.T) {
	s := access.New()
	feed := log(drafted(), published())
	for _, e := range feed {
		s.Apply(e.Envelope, e.data)
	}
	var revoked atomic.Int64
	const n = 1000
	decide := func(i int64) access.Decision {
		return call(s, func(q *access.Request) { q.Credential = fmt.Sprintf("cred_%d", i) })
	}
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for revoked.Load() < n {
				if dead := revoked.Load(); dead > 0 {
					if d := decide(dead - 1); d.Allowed() {
						t.Errorf("credential %d is allowed after it was revoked", dead-1)
						return
					}
				}
				s.Route("", "/petstore/1")
				s.Placements()
				s.Hash()
			}
		})
	}
	readers.Go(func() {
		for revoked.Load() < n {
			var b bytes.Buffer
			if err := s.Save(&b); err != nil {
				t.Error(err)
				return
			}
			if _, err := access.Load(&b); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for i := range int64(n) {
		who, key, sub := fmt.Sprintf("con_%d", i), fmt.Sprintf("cred_%d", i), fmt.Sprintf("sub_%d", i)
		apply(s, who, 1, consumer.Registered{})
		apply(s, key, 1, credential.Issued{Concerns: events.Concerns{ConsumerID: who}, Type: "api_key",
			Placement: credential.Placement{In: "header", Name: "X-API-Key"}, SecretVersion: 1})
		apply(s, sub, 1, subscription.Requested{Concerns: events.Concerns{ConsumerID: who, ServiceID: "petstore"}, PlanID: "default"})
		apply(s, sub, 2, subscription.Approved{PlanID: "default"})
		if d := decide(i); !d.Allowed() {
			t.Fatalf("credential %d is refused: %s", i, d.Code)
		}
		switch i % 4 {
		case 0:
			apply(s, key, 2, credential.Revoked{})
		case 1:
			apply(s, who, 2, consumer.Deleted{})
		case 2:
			apply(s, sub, 3, subscription.Cancelled{})
		case 3:
			apply(s, key, 2, credential.Rotated{SecretVersion: 2, RetiredVersions: []int{1}})
		}
		revoked.Store(i + 1)
		if i%100 == 0 {
			apply(s, "petstore", 3+i/100, catalog.Updated{Accepts: &events.Change[[]string]{After: []string{"api_key"}}})
		}
	}
	readers.Wait()
}
