package domain_test

import (
	"errors"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/subscription"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/es/estest"
	"github.com/tidegate-io/tidegate/services/subscription/internal/domain"
)

const (
	day   = 24 * time.Hour
	grace = 30 * day
)

var (
	now      = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	tomorrow = now.Add(day)
	later    = now.Add(10 * day)
	concerns = events.Concerns{SubscriptionID: "sub_1", ConsumerID: "shop", ServiceID: "petstore", Team: "payments", ProviderTeam: "pets"}

	requested = subscription.Requested{Concerns: concerns, ConsumerName: "Shop", ServiceName: "Pet store", PlanID: "default", Reason: "to sell pets"}
	approved  = subscription.Approved{Concerns: concerns, PlanID: "default", Mode: "manual"}
	ending    = subscription.Approved{Concerns: concerns, PlanID: "default", Mode: "manual", ExpiresAt: &tomorrow}
	rejected  = subscription.Rejected{Concerns: concerns, Reason: "no"}
	withdrawn = subscription.Withdrawn{Concerns: concerns}
	suspended = subscription.Suspended{Concerns: concerns, Reason: "too loud"}
	resumed   = subscription.Resumed{Concerns: concerns}
	cancelled = subscription.Cancelled{Concerns: concerns}
	revoked   = subscription.Revoked{Concerns: concerns, Reason: "over"}
	expired   = subscription.Expired{Concerns: concerns, ExpiresAt: tomorrow}
	asked     = subscription.RenewalRequested{Concerns: concerns, ExpiresAt: later}
	denied    = subscription.RenewalRejected{Concerns: concerns, Reason: "no"}
)

func request(grant string) domain.Request {
	return domain.Request{
		Concerns: concerns, ConsumerName: "Shop", ServiceName: "Pet store", PlanID: "default", Reason: "to sell pets", Grant: grant,
	}
}

func renewed(before *time.Time, end *time.Time) subscription.Renewed {
	return subscription.Renewed{Concerns: concerns, Before: before, ExpiresAt: end}
}

func ids(all ...string) *[]string {
	if all == nil {
		all = []string{}
	}
	return &all
}

func TestARequestWaitsForTheProvider(t *testing.T) {
	estest.For(t, domain.Decider).Given().When(request("")).Then(requested)
}

func TestWhatIsGrantedAtOnceIsOneStep(t *testing.T) {
	byProvider := requested
	byProvider.AsProvider = true
	auto, provider := approved, approved
	auto.Mode, provider.Mode = subscription.ApprovedByService, subscription.ApprovedAsProvider
	estest.For(t, domain.Decider).Given().When(request(subscription.ApprovedByService)).Then(requested, auto)
	estest.For(t, domain.Decider).Given().When(request(subscription.ApprovedAsProvider)).Then(byProvider, provider)
}

func TestACredentialIsListedOnce(t *testing.T) {
	twice := request("")
	twice.CredentialIDs = ids("cred_1", "cred_2", "cred_1")
	estest.For(t, domain.Decider).Given().When(twice).Refused(domain.ErrListedTwice)
	estest.For(t, domain.Decider).Given(requested).When(domain.AssignCredentials{CredentialIDs: ids("a", "a")}).Refused(domain.ErrListedTwice)
}

func TestAnIDIsUsedOnce(t *testing.T) {
	estest.For(t, domain.Decider).Given(requested).When(request("")).Refused(domain.ErrExists)
}

// histories are one way into each status.
var histories = map[domain.Status][]events.Data{
	domain.Pending:   {requested},
	domain.Active:    {requested, ending},
	domain.Suspended: {requested, ending, suspended},
	domain.Expired:   {requested, ending, expired},
	domain.Rejected:  {requested, rejected},
	domain.Withdrawn: {requested, withdrawn},
	domain.Cancelled: {requested, ending, cancelled},
	domain.Revoked:   {requested, ending, revoked},
}

