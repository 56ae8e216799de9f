package domain

import (
	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/subscription"
)

func evolve(s State, e events.Data) State {
	switch e := e.(type) {
	case subscription.Requested:
		return State{Concerns: e.Concerns, Status: Pending, PlanID: e.PlanID, CredentialIDs: e.CredentialIDs}
	case subscription.Approved:
		s.Status, s.ExpiresAt = Active, e.ExpiresAt
	case subscription.Rejected:
		return s.ended(Rejected)
	case subscription.Withdrawn:
		return s.ended(Withdrawn)
	case subscription.Suspended:
		s.Status = Suspended
	case subscription.Resumed:
		s.Status = Active
	case subscription.Cancelled:
		return s.ended(Cancelled)
	case subscription.Revoked:
		return s.ended(Revoked)
	case subscription.RenewalRequested:
		s.Renewal = &e.ExpiresAt
	case subscription.RenewalRejected:
		s.Renewal = nil
	case subscription.Renewed:
		s.ExpiresAt, s.Renewal, s.HeldBack = e.ExpiresAt, nil, false
		if s.Status == Expired {
			s.Status = Active
		}
	case subscription.Expired:
		s.HeldBack = s.Status == Suspended
		s.Status = Expired
	case subscription.CredentialsAssigned:
		s.CredentialIDs = e.CredentialIDs
	}
	return s
}

func (s State) ended(status Status) State {
	s.Status, s.Renewal, s.HeldBack = status, nil, false
	return s
}
