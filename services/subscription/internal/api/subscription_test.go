package api_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
	"github.com/tidegate-io/tidegate/services/subscription/internal/api"
	"github.com/tidegate-io/tidegate/services/subscription/internal/domain"
)

func TestARequestWaitsAndIsApproved(t *testing.T) {
	s := start(t)
	s.service("petstore", nil)
	s.consumer("shop")
	answer := s.developer().Post(t, "/v1/subscriptions", object{"consumer_id": "shop", "service_id": "petstore", "reason": "to sell pets"}).Want(t, 201)
	got := httpapitest.Read[object](t, answer)
	id := got["id"].(string)
	if !strings.HasPrefix(id, "sub_") || answer.Header.Get("Location") != "/v1/subscriptions/"+id || answer.ETag() != `"1"` {
		t.Errorf("id %s at %s, version %s", id, answer.Header.Get("Location"), answer.ETag())
	}
	for _, varying := range []string{"id", "created_at", "updated_at"} {
		delete(got, varying)
	}
	want := `{"consumer":{"id":"shop","labels":{"tier":"gold"},"name":"Consumer shop"},"consumer_id":"shop","credential_ids":null,` +
		`"decision":null,"expires_at":null,"plan_id":"default","reason":"to sell pets","renewal":null,"service_id":"petstore",` +
		`"status":"pending","status_reason":"","version":1}`
	if raw, _ := json.Marshal(got); string(raw) != want {
		t.Errorf("the subscription is\n%s\nwant\n%s", raw, want)
	}

	end := s.clock().Add(day).UTC()
	approved := httpapitest.Read[api.Subscription](t, s.provider().Post(t, "/v1/subscriptions/"+id+"/approve",
		object{"comment": "welcome", "expires_at": end}).Want(t, 200))
	if approved.Status != "active" || approved.ExpiresAt == nil || !approved.ExpiresAt.Equal(end) {
		t.Errorf("it is %s until %v", approved.Status, approved.ExpiresAt)
	}
	if d := approved.Decision; d == nil || d.By != "provider@pets" || d.Comment != "welcome" || d.At.IsZero() {
		t.Errorf("the decision is %+v", d)
	}
	if seen := httpapitest.Read[api.Subscription](t, s.developer().Get(t, "/v1/subscriptions/"+id).Want(t, 200)); seen.Status != "active" {
		t.Errorf("the requester sees %s", seen.Status)
	}
}

func TestAutomaticApprovalIsOneStep(t *testing.T) {
	s := start(t)
	s.service("auto", func(d *catalog.Drafted) { d.Approval.Mode = "auto" })
	s.service("plans", func(d *catalog.Drafted) {
		d.Plans = []catalog.Plan{{ID: "free", Approval: &catalog.Approval{Mode: "auto"}}, {ID: "gold"}}
	})
	s.consumer("shop")
	made := s.request(t, "shop", "auto")
	if made.Status != "active" || made.Version != 2 || made.Decision == nil {
		t.Errorf("it is %+v", made)
	}
	history := httpapitest.Read[struct{ Items []httpapi.Past }](t, s.developer().Get(t, "/v1/subscriptions/"+made.ID+"/history").Want(t, 200))
	if len(history.Items) != 2 || history.Items[1].Type != "subscription.approved" || !strings.Contains(string(history.Items[1].Data), `"mode":"auto"`) {
		t.Errorf("the history is %+v", history.Items)
	}
	ask := func(plan string) *httpapitest.Response {
		return s.developer().Post(t, "/v1/subscriptions", object{"consumer_id": "shop", "service_id": "plans", "plan_id": plan})
	}
	s.developer().Post(t, "/v1/subscriptions", object{"consumer_id": "shop", "service_id": "plans"}).Refused(t, 422, "validation_failed")
	gold := httpapitest.Read[api.Subscription](t, ask("gold").Want(t, 201))
	if gold.Status != "pending" || gold.PlanID != "gold" {
		t.Errorf("gold is %+v", gold)
	}
	s.developer().Post(t, "/v1/subscriptions/"+gold.ID+"/withdraw", nil).Want(t, 200)
	if free := httpapitest.Read[api.Subscription](t, ask("free").Want(t, 201)); free.Status != "active" {
		t.Errorf("free is %+v", free)
	}
}