// TestStatesAndCommands is the whole life of a subscription: what is not in
// the table as a success is an illegal transition.
func TestStatesAndCommands(t *testing.T) {
	always := domain.Statuses
	for name, row := range map[string]struct {
		command domain.Command
		follows map[domain.Status]events.Data
		nothing []domain.Status // where it changes nothing, and is no refusal
	}{
		"approve":  {domain.Approve{Now: now, Grace: grace}, map[domain.Status]events.Data{domain.Pending: approved}, nil},
		"reject":   {domain.Reject{Reason: "no"}, map[domain.Status]events.Data{domain.Pending: rejected}, nil},
		"withdraw": {domain.Withdraw{}, map[domain.Status]events.Data{domain.Pending: withdrawn}, nil},
		"suspend":  {domain.Suspend{Reason: "too loud"}, map[domain.Status]events.Data{domain.Active: suspended}, nil},
		"resume":   {domain.Resume{}, map[domain.Status]events.Data{domain.Suspended: resumed}, nil},
		"cancel":   {domain.Cancel{}, map[domain.Status]events.Data{domain.Active: cancelled, domain.Suspended: cancelled}, nil},
		"revoke":   {domain.Revoke{Reason: "over"}, map[domain.Status]events.Data{domain.Active: revoked, domain.Suspended: revoked}, nil},
		"renew, said by the provider,": {domain.Renew{Now: now, Grace: grace, By: domain.ByProvider, ExpiresAt: &later}, map[domain.Status]events.Data{
			domain.Active: renewed(&tomorrow, &later), domain.Suspended: renewed(&tomorrow, &later), domain.Expired: renewed(&tomorrow, &later),
		}, nil},
		"renew, granted by the service,": {domain.Renew{Now: now, Grace: grace, By: domain.ByService, ExpiresAt: &later}, map[domain.Status]events.Data{
			domain.Active: renewed(&tomorrow, &later), domain.Suspended: renewed(&tomorrow, &later), domain.Expired: renewed(&tomorrow, &later),
		}, nil},
		"renew, asked for by the consumer,": {domain.Renew{Now: now, Grace: grace, By: domain.ByConsumer, ExpiresAt: &later}, map[domain.Status]events.Data{
			domain.Active: asked, domain.Suspended: asked, domain.Expired: asked,
		}, nil},
		"assign credentials": {domain.AssignCredentials{CredentialIDs: ids("cred_1")}, map[domain.Status]events.Data{
			domain.Pending: assigned(nil, ids("cred_1")), domain.Active: assigned(nil, ids("cred_1")),
			domain.Suspended: assigned(nil, ids("cred_1")), domain.Expired: assigned(nil, ids("cred_1")),
		}, nil},
		"expire": {domain.Expire{Now: tomorrow}, map[domain.Status]events.Data{domain.Active: expired, domain.Suspended: expired}, always},
		"end with the consumer": {domain.EndWithConsumer{}, map[domain.Status]events.Data{
			domain.Pending: gone(), domain.Active: gone(), domain.Suspended: gone(),
		}, always},
		"end with the service": {domain.EndWithService{}, map[domain.Status]events.Data{
			domain.Pending: retired(), domain.Active: retired(), domain.Suspended: retired(),
		}, always},
		"drop a credential": {domain.DropCredential{CredentialID: "cred_1"}, nil, always},
	} {
		for _, status := range domain.Statuses {
			t.Run(name+" when "+string(status), func(t *testing.T) {
				when := estest.For(t, domain.Decider).Given(histories[status]...).When(row.command)
				switch e, follows := row.follows[status]; {
				case follows:
					when.Then(e)
				case row.nothing != nil:
					when.Then()
				default:
					refusedIn(t, when.Refused(domain.ErrIllegal), status)
				}
			})
		}
		t.Run(name+" what never was", func(t *testing.T) {
			estest.For(t, domain.Decider).Given().When(row.command).Refused(domain.ErrMissing)
		})
	}
}

func assigned(before, after *[]string) subscription.CredentialsAssigned {
	return subscription.CredentialsAssigned{Concerns: concerns, Before: before, CredentialIDs: after}
}

func gone() subscription.Cancelled {
	return subscription.Cancelled{Concerns: concerns, Reason: "consumer_deleted"}
}

func retired() subscription.Revoked {
	return subscription.Revoked{Concerns: concerns, Reason: "service_retired"}
}

