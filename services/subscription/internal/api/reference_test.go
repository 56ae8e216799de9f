package api_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
	"github.com/tidegate-io/tidegate/services/subscription/internal/api"
	"github.com/tidegate-io/tidegate/services/subscription/internal/domain"
)

var (
	shop     = events.Concerns{ConsumerID: "shop", Team: consumerTeam}
	petstore = events.Concerns{ServiceID: "petstore", ProviderTeam: providerTeam}
)

func ask(s *system, more object) func(*testing.T) *httpapitest.Response {
	return func(t *testing.T) *httpapitest.Response {
		t.Helper()
		body := object{"consumer_id": "shop", "service_id": "petstore"}
		maps.Copy(body, more)
		return s.developer().Post(t, "/v1/subscriptions", body)
	}
}

func TestAReferenceIsJudgedAgainstWhatItsOwnerHad(t *testing.T) {
	s := start(t)
	s.behind = func() { s.consumer("shop"); s.service("petstore", nil); s.credential("cred_1", "shop") }
	ask(s, object{"credential_ids": []string{"cred_1"}})(t).Want(t, 201)
	slices.Sort(s.asked)
	if want := []string{"catalog", "consumer", "credential"}; !slices.Equal(s.asked, want) {
		t.Errorf("asked were %v, want %v", s.asked, want)
	}
}

func TestWhatHasEndedCannotBeReferredTo(t *testing.T) {
	for name, row := range map[string]struct {
		more     object
		end      func(*system)
		location string
	}{
		"a deleted consumer":         {nil, func(s *system) { s.tell("consumer", "shop", consumer.Deleted{Concerns: shop}) }, "body.consumer_id"},
		"a retired service":          {nil, func(s *system) { s.tell("catalog", "petstore", catalog.Retired{Concerns: petstore}) }, "body.service_id"},
		"a service that is a draft":  {nil, func(s *system) { s.tell("catalog", "petstore", catalog.Unpublished{Concerns: petstore}) }, "body.service_id"},
		"a service of another's own": {nil, func(s *system) { hide(s, "team") }, "body.service_id"},
		"a revoked credential": {object{"credential_ids": []string{"cred_1"}}, func(s *system) {
			s.tell("credential", "cred_1", credential.Revoked{Concerns: events.Concerns{CredentialID: "cred_1"}})
		}, "body.credential_ids[0]"},
		"another's credential": {object{"credential_ids": []string{"cred_1", "cred_2"}}, func(*system) {}, "body.credential_ids[1]"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			s.consumer("shop")
			s.consumer("other")
			s.service("petstore", nil)
			s.credential("cred_1", "shop")
			s.credential("cred_2", "other")
			row.end(s)
			refusal := ask(s, row.more)(t).Refused(t, 422, "unknown_reference")
			if len(refusal.Errors) != 1 || refusal.Errors[0].Location != row.location {
				t.Errorf("the fault is at %+v, want %s", refusal.Errors, row.location)
			}
		})
	}
}

func hide(s *system, visibility string) {
	s.tell("catalog", "petstore", catalog.Updated{Concerns: petstore, Visibility: &events.Change[string]{Before: "public", After: visibility}})
}

func TestADeprecatedServiceMayBeSubscribedTo(t *testing.T) {
	s := start(t)
	s.consumer("shop")
	s.service("petstore", nil)
	s.tell("catalog", "petstore", catalog.Deprecated{Concerns: petstore})
	ask(s, nil)(t).Want(t, 201)
}

func TestAProviderMaySubscribeAnybodyToAServiceOfItsTeamAlone(t *testing.T) {
	s := start(t)
	s.consumer("shop")
	s.service("petstore", nil)
	hide(s, "team")
	body := object{"consumer_id": "shop", "service_id": "petstore", "as_provider": true}
	s.Provider("other").Post(t, "/v1/subscriptions", body).Refused(t, 422, "unknown_reference")
	s.provider().Post(t, "/v1/subscriptions", body).Want(t, 201)
}

func TestASuspendedConsumerMayAsk(t *testing.T) {
	s := start(t)
	s.consumer("shop")
	s.service("petstore", nil)
	s.tell("consumer", "shop", consumer.Suspended{Concerns: shop})
	ask(s, nil)(t).Want(t, 201)
}