func TestOneSubscriptionIsLive(t *testing.T) {
	s := start(t)
	s.service("petstore", nil)
	s.consumer("shop")
	ask := func() *httpapitest.Response {
		return s.developer().Post(t, "/v1/subscriptions", object{"consumer_id": "shop", "service_id": "petstore"})
	}
	end := func(id, by string, action string, body any) {
		client := s.developer()
		if by == "provider" {
			client = s.provider()
		}
		client.Post(t, "/v1/subscriptions/"+id+"/"+action, body).Want(t, 200)
	}
	for _, way := range [][]string{{"withdraw"}, {"reject"}, {"approve", "cancel"}, {"approve", "suspend", "cancel"}, {"approve", "revoke"}} {
		id := httpapitest.Read[api.Subscription](t, ask().Want(t, 201)).ID
		for _, action := range way {
			ask().Refused(t, 409, "already_subscribed")
			switch action {
			case "reject", "suspend", "revoke":
				end(id, "provider", action, object{"reason": "r"})
			case "approve":
				end(id, "provider", action, nil)
			default:
				end(id, "consumer", action, nil)
			}
		}
	}
	ask().Want(t, 201)
}

func TestRequestsAtOnceLeaveOneSubscription(t *testing.T) {
	s := start(t)
	s.service("petstore", nil)
	s.consumer("shop")
	var all sync.WaitGroup
	statuses := make([]int, 8)
	for i := range statuses {
		all.Go(func() {
			statuses[i] = s.developer().Post(t, "/v1/subscriptions", object{"consumer_id": "shop", "service_id": "petstore"}).Status
		})
	}
	all.Wait()
	slices.Sort(statuses)
	if want := []int{201, 409, 409, 409, 409, 409, 409, 409}; !slices.Equal(statuses, want) {
		t.Errorf("the answers are %v, want %v", statuses, want)
	}
}

