package api_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/subscription"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
)

func requested(consumerID, providerTeam string) subscription.Requested {
	return subscription.Requested{Concerns: events.Concerns{ConsumerID: consumerID, ProviderTeam: providerTeam}}
}

func TestAProviderSeesIDNameAndLabelsOfItsSubscribers(t *testing.T) {
	s := start(t)
	s.register(t, "payments", "acme", "labels", `{"tier":"gold"}`, "description", `"hidden"`)
	s.register(t, "payments", "stranger")
	s.hear(t, "sub_1", requested("acme", "pets"))
	s.hear(t, "sub_2", requested("stranger", "cars"))
	provider := s.Provider("pets")

	want := document{"id": "acme", "name": "Name of acme", "labels": map[string]any{"tier": "gold"}}
	if diff := cmp.Diff(want, read(t, provider.Get(t, "/v1/consumers/acme").Want(t, 200))); diff != "" {
		t.Fatalf("it sees (-want +got):\n%s", diff)
	}
	page := httpapitest.Read[struct{ Items []document }](t, provider.Get(t, "/v1/consumers").Want(t, 200))
	if diff := cmp.Diff([]document{want}, page.Items); diff != "" {
		t.Fatalf("it lists (-want +got):\n%s", diff)
	}
	provider.Get(t, "/v1/consumers/stranger").Refused(t, 404, "not_found")

	t.Run("and may do nothing to them", func(t *testing.T) {
		provider.Get(t, "/v1/consumers/acme/history").Refused(t, 403, "forbidden")
		provider.Patch(t, "/v1/consumers/acme", `{"name":"x"}`).Refused(t, 403, "forbidden")
		provider.Post(t, "/v1/consumers/acme/suspend", nil).Refused(t, 403, "forbidden")
		provider.Delete(t, "/v1/consumers/acme").Refused(t, 403, "forbidden")
	})
	t.Run("and learns nothing more by asking for it", func(t *testing.T) {
		for _, query := range []string{"team=payments", "status=active", "q=hidden"} {
			if got := ids(t, provider.Get(t, "/v1/consumers?"+query)); len(got) != 0 {
				t.Fatalf("%s finds %v", query, got)
			}
		}
		for _, query := range []string{"q=ACME", "label=tier:gold"} {
			if got := ids(t, provider.Get(t, "/v1/consumers?"+query)); len(got) != 1 {
				t.Fatalf("%s finds %v", query, got)
			}
		}
	})
	t.Run("till the subscription has ended", func(t *testing.T) {
		s.hear(t, "sub_3", requested("acme", "pets"))
		s.hear(t, "sub_1", subscription.Cancelled{Concerns: events.Concerns{ConsumerID: "acme", ProviderTeam: "pets"}})
		provider.Get(t, "/v1/consumers/acme").Want(t, 200)
		s.hear(t, "sub_3", subscription.Expired{Concerns: events.Concerns{ConsumerID: "acme", ProviderTeam: "pets"}})
		provider.Get(t, "/v1/consumers/acme").Want(t, 200)
		s.hear(t, "sub_3", subscription.Revoked{Concerns: events.Concerns{ConsumerID: "acme", ProviderTeam: "pets"}})
		provider.Get(t, "/v1/consumers/acme").Refused(t, 404, "not_found")
	})
}

func TestAProviderWhoIsADeveloperTooSeesItsOwnConsumersWhole(t *testing.T) {
	s := start(t)
	s.register(t, "pets", "own", "contact", `{"name":"me"}`)
	s.register(t, "payments", "acme")
	s.hear(t, "sub_1", requested("acme", "pets"))
	s.hear(t, "sub_2", requested("own", "pets"))
	both := s.As(httpapi.Caller{Subject: "b", Roles: []httpapi.Role{httpapi.Developer, httpapi.Provider}, Teams: []string{"pets"}})
	page := httpapitest.Read[struct{ Items []document }](t, both.Get(t, "/v1/consumers").Want(t, 200))
	if len(page.Items) != 2 || len(page.Items[0]) != 11 || len(page.Items[1]) != 3 {
		t.Fatalf("it lists %v", page.Items)
	}
	if !cmp.Equal(page.Items[0]["contact"], map[string]any{"name": "me", "email": ""}) {
		t.Fatalf("its contact is %v", page.Items[0]["contact"])
	}
}

func TestAProvidersListComesInPagesWithoutGaps(t *testing.T) {
	s := start(t)
	var want []string
	for i := range 230 {
		id := fmt.Sprintf("c%03d", i)
		s.register(t, "payments", id)
		if i%4 < 2 {
			s.hear(t, "sub_"+id, requested(id, "pets"))
			want = append(want, id)
		}
	}
	for _, limit := range []int{7, 50, 200} {
		t.Run(fmt.Sprint("of ", limit), func(t *testing.T) {
			var all []string
			for cursor, pages := "", 0; pages < 100; pages++ {
				page := httpapitest.Read[struct {
					Items []struct{ ID string }
					Next  string `json:"next_cursor"`
				}](t, s.Provider("pets").Get(t, fmt.Sprintf("/v1/consumers?limit=%d&cursor=%s", limit, cursor)).Want(t, 200))
				if len(page.Items) > limit {
					t.Fatalf("%d items", len(page.Items))
				}
				for _, item := range page.Items {
					all = append(all, item.ID)
				}
				if cursor = page.Next; cursor == "" {
					break
				}
			}
			if !slices.Equal(all, want) {
				t.Fatalf("found %d: %v", len(all), all)
			}
		})
	}
}
