package domain

import (
	"fmt"
	"slices"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/subscription"
)

// Reasons of what follows from others' events.
const (
	ReasonConsumerDeleted = "consumer_deleted"
	ReasonServiceRetired  = "service_retired"
)

func decide(s State, c Command) ([]events.Data, error) {
	if _, anew := c.(Request); !anew && !s.Exists() {
		return nil, ErrMissing
	}
	switch c := c.(type) {
	case Request:
		return decideRequest(s, c)
	case Approve:
		return decideApprove(s, c)
	case Reject:
		return decideReject(s, c)
	case Withdraw:
		return s.from(Pending)(subscription.Withdrawn{Concerns: s.Concerns})
	case Suspend:
		if c.Reason == "" {
			return nil, ErrReasonless.At("body.reason")
		}
		return s.from(Active)(subscription.Suspended{Concerns: s.Concerns, Reason: c.Reason})
	case Resume:
		return s.from(Suspended)(subscription.Resumed{Concerns: s.Concerns})
	case Cancel:
		return s.from(Active, Suspended)(subscription.Cancelled{Concerns: s.Concerns})
	case Revoke:
		if c.Reason == "" {
			return nil, ErrReasonless.At("body.reason")
		}
		return s.from(Active, Suspended)(subscription.Revoked{Concerns: s.Concerns, Reason: c.Reason})
	case Renew:
		return decideRenew(s, c)
	case AssignCredentials:
		return decideAssign(s, c)
	case Expire:
		return decideExpire(s, c)
	case EndWithConsumer, EndWithService:
		return decideEnd(s, c)
	case DropCredential:
		return decideDrop(s, c)
	}
	return nil, fmt.Errorf("subscription: unknown command %T", c)
}

// from lets an event follow in the given statuses and in no other.
func (s State) from(allowed ...Status) func(events.Data) ([]events.Data, error) {
	return func(e events.Data) ([]events.Data, error) {
		if !slices.Contains(allowed, s.Status) {
			return nil, ErrIllegal.In(string(s.Status))
		}
		return []events.Data{e}, nil
	}
}

// What the service or its provider grants at once is requested and approved in
// one step, so that the two are never seen apart.
func decideRequest(s State, c Request) ([]events.Data, error) {
	if s.Exists() {
		return nil, ErrExists
	}
	if err := listedOnce(c.CredentialIDs); err != nil {
		return nil, err
	}
	all := []events.Data{subscription.Requested{
		Concerns:      c.Concerns,
		ConsumerName:  c.ConsumerName,
		ServiceName:   c.ServiceName,
		PlanID:        c.PlanID,
		CredentialIDs: c.CredentialIDs,
		Reason:        c.Reason,
		AsProvider:    c.Grant == subscription.ApprovedAsProvider,
	}}
	if c.Grant != "" {
		all = append(all, subscription.Approved{Concerns: c.Concerns, PlanID: c.PlanID, Mode: c.Grant})
	}
	return all, nil
}

func decideApprove(s State, c Approve) ([]events.Data, error) {
	switch {
	case s.Status == Pending:
		if c.ExpiresAt != nil && !c.ExpiresAt.After(c.Now) {
			return nil, ErrExpiryInPast.At("body.expires_at")
		}
		return one(subscription.Approved{
			Concerns: s.Concerns, PlanID: s.PlanID, Mode: subscription.ApprovedManually, Comment: c.Comment, ExpiresAt: c.ExpiresAt,
		})
	case s.Renewal == nil:
		return nil, ErrIllegal.In(string(s.Status))
	}
	end := c.ExpiresAt
	if end == nil {
		end = s.Renewal
	}
	renewal := Renew{Now: c.Now, Grace: c.Grace, ExpiresAt: end}
	if err := renewal.possible(s); err != nil {
		return nil, err
	}
	return one(subscription.Renewed{Concerns: s.Concerns, Before: s.ExpiresAt, ExpiresAt: end, Comment: c.Comment})
}

func decideReject(s State, c Reject) ([]events.Data, error) {
	switch {
	case c.Reason == "":
		return nil, ErrReasonless.At("body.reason")
	case s.Status == Pending:
		return one(subscription.Rejected{Concerns: s.Concerns, Reason: c.Reason})
	case s.Renewal != nil:
		return one(subscription.RenewalRejected{Concerns: s.Concerns, Reason: c.Reason})
	}
	return nil, ErrIllegal.In(string(s.Status))
}

