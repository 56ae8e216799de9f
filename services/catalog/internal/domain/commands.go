package domain

import "time"

// Command is what can be asked of a service.
type Command interface{ command() }

// Create drafts a service. Its id was chosen by the provider.
type Create struct {
	ID         string
	Team       string // empty: an administrator's, of no team
	Definition Definition
}

// Update changes fields of a service that is not retired.
type Update struct{ Patch Patch }

// Publish makes it routed and seen as its visibility says. It also takes a
// deprecation back.
type Publish struct{}

// Unpublish makes it a draft again.
type Unpublish struct{}

// Deprecate tells its callers that it will go, and when.
type Deprecate struct{ SunsetAt, At time.Time }

// Retire ends it for good.
type Retire struct{}

func (Create) command()    {}
func (Update) command()    {}
func (Publish) command()   {}
func (Unpublish) command() {}
func (Deprecate) command() {}
func (Retire) command()    {}