func TestBadInputIsRefusedAndChangesNothing(t *testing.T) {
	s := start(t)
	s.service("petstore", nil)
	s.consumer("shop")
	kept := s.subscription(t, "petstore", domain.Pending)
	active := s.subscription(t, "petstore", domain.Active)
	head, err := s.store.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	past, long := s.clock().Add(-day), strings.Repeat("x", 1025)
	for name, row := range map[string]struct {
		method, path string
		body         any
		code         string
		location     string
	}{
		"a consumer is named":             {"POST", "", object{"service_id": "petstore"}, "validation_failed", "body.consumer_id"},
		"a service is named":              {"POST", "", object{"consumer_id": "shop"}, "validation_failed", "body.service_id"},
		"a consumer is a text":            {"POST", "", object{"consumer_id": 1, "service_id": "petstore"}, "validation_failed", "body.consumer_id"},
		"a consumer is not empty":         {"POST", "", object{"consumer_id": "", "service_id": "petstore"}, "validation_failed", "body.consumer_id"},
		"nothing else is there":           {"POST", "", object{"consumer_id": "shop", "service_id": "petstore", "status": "active"}, "validation_failed", "body.status"},
		"a reason is not endless":         {"POST", "", object{"consumer_id": "shop", "service_id": "petstore", "reason": long}, "validation_failed", "body.reason"},
		"a consumer exists":               {"POST", "", object{"consumer_id": "ghost", "service_id": "petstore"}, "unknown_reference", "body.consumer_id"},
		"a service exists":                {"POST", "", object{"consumer_id": "shop", "service_id": "ghost"}, "unknown_reference", "body.service_id"},
		"a plan exists":                   {"POST", "", object{"consumer_id": "shop", "service_id": "petstore", "plan_id": "gold"}, "unknown_reference", "body.plan_id"},
		"a credential exists":             {"POST", "", object{"consumer_id": "shop", "service_id": "petstore", "credential_ids": []string{"cred_1"}}, "unknown_reference", "body.credential_ids[0]"},
		"an approval ends ahead":          {"POST", kept + "/approve", object{"expires_at": past}, "expiry_in_past", "body.expires_at"},
		"a comment is not endless":        {"POST", kept + "/approve", object{"comment": long}, "validation_failed", "body.comment"},
		"an end is a time":                {"POST", kept + "/approve", object{"expires_at": "tomorrow"}, "validation_failed", "body.expires_at"},
		"a rejection has a reason":        {"POST", kept + "/reject", object{}, "validation_failed", "body.reason"},
		"a reason is something":           {"POST", kept + "/reject", object{"reason": ""}, "validation_failed", "body.reason"},
		"a suspension has a reason":       {"POST", active + "/suspend", object{}, "validation_failed", "body.reason"},
		"a revocation has a reason":       {"POST", active + "/revoke", object{}, "validation_failed", "body.reason"},
		"a cancellation has no input":     {"POST", active + "/cancel", object{"reason": "x"}, "validation_failed", "body.reason"},
		"a renewal has an end":            {"POST", active + "/renew", object{}, "validation_failed", "body.expires_at"},
		"a renewal ends ahead":            {"POST", active + "/renew", object{"expires_at": past}, "expiry_in_past", "body.expires_at"},
		"credentials are named":           {"PUT", active + "/credentials", object{}, "validation_failed", "body.credential_ids"},
		"credentials are a list":          {"PUT", active + "/credentials", object{"credential_ids": "cred_1"}, "validation_failed", "body.credential_ids"},
		"a credential is listed once":     {"PUT", active + "/credentials", object{"credential_ids": []string{"a", "a"}}, "validation_failed", "body.credential_ids"},
		"an assigned credential is known": {"PUT", active + "/credentials", object{"credential_ids": []string{"cred_1"}}, "unknown_reference", "body.credential_ids[0]"},
	} {
		t.Run(name, func(t *testing.T) {
			path := "/v1/subscriptions"
			if row.path != "" {
				path += "/" + row.path
			}
			refusal := s.Admin().Do(t, row.method, path, row.body).Refused(t, 422, row.code)
			if len(refusal.Errors) == 0 || refusal.Errors[0].Location != row.location {
				t.Errorf("the fault is at %+v, want %s", refusal.Errors, row.location)
			}
		})
	}
	s.developer().Post(t, "/v1/subscriptions", `{"consumer_id"`).Refused(t, 400, "malformed_json")
	s.developer().Post(t, "/v1/subscriptions/"+active+"/renew", object{"expires_at": nil}).Refused(t, 422, "validation_failed")
	s.Admin().Get(t, "/v1/subscriptions?status=gone").Refused(t, 422, "validation_failed")
	s.Admin().Get(t, "/v1/subscriptions/sub_none").Refused(t, 404, "not_found")
	if after, err := s.store.Head(t.Context()); err != nil || after.Position != head.Position {
		t.Errorf("refused requests moved the head from %+v to %+v (%v)", head, after, err)
	}
}

func TestAVersionThatIsNotTheCurrentOneIsRefused(t *testing.T) {
	s := start(t)
	s.service("petstore", nil)
	id := "/v1/subscriptions/" + s.subscription(t, "petstore", domain.Pending)
	s.provider().IfMatch(`"2"`).Post(t, id+"/approve", nil).Refused(t, 412, "version_mismatch")
	s.provider().IfMatch(`"1"`).Post(t, id+"/approve", nil).Want(t, 200)
	s.developer().IfMatch(`"1"`).Put(t, id+"/credentials", object{"credential_ids": []string{}}).Refused(t, 412, "version_mismatch")
}