func TestAnApprovalMaySetAnEnd(t *testing.T) {
	estest.For(t, domain.Decider).Given(requested).When(domain.Approve{Now: now, Comment: "welcome", ExpiresAt: &tomorrow}).
		Then(subscription.Approved{Concerns: concerns, PlanID: "default", Mode: "manual", Comment: "welcome", ExpiresAt: &tomorrow})
	estest.For(t, domain.Decider).Given(requested).When(domain.Approve{Now: tomorrow, ExpiresAt: &tomorrow}).Refused(domain.ErrExpiryInPast)
}

func TestARefusalIsExplained(t *testing.T) {
	estest.For(t, domain.Decider).Given(requested).When(domain.Reject{}).Refused(domain.ErrReasonless)
	estest.For(t, domain.Decider).Given(requested, approved).When(domain.Suspend{}).Refused(domain.ErrReasonless)
	estest.For(t, domain.Decider).Given(requested, approved).When(domain.Revoke{}).Refused(domain.ErrReasonless)
}

func TestARenewalThatWaitsIsDecidedLikeARequest(t *testing.T) {
	for status, given := range map[string][]events.Data{
		"active":    {requested, ending, asked},
		"suspended": {requested, ending, suspended, asked},
		"expired":   {requested, ending, expired, asked},
	} {
		t.Run("when "+status, func(t *testing.T) {
			granted := renewed(&tomorrow, &later)
			granted.Comment = "go on"
			estest.For(t, domain.Decider).Given(given...).When(domain.Approve{Now: now, Grace: grace, Comment: "go on"}).Then(granted)
			other := now.Add(20 * day)
			estest.For(t, domain.Decider).Given(given...).When(domain.Approve{Now: now, Grace: grace, ExpiresAt: &other}).Then(renewed(&tomorrow, &other))
			estest.For(t, domain.Decider).Given(given...).When(domain.Reject{Reason: "no"}).Then(denied)
			estest.For(t, domain.Decider).Given(append(given, denied)...).When(domain.Approve{Now: now, Grace: grace}).Refused(domain.ErrIllegal)
		})
	}
}

func TestARenewalThatWasAskedForTooLongAgoNeedsANewEnd(t *testing.T) {
	estest.For(t, domain.Decider).Given(requested, ending, asked).When(domain.Approve{Now: later, Grace: grace}).Refused(domain.ErrExpiryInPast)
}

func TestAskingTwiceForTheSameEndIsOneRequest(t *testing.T) {
	given := []events.Data{requested, ending, asked}
	estest.For(t, domain.Decider).Given(given...).When(domain.Renew{Now: now, Grace: grace, ExpiresAt: &later}).Then()
	other := later.Add(day)
	estest.For(t, domain.Decider).Given(given...).When(domain.Renew{Now: now, Grace: grace, ExpiresAt: &other}).
		Then(subscription.RenewalRequested{Concerns: concerns, ExpiresAt: other})
}

func TestARenewalLiesAhead(t *testing.T) {
	for _, by := range []domain.Renewer{domain.ByConsumer, domain.ByService, domain.ByProvider} {
		estest.For(t, domain.Decider).Given(requested, ending).When(domain.Renew{Now: now, Grace: grace, By: by, ExpiresAt: &now}).Refused(domain.ErrExpiryInPast)
	}
}

func TestOnlyTheProviderTakesTheEndAway(t *testing.T) {
	given := []events.Data{requested, ending}
	estest.For(t, domain.Decider).Given(given...).When(domain.Renew{Now: now, By: domain.ByProvider}).Then(renewed(&tomorrow, nil))
	estest.For(t, domain.Decider).Given(given...).When(domain.Renew{Now: now, By: domain.ByService}).Refused(domain.ErrEndless)
	estest.For(t, domain.Decider).Given(given...).When(domain.Renew{Now: now, By: domain.ByConsumer}).Refused(domain.ErrEndless)
}

func TestAfterTheGraceNothingComesBack(t *testing.T) {
	given := []events.Data{requested, ending, expired}
	last, over := tomorrow.Add(grace), tomorrow.Add(grace+time.Second)
	end := over.Add(day)
	renew := func(at time.Time) domain.Renew {
		return domain.Renew{Now: at, Grace: grace, By: domain.ByProvider, ExpiresAt: &end}
	}
	estest.For(t, domain.Decider).Given(given...).When(renew(last)).Then(renewed(&tomorrow, &end))
	estest.For(t, domain.Decider).Given(given...).When(renew(over)).Refused(domain.ErrGraceOver)
	asked := subscription.RenewalRequested{Concerns: concerns, ExpiresAt: end}
	estest.For(t, domain.Decider).Given(append(given, asked)...).When(domain.Approve{Now: over, Grace: grace}).Refused(domain.ErrGraceOver)
}

