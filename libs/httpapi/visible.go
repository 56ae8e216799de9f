package httpapi

import (
	"context"

	"github.com/tidegate-io/tidegate/libs/es"
)

// Scope is what a caller sees of a kind of objects in a list.
type Scope struct {
	All           bool     // everything
	Teams         []string // objects whose Team is one of these
	ProviderTeams []string // objects whose ProviderTeam is one of these
	Public        bool     // public services
}

// Readers under which a view indexes its documents so that Scope.Term finds
// what a caller may see, and Authorize agrees: every document has the field
// with ReaderTeam + team, ReaderProvider + team, ReaderPublic, as they apply.
const (
	ReaderTeam     = "team:"
	ReaderProvider = "provider:"
	ReaderPublic   = "public"

	readerNobody = "nobody:"
)

// Visible answers what the caller sees in a list. It follows the same table as
// Authorize: an object is in the list exactly when it may be read.
func Visible(ctx context.Context, object ObjectKind) Scope {
	caller := CallerFrom(ctx)
	row := rules[object]
	if caller.Is(Admin) || caller.Is(Auditor) && !row.closed {
		return Scope{All: true}
	}
	scope := Scope{Public: object == Service && caller.Is(Roles...)}
	for _, role := range Roles {
		if !caller.Is(role) {
			continue
		}
		switch row.read[role] {
		case consumer:
			scope.Teams = caller.Teams
		case provider:
			scope.ProviderTeams = caller.Teams
		case either:
			scope.Teams, scope.ProviderTeams = caller.Teams, caller.Teams
		case nobody:
		}
	}
	return scope
}

// Deciding answers what waits for the caller's decision in a list of
// subscriptions.
func Deciding(ctx context.Context) Scope {
	caller := CallerFrom(ctx)
	scope := Scope{All: caller.Is(Admin)}
	if caller.Is(Provider) && !scope.All {
		scope.ProviderTeams = caller.Teams
	}
	return scope
}

// Empty says that the caller sees nothing.
func (s Scope) Empty() bool {
	return !s.All && !s.Public && len(s.Teams) == 0 && len(s.ProviderTeams) == 0
}

// Readers answers the values under which what the caller sees is indexed; nil
// when it sees everything.
func (s Scope) Readers() []string {
	if s.All {
		return nil
	}
	readers := []string{}
	for _, team := range s.Teams {
		readers = append(readers, ReaderTeam+team)
	}
	for _, team := range s.ProviderTeams {
		readers = append(readers, ReaderProvider+team)
	}
	if s.Public {
		readers = append(readers, ReaderPublic)
	}
	if len(readers) == 0 {
		readers = append(readers, readerNobody)
	}
	return readers
}

// Term answers the condition on an indexed field that leaves what the caller
// sees; none when it sees everything.
func (s Scope) Term(field string) []es.Term {
	if s.All {
		return nil
	}
	return []es.Term{{Field: field, Op: es.In, Values: s.Readers()}}
}
