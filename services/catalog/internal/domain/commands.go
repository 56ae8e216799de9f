package domain

import "time"

// Command is what can be asked of a service.
//
//sumtype:decl
type Command interface{ command() }

// Create drafts a service. Its id was chosen by the provider.
type Create struct {
	ID         string
	Team       string // empty: an administrator's, of no team
	Definition Definition
}

// Update makes of the present definition what Change answers; what is equal is
// left alone. Change is pure: it is run again when somebody else was faster.
type Update struct{ Change func(Definition) Definition }

// Publish makes it routed and seen as its visibility says. It also takes a
// deprecation back.
type Publish struct{}

// Unpublish makes it a draft again.
type Unpublish struct{}

// Deprecate tells its callers that it will go, and when.
type Deprecate struct{ SunsetAt, Now time.Time }

// Retire ends it for good.
type Retire struct{}

func (Create) command()    {}
func (Update) command()    {}
func (Publish) command()   {}
func (Unpublish) command() {}
func (Deprecate) command() {}
func (Retire) command()    {}
