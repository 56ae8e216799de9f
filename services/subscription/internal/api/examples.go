package api

import (
	"time"

	"github.com/tidegate-io/tidegate/services/subscription/internal/domain"
)

var (
	exampleTime = time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC)
	exampleEnd  = time.Date(2027, 12, 31, 0, 0, 0, 0, time.UTC)
)

const exampleID = "sub_01kakqv5m8e7tbx3s1q3f7gk2n"

func exampleSubscription(status domain.Status) Subscription {
	s := Subscription{
		ID: exampleID, ConsumerID: "webshop", ServiceID: "petstore", PlanID: "default", Reason: "to sell pets",
		Status: string(status), Consumer: Consumer{ID: "webshop", Name: "Web shop", Labels: map[string]string{"tier": "gold"}},
		Version: 1, CreatedAt: exampleTime, UpdatedAt: exampleTime,
	}
	if status != domain.Pending {
		s.Decision, s.Version = &Decision{By: "paula", At: exampleTime, Comment: "welcome"}, 2
	}
	return s
}