func TestWhatWasSuspendedWhenItExpiredNeedsTheProvider(t *testing.T) {
	given := []events.Data{requested, ending, suspended, expired}
	estest.For(t, domain.Decider).Given(given...).When(domain.Renew{Now: now, Grace: grace, By: domain.ByService, ExpiresAt: &later}).Then(asked)
	estest.For(t, domain.Decider).Given(given...).When(domain.Renew{Now: now, Grace: grace, By: domain.ByProvider, ExpiresAt: &later}).Then(renewed(&tomorrow, &later))
}

func TestARenewedOneIsActiveAgain(t *testing.T) {
	estest.For(t, domain.Decider).Given(requested, ending, expired, renewed(&tomorrow, &later)).
		When(domain.Suspend{Reason: "too loud"}).Then(suspended)
	estest.For(t, domain.Decider).Given(requested, ending, suspended, renewed(&tomorrow, &later)).
		When(domain.Resume{}).Then(resumed)
}

func TestNothingExpiresBeforeItsEnd(t *testing.T) {
	estest.For(t, domain.Decider).Given(requested, ending).When(domain.Expire{Now: tomorrow.Add(-1)}).Then()
	estest.For(t, domain.Decider).Given(requested, approved).When(domain.Expire{Now: later}).Then()
	estest.For(t, domain.Decider).Given(requested, ending, renewed(&tomorrow, &later)).When(domain.Expire{Now: tomorrow}).Then()
}

func TestARenewalEndsWithItsConsumerOrService(t *testing.T) {
	given := []events.Data{requested, ending, expired, asked}
	estest.For(t, domain.Decider).Given(given...).When(domain.EndWithConsumer{}).
		Then(subscription.RenewalRejected{Concerns: concerns, Reason: "consumer_deleted"})
	estest.For(t, domain.Decider).Given(given...).When(domain.EndWithService{}).
		Then(subscription.RenewalRejected{Concerns: concerns, Reason: "service_retired"})
}

func TestARevokedCredentialIsDropped(t *testing.T) {
	listed := requested
	listed.CredentialIDs = ids("cred_1", "cred_2")
	drop := func(id string) domain.DropCredential { return domain.DropCredential{CredentialID: id} }
	estest.For(t, domain.Decider).Given(listed).When(drop("cred_1")).Then(assigned(ids("cred_1", "cred_2"), ids("cred_2")))
	estest.For(t, domain.Decider).Given(listed).When(drop("cred_3")).Then()
	estest.For(t, domain.Decider).Given(requested).When(drop("cred_1")).Then()
	estest.For(t, domain.Decider).Given(listed, withdrawn).When(drop("cred_1")).Then()
}

func TestAnEmptiedListAdmitsNone(t *testing.T) {
	listed := requested
	listed.CredentialIDs = ids("cred_1")
	estest.For(t, domain.Decider).Given(listed).When(domain.DropCredential{CredentialID: "cred_1"}).Then(assigned(ids("cred_1"), ids()))
	estest.For(t, domain.Decider).Given(listed, assigned(ids("cred_1"), ids())).When(domain.AssignCredentials{CredentialIDs: ids()}).Then()
	estest.For(t, domain.Decider).Given(listed, assigned(ids("cred_1"), ids())).When(domain.AssignCredentials{}).Then(assigned(ids(), nil))
}

func TestAssigningTheSameChangesNothing(t *testing.T) {
	estest.For(t, domain.Decider).Given(requested).When(domain.AssignCredentials{}).Then()
}

// refusedIn demands that a refusal names the status that the object is in.
func refusedIn(t *testing.T, err error, status domain.Status) {
	t.Helper()
	if refusal, ok := errors.AsType[*es.Refusal](err); !ok || refusal.Current != string(status) {
		t.Errorf("the refusal %v does not name the status %s", err, status)
	}
}