func TestAnIdempotentRequestIsAnsweredAgain(t *testing.T) {
	s := start(t)
	s.service("petstore", nil)
	s.consumer("shop")
	client, body := s.developer().Idempotent("k"), object{"consumer_id": "shop", "service_id": "petstore"}
	first := client.Post(t, "/v1/subscriptions", body).Want(t, 201)
	again := client.Post(t, "/v1/subscriptions", body).Want(t, 201)
	if string(first.Body) != string(again.Body) || again.Header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("the second answer is %s", again.Body)
	}
	id := httpapitest.Read[api.Subscription](t, first).ID
	approve := s.provider().Idempotent("k")
	approve.Post(t, "/v1/subscriptions/"+id+"/approve", nil).Want(t, 200)
	approve.Post(t, "/v1/subscriptions/"+id+"/approve", nil).Want(t, 200)
	s.provider().Post(t, "/v1/subscriptions/"+id+"/approve", nil).Refused(t, 409, "illegal_transition")
}

func TestAListIsFilteredAndPaged(t *testing.T) {
	s := start(t)
	s.service("a", nil)
	s.service("b", func(d *catalog.Drafted) { d.Approval.Mode = "auto" })
	for i := range 3 {
		s.consumer(fmt.Sprintf("c%d", i))
		s.request(t, fmt.Sprintf("c%d", i), "a")
		s.request(t, fmt.Sprintf("c%d", i), "b")
	}
	for query, want := range map[string]int{
		"": 6, "consumer_id=c1": 2, "service_id=a": 3, "status=active": 3, "status=rejected": 0, "service_id=a&status=active": 0,
		"consumer_id=c1&service_id=b": 1,
	} {
		got, cursor, pages := 0, "", 0
		for {
			page := httpapitest.Read[list](t, s.developer().Get(t, "/v1/subscriptions?limit=2&"+query+"&cursor="+cursor).Want(t, 200))
			got += len(page.Items)
			if cursor, pages = page.NextCursor, pages+1; cursor == "" {
				break
			}
		}
		if got != want || pages > want/2+1 {
			t.Errorf("%q lists %d in %d pages, want %d", query, got, pages, want)
		}
	}
}

func TestAConsumerIsShownAsItIsNow(t *testing.T) {
	s := start(t)
	s.service("petstore", nil)
	s.consumer("shop")
	id := s.request(t, "shop", "petstore").ID
	s.tell("consumer", "shop", consumer.Updated{
		Concerns: events.Concerns{ConsumerID: "shop", Team: consumerTeam},
		Name:     &events.Change[string]{Before: "Consumer shop", After: "Web shop"},
		Labels:   &events.Change[map[string]string]{},
	})
	for _, c := range []api.Consumer{s.get(t, id).Consumer, httpapitest.Read[list](t, s.provider().Get(t, "/v1/approvals").Want(t, 200)).Items[0].Consumer} {
		if c.ID != "shop" || c.Name != "Web shop" || c.Labels == nil || len(c.Labels) != 0 {
			t.Errorf("the consumer is %+v", c)
		}
	}
}

func TestEveryEventNamesWhatItConcerns(t *testing.T) {
	s := start(t)
	s.service("petstore", nil)
	id := s.subscription(t, "petstore", domain.Suspended)
	history := httpapitest.Read[struct{ Items []httpapi.Past }](t, s.Auditor().Get(t, "/v1/subscriptions/"+id+"/history").Want(t, 200))
	if len(history.Items) != 3 {
		t.Fatalf("the history is %+v", history.Items)
	}
	for _, past := range history.Items {
		var c events.Concerns
		if err := json.Unmarshal(past.Data, &c); err != nil {
			t.Fatal(err)
		}
		if c.SubscriptionID != id || c.ServiceID != "petstore" || c.ConsumerID == "" || c.Team != consumerTeam || c.ProviderTeam != providerTeam {
			t.Errorf("%s concerns %+v", past.Type, c)
		}
	}
}
