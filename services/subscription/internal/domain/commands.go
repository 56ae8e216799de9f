package domain

import (
	"time"

	"github.com/tidegate-io/tidegate/events"
)

// Command is what can be asked of a subscription.
//
//sumtype:decl
type Command interface{ command() }

// Request asks for a service, on behalf of a consumer. Concerns name both, and
// their teams. Grant is how it is approved at once; empty: it waits for the
// provider.
type Request struct {
	Concerns      events.Concerns
	ConsumerName  string
	ServiceName   string
	PlanID        string
	CredentialIDs *[]string
	Reason        string
	Grant         string // events/subscription.ApprovedByService, ApprovedAsProvider
}

// Approve grants a request, or the renewal that waits: then ExpiresAt nil means
// the end that was asked for.
type Approve struct {
	Now       time.Time
	Grace     time.Duration
	Comment   string
	ExpiresAt *time.Time
}

// Reject refuses a request, or the renewal that waits.
type Reject struct{ Reason string }

// Withdraw takes a request back.
type Withdraw struct{}

// Suspend has calls refused until it is resumed.
type Suspend struct{ Reason string }

// Resume has calls judged again.
type Resume struct{}

// Cancel ends it for the consumer's team.
type Cancel struct{}

// Revoke ends it for the provider.
type Revoke struct{ Reason string }

// Renew moves its end. By says on whose word: what the service does not grant
// at once becomes a renewal that waits.
type Renew struct {
	Now       time.Time
	Grace     time.Duration
	By        Renewer
	ExpiresAt *time.Time // nil: no end; the provider alone may say so
}

// Renewer is on whose word a subscription is renewed.
type Renewer int

// The provider decides. A service whose approval is automatic grants what a
// consumer's team asks for. All else waits.
const (
	ByConsumer Renewer = iota
	ByService
	ByProvider
)

// AssignCredentials makes these credentials the ones that may use it.
type AssignCredentials struct{ CredentialIDs *[]string }

// Expire records that its end has passed.
type Expire struct{ Now time.Time }

// EndWithConsumer ends it because its consumer was deleted.
type EndWithConsumer struct{}

// EndWithService ends it because its service was retired.
type EndWithService struct{}

// DropCredential takes a revoked credential out of its list.
type DropCredential struct{ CredentialID string }

func (Request) command()           {}
func (Approve) command()           {}
func (Reject) command()            {}
func (Withdraw) command()          {}
func (Suspend) command()           {}
func (Resume) command()            {}
func (Cancel) command()            {}
func (Revoke) command()            {}
func (Renew) command()             {}
func (AssignCredentials) command() {}
func (Expire) command()            {}
func (EndWithConsumer) command()   {}
func (EndWithService) command()    {}
func (DropCredential) command()    {}