func TestWhatAnOwnerCannotConfirm(t *testing.T) {
	s := start(t)
	s.consumer("shop")
	s.service("petstore", nil)
	s.credential("cred_1", "shop")
	s.silent = []string{"consumer", "catalog", "credential"}
	unavailable := func(more object, location string) {
		t.Helper()
		answer := ask(s, more)(t)
		refusal := answer.Refused(t, 503, "reference_unavailable")
		if len(refusal.Errors) != 1 || refusal.Errors[0].Location != location || answer.Header.Get("Retry-After") == "" {
			t.Errorf("the fault is at %+v, want %s; %v", refusal.Errors, location, answer.Header)
		}
	}
	unavailable(object{"consumer_id": "new"}, "body.consumer_id")
	unavailable(object{"service_id": "new"}, "body.service_id")
	unavailable(object{"plan_id": "new"}, "body.plan_id")
	unavailable(object{"credential_ids": []string{"cred_new"}}, "body.credential_ids[0]")
	s.tell("catalog", "petstore", catalog.Unpublished{Concerns: petstore})
	unavailable(nil, "body.service_id") // it may have been published since
	s.tell("catalog", "petstore", catalog.Published{Concerns: petstore})
	ask(s, object{"credential_ids": []string{"cred_1"}})(t).Want(t, 201) // what is known and live counts
	s.tell("consumer", "shop", consumer.Deleted{Concerns: shop})
	ask(s, nil)(t).Refused(t, 422, "unknown_reference") // that it is gone is known for good
}

// The moment between the judgement and the append.
func TestNothingSlipsBetweenTheJudgementAndTheAppend(t *testing.T) {
	s := start(t)
	s.consumer("shop")
	s.service("petstore", nil)
	s.credential("cred_1", "shop")
	list := object{"credential_ids": []string{"cred_1"}}
	active := httpapitest.Read[api.Subscription](t, s.provider().Post(t, "/v1/subscriptions", object{
		"consumer_id": "shop", "service_id": "petstore", "as_provider": true,
	}).Want(t, 201))
	s.between(func() {
		s.know("credential", "cred_1", credential.Revoked{Concerns: events.Concerns{CredentialID: "cred_1"}})
	})
	refusal := s.developer().Put(t, "/v1/subscriptions/"+active.ID+"/credentials", list).Refused(t, 422, "unknown_reference")
	if refusal.Errors[0].Location != "body.credential_ids[0]" {
		t.Errorf("the fault is at %+v", refusal.Errors)
	}
	s.consumer("late")
	s.between(func() { s.know("consumer", "late", consumer.Deleted{Concerns: events.Concerns{ConsumerID: "late"}}) })
	refusal = ask(s, object{"consumer_id": "late"})(t).Refused(t, 422, "unknown_reference")
	if refusal.Errors[0].Location != "body.consumer_id" {
		t.Errorf("the fault is at %+v", refusal.Errors)
	}
	s.between(func() { s.know("catalog", "petstore", catalog.Retired{Concerns: petstore}) })
	gone := s.provider().Post(t, "/v1/subscriptions/"+active.ID+"/renew", object{"expires_at": s.clock().Add(day)}).Refused(t, 409, "illegal_transition")
	if gone.CurrentStatus != "active" {
		t.Errorf("current_status is %q", gone.CurrentStatus)
	}
}

func TestCredentialsAreAssigned(t *testing.T) {
	s := start(t)
	s.service("petstore", nil)
	id := s.subscription(t, "petstore", domain.Active)
	consumerID := s.get(t, id).ConsumerID
	s.credential("cred_1", consumerID)
	s.credential("cred_2", consumerID)
	put := func(ids any) *[]string {
		t.Helper()
		return httpapitest.Read[api.Subscription](t, s.developer().Put(t, "/v1/subscriptions/"+id+"/credentials", object{"credential_ids": ids}).Want(t, 200)).CredentialIDs
	}
	if got := put([]string{"cred_2", "cred_1"}); got == nil || !slices.Equal(*got, []string{"cred_2", "cred_1"}) {
		t.Errorf("the list is %v", got)
	}
	version := s.get(t, id).Version
	put([]string{"cred_2", "cred_1"})
	if again := s.get(t, id).Version; again != version {
		t.Errorf("the same list led from version %d to %d", version, again)
	}
	for i, revoked := range []string{"cred_2", "cred_1"} {
		s.tell("credential", revoked, credential.Revoked{Concerns: events.Concerns{CredentialID: revoked}})
		if got := s.get(t, id).CredentialIDs; got == nil || len(*got) != 1-i || slices.Contains(*got, revoked) {
			t.Errorf("after %s was revoked the list is %v", revoked, got)
		}
	}
	if got := put(nil); got != nil {
		t.Errorf("the list is %v", *got)
	}
}
