package httpapi

import (
	"context"
	"errors"
	"slices"
)

// Role is what a caller is to Tidegate. A caller may have several; it may do
// what any of them may.
type Role string

// The roles of the contract. Others in a token are ignored: an identity
// provider puts its own there too.
const (
	Admin     Role = "admin"
	Provider  Role = "provider"
	Developer Role = "developer"
	Auditor   Role = "auditor"
)

// Roles are all of them.
var Roles = []Role{Admin, Provider, Developer, Auditor}

// Caller is who calls the management API.
type Caller struct {
	Subject string
	Roles   []Role
	Teams   []string
}

// Is says whether the caller has one of the roles.
func (c Caller) Is(roles ...Role) bool {
	return slices.ContainsFunc(roles, func(r Role) bool { return slices.Contains(c.Roles, r) })
}

// In says whether the caller belongs to a team. Nobody belongs to "", the team
// of what has none.
func (c Caller) In(team string) bool { return team != "" && slices.Contains(c.Teams, team) }

// Authenticator judges bearer tokens. It is asked once a request, from many
// goroutines.
type Authenticator interface {
	// Authenticate answers who holds a token. ErrUnauthenticated when it is not
	// to be trusted, for whatever reason; an error wrapping es.ErrUnavailable
	// when that cannot be judged now.
	Authenticate(ctx context.Context, token string) (Caller, error)
}

// ErrUnauthenticated: there is no token, or none that can be trusted.
var ErrUnauthenticated = errors.New("a valid bearer token is needed")

type callerKey struct{}

// WithCaller answers a context in which c calls.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerFrom answers who calls. Outside an authenticated request it is nobody,
// who may do nothing.
func CallerFrom(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}
