package authn

import (
	"errors"
	"time"

	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/services/gateway/internal/header"
	"github.com/tidegate-io/tidegate/services/gateway/internal/projection"
)

// Type is how credentials of one type are verified: one file a type.
//
// A type is told of one value at a time, and says whose secret was shown, if
// anybody's. It remembers nothing of a request when it returns: the strings of
// one alias a buffer that is used again.
//
// A new type is a new file with a Type, and a line in Types; its counterpart in
// the credential service says what is kept of its secrets.
type Type interface {
	// Name is the type's word in the contract: "api_key".
	Name() string
	// Challenge is what a caller without a credential is told (RFC 9110, 11.6.1).
	Challenge() string
	// Verify tries the value that stands where a credential of the type may be.
	// It calls Holds, or HoldsBut, when it is one, and does nothing when it is
	// not.
	Verify(a *Attempt, hit *Hit)
}

// Request is what can hold a credential, and what a signature covers. Its strings
// alias the connection's buffer.
type Request struct {
	Method string
	Raw    string // the request target as it came
	Host   string // the Host header
	Query  string // of the target as it is forwarded
	Fields []header.Field
	At     time.Time
	// Body reads the body ahead of everything else; nil: there is none to be
	// read, for another proxy asks.
	Body Body
}

// Field answers the first header of a name, and how many there are.
func (q *Request) Field(name string) (value string, n int) {
	for i := range q.Fields {
		if f := &q.Fields[i]; f.Is(name) {
			if n == 0 {
				value = f.Value
			}
			n++
		}
	}
	return value, n
}

// Body is a request's body before anything of it has gone upstream.
type Body interface {
	// Whole answers all of it when it has at most so many bytes. What was read
	// goes upstream all the same. Errors: ErrBodyTooLarge, ErrBodyBroken,
	// ErrBodySlow, ErrBodyNoRoom, ErrBodyLater. Asking again costs nothing.
	Whole(limit int) ([]byte, error)
}

// Attempt is one request on its way to an identity.
type Attempt struct {
	State   *projection.State
	Request *Request
	found   *Identity
	more    bool      // a second caller was found: nothing counts any more
	used    ReplayKey // what this request has used up itself

	scoped   bool
	digested digested
}

// Holds notes that a version of a credential's secret was shown.
func (a *Attempt) Holds(c *access.Credential, version int, hit *Hit) {
	if a.found.Credential != nil && a.found.Credential.ID != c.ID {
		a.more = true
		return
	}
	a.found.Credential, a.found.Version, hit.Holds = c, max(a.found.Version, version), true
}

// HoldsBut is Holds of a proof that was right and does not count all the same:
// a token that has expired, a signature that was used before. It is told to its
// rightful owner, and denies.
func (a *Attempt) HoldsBut(c *access.Credential, version int, hit *Hit, fault access.Code) {
	a.Holds(c, version, hit)
	if a.found.Fault == access.Allowed {
		a.found.Fault = fault
	}
}

// Scoped notes the scopes that a token grants, for upstream; the text is the
// rule's or the type's own, never the request's. Two tokens that grant different
// ones are a mixture, and neither counts.
func (a *Attempt) Scoped(scopes string) {
	if a.scoped && a.found.Scopes != scopes {
		a.more = true
	}
	a.scoped, a.found.Scopes = true, scopes
}

// Body answers the body that a signature covers. When there is none to be had it
// ends the call, whoever calls: the body is broken, or larger than a signature
// may cover.
func (a *Attempt) Body(limit int) (body []byte, ok bool) {
	if a.Request.Body == nil {
		return nil, true
	}
	body, err := a.Request.Body.Whole(limit)
	if err == nil {
		return body, true
	}
	a.found.refused = refusal(err)
	return nil, false
}

// refusal answers the code of what reading a body ahead met.
func refusal(err error) access.Code {
	switch {
	case errors.Is(err, ErrBodyTooLarge):
		return BodyTooLarge
	case errors.Is(err, ErrBodySlow):
		return RequestTimeout
	case errors.Is(err, ErrBodyNoRoom):
		return GatewayBusy
	case errors.Is(err, ErrBodyLater):
		return BodyWanted
	}
	return MalformedRequest
}
