package domain_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/services/subscription/internal/domain"
)

// TestALifeFollowsTheTable runs random commands and holds each status against
// a table of its own, and each claim against the status.
func TestALifeFollowsTheTable(t *testing.T) {
	table := map[domain.Status][]domain.Status{
		"":               {domain.Pending, domain.Active},
		domain.Pending:   {domain.Active, domain.Rejected, domain.Withdrawn, domain.Cancelled, domain.Revoked},
		domain.Active:    {domain.Suspended, domain.Cancelled, domain.Revoked, domain.Expired},
		domain.Suspended: {domain.Active, domain.Cancelled, domain.Revoked, domain.Expired},
		domain.Expired:   {domain.Active},
	}
	rapid.Check(t, func(t *rapid.T) {
		var state domain.State
		at, claimed := now, false
		for range rapid.IntRange(1, 40).Draw(t, "commands") {
			at = at.Add(time.Duration(rapid.IntRange(0, 30).Draw(t, "days")) * day)
			c := drawCommand(t, at)
			all, err := domain.Decider.Decide(state, c)
			if err != nil {
				var refusal *es.Refusal
				if !errors.As(err, &refusal) && !errors.Is(err, domain.ErrMissing) {
					t.Fatalf("%T: %v is no refusal", c, err)
				}
				continue
			}
			after := domain.Decider.Fold(state, all...)
			if after.Status != state.Status && !slices.Contains(table[state.Status], after.Status) {
				t.Fatalf("%T led from %q to %q", c, state.Status, after.Status)
			}
			if state.Status.Final() && len(all) > 0 {
				t.Fatalf("%T changed what was final (%s): %v", c, state.Status, all)
			}
			if after.Renewal != nil && (after.Status.Final() || after.Status == domain.Pending) {
				t.Fatalf("a renewal waits while the status is %s", after.Status)
			}
			for _, claim := range domain.Effects(state, after).Claims {
				claimed = !claim.Release
			}
			if claimed != after.Status.Live() {
				t.Fatalf("the claim is held: %v, while the status is %s", claimed, after.Status)
			}
			state = after
		}
	})
}

func drawCommand(t *rapid.T, at time.Time) domain.Command {
	end := at.Add(time.Duration(rapid.IntRange(-5, 60).Draw(t, "end")) * day)
	ends := rapid.SampledFrom([]*time.Time{nil, &end}).Draw(t, "ends")
	by := rapid.SampledFrom([]domain.Renewer{domain.ByConsumer, domain.ByService, domain.ByProvider}).Draw(t, "by")
	return rapid.SampledFrom([]domain.Command{
		request(""), request("auto"), request("as_provider"),
		domain.Approve{Now: at, Grace: grace, ExpiresAt: ends}, domain.Approve{Now: at, Grace: grace, ExpiresAt: ends},
		domain.Reject{Reason: "no"}, domain.Withdraw{}, domain.Suspend{Reason: "too loud"}, domain.Resume{}, domain.Resume{},
		domain.Cancel{}, domain.Revoke{Reason: "over"},
		domain.Renew{Now: at, Grace: grace, By: by, ExpiresAt: ends}, domain.Renew{Now: at, Grace: grace, By: by, ExpiresAt: ends},
		domain.AssignCredentials{CredentialIDs: ids("cred_1")}, domain.DropCredential{CredentialID: "cred_1"},
		domain.Expire{Now: at}, domain.Expire{Now: at}, domain.EndWithConsumer{}, domain.EndWithService{},
	}).Draw(t, "command")
}