// A subscription that was suspended when it expired does not come back by
// itself: that would undo what the provider decided.
func decideRenew(s State, c Renew) ([]events.Data, error) {
	if err := c.possible(s); err != nil {
		return nil, err
	}
	if c.By == ByProvider || c.By == ByService && !s.HeldBack {
		return one(subscription.Renewed{Concerns: s.Concerns, Before: s.ExpiresAt, ExpiresAt: c.ExpiresAt})
	}
	if s.Renewal != nil && s.Renewal.Equal(*c.ExpiresAt) {
		return nil, nil
	}
	return one(subscription.RenewalRequested{Concerns: s.Concerns, ExpiresAt: *c.ExpiresAt})
}

// possible says whether a subscription can be renewed as asked.
func (c Renew) possible(s State) error {
	if !s.Status.Granted() && s.Status != Expired {
		return ErrIllegal.In(string(s.Status))
	}
	if s.Status == Expired && s.ExpiresAt != nil && c.Now.After(s.ExpiresAt.Add(c.Grace)) {
		return ErrGraceOver.In(string(s.Status))
	}
	if c.ExpiresAt != nil && !c.ExpiresAt.After(c.Now) {
		return ErrExpiryInPast.At("body.expires_at")
	}
	if c.ExpiresAt == nil && c.By != ByProvider {
		return ErrEndless.At("body.expires_at")
	}
	return nil
}

func decideAssign(s State, c AssignCredentials) ([]events.Data, error) {
	if s.Status.Final() {
		return nil, ErrIllegal.In(string(s.Status))
	}
	if err := listedOnce(c.CredentialIDs); err != nil {
		return nil, err
	}
	if sameList(s.CredentialIDs, c.CredentialIDs) {
		return nil, nil
	}
	return one(subscription.CredentialsAssigned{Concerns: s.Concerns, Before: s.CredentialIDs, CredentialIDs: c.CredentialIDs})
}

// The clock asks again and again: what has no end, or not yet, is no refusal.
func decideExpire(s State, c Expire) ([]events.Data, error) {
	if !s.Status.Granted() || s.ExpiresAt == nil || s.ExpiresAt.After(c.Now) {
		return nil, nil
	}
	return one(subscription.Expired{Concerns: s.Concerns, ExpiresAt: *s.ExpiresAt})
}

// What is live ends, a renewal that waits is refused, and the rest is history.
func decideEnd(s State, c Command) ([]events.Data, error) {
	_, byConsumer := c.(EndWithConsumer)
	reason := ReasonServiceRetired
	if byConsumer {
		reason = ReasonConsumerDeleted
	}
	switch {
	case s.Status.Live() && byConsumer:
		return one(subscription.Cancelled{Concerns: s.Concerns, Reason: reason})
	case s.Status.Live():
		return one(subscription.Revoked{Concerns: s.Concerns, Reason: reason})
	case s.Renewal != nil:
		return one(subscription.RenewalRejected{Concerns: s.Concerns, Reason: reason})
	}
	return nil, nil
}

// A list that is emptied stays a list: it admits none.
func decideDrop(s State, c DropCredential) ([]events.Data, error) {
	if s.Status.Final() || s.CredentialIDs == nil || !slices.Contains(*s.CredentialIDs, c.CredentialID) {
		return nil, nil
	}
	left := slices.DeleteFunc(slices.Clone(*s.CredentialIDs), func(id string) bool { return id == c.CredentialID })
	return one(subscription.CredentialsAssigned{Concerns: s.Concerns, Before: s.CredentialIDs, CredentialIDs: &left})
}

func listedOnce(ids *[]string) error {
	if ids == nil {
		return nil
	}
	for i, id := range *ids {
		if slices.Contains((*ids)[:i], id) {
			return ErrListedTwice.At(fmt.Sprintf("body.credential_ids[%d]", i))
		}
	}
	return nil
}

func sameList(a, b *[]string) bool {
	return a == nil && b == nil || a != nil && b != nil && slices.Equal(*a, *b)
}

func one(e events.Data) ([]events.Data, error) { return []events.Data{e}, nil }
