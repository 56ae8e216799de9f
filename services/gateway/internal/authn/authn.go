// Package authn finds the credentials in a request and verifies them.
//
// Every place where a credential may be is looked at, and every value there is
// tried as each type that it may be, so that none masks another. What fails is
// passed over as long as something else holds: a caller's own Authorization for
// the service behind is none of the gateway's business. When two different
// credentials hold, none counts: a caller is one.
//
// It says whose secret was shown; whether that may do anything is the rule's to
// say.
package authn

import (
	"errors"

	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/gateway/internal/projection"
)

// Codes of calls that end because of what their body is.
const (
	MalformedRequest access.Code = "malformed_request" // 400
	BodyTooLarge     access.Code = "body_too_large"    // 413
	RequestTimeout   access.Code = "request_timeout"   // 408
	GatewayBusy      access.Code = "gateway_busy"      // 503: no memory for another body
	// BodyWanted is for the data path alone, and is no answer to a caller: the
	// decision cannot be made before the body is there, which the client sends
	// when it is told to.
	BodyWanted access.Code = "body_wanted"
)

// What reading a body ahead can meet.
var (
	ErrBodyTooLarge = errors.New("the body is larger than may be read ahead")
	ErrBodyBroken   = errors.New("the body ended early, or is malformed")
	ErrBodySlow     = errors.New("the body did not arrive in time")
	ErrBodyNoRoom   = errors.New("too many bodies are read ahead at the moment")
	ErrBodyLater    = errors.New("the client waits for a word before it sends the body")
)

// Verifier verifies secrets. It is made once and used by all calls.
type Verifier struct {
	types []registered
}

// registered is a type with what is asked of it at each request.
type registered struct {
	Type
	bit access.Types
}

// Config is what the types are made of. What is left out has its default.
type Config struct {
	Ring *secret.Ring
	// SignedBodyLimit is how large a body may be that a signature covers, in
	// bytes.
	SignedBodyLimit int
	// Replays is what remembers signatures.
	Replays *Replays
}

// DefaultSignedBodyLimit is for a configuration that says nothing.
const DefaultSignedBodyLimit = 8 << 20

// Types answers every type that the gateway can verify.
func Types(cfg Config) []Type {
	jwt, oauth2 := NewTokens()
	if cfg.Replays == nil {
		cfg.Replays = NewReplays()
	}
	return []Type{NewAPIKey(cfg.Ring), NewBasic(cfg.Ring), NewHMAC(cfg.SignedBodyLimit, cfg.Replays), jwt, oauth2}
}

// New makes a verifier of the types.
func New(types []Type) *Verifier {
	v := &Verifier{}
	for _, t := range types {
		v.types = append(v.types, registered{Type: t, bit: access.TypesOf(t.Name())})
	}
	return v
}

// Identity is whose secret was shown, or why nobody's. It is used again for
// another request.
type Identity struct {
	Code       access.Code // Allowed, CredentialMissing, CredentialInvalid, or why the body cannot be read
	Credential *access.Credential
	Version    int         // of its secret
	Fault      access.Code // why a proof that was right does not count; Allowed: it does
	Scopes     string      // that a token grants, separated by spaces

	refused access.Code
	attempt Attempt
	request Request
	scanner
}

// Identify looks for credentials of the accepted types and verifies them. It
// allocates nothing for an API key in a header.
func (v *Verifier) Identify(state *projection.State, accepted access.Types, q Request, found *Identity) {
	found.begin(state, q)
	found.scan(state.Rule, &found.request)
	if found.n > 0 && !found.over {
		v.try(accepted, found, found.Hits())
	}
	v.body(accepted, found)
	found.conclude()
}

// try has each type look at what it accepts of the hits.
func (v *Verifier) try(accepted access.Types, found *Identity, hits []Hit) {
	for i := range hits {
		for j := range v.types {
			if t := &v.types[j]; hits[i].Types&accepted&t.bit != 0 {
				t.Verify(&found.attempt, &hits[i])
			}
		}
	}
}

// begin forgets the request before. What the hits were stays where it is: it is
// written over.
func (i *Identity) begin(state *projection.State, q Request) {
	i.Credential, i.Version, i.Fault, i.Scopes, i.refused = nil, 0, access.Allowed, "", access.Allowed
	i.n, i.over, i.request = 0, false, q
	i.attempt = Attempt{State: state, Request: &i.request, found: i}
}

// conclude says what came of it, and lets go of the request.
func (i *Identity) conclude() {
	if i.attempt.more {
		i.Credential = nil // a second caller
	}
	switch {
	case i.refused != access.Allowed:
		i.Code = i.refused
	case i.Credential != nil:
		i.Code = access.Allowed
	case i.n == 0:
		i.Code = access.CredentialMissing
	default:
		i.Code = access.CredentialInvalid
	}
	i.request, i.attempt = Request{}, Attempt{}
}

// Challenge answers what a caller without a credential of a type is told; empty:
// the type is not known here.
func (v *Verifier) Challenge(authType string) string {
	for i := range v.types {
		if v.types[i].Name() == authType {
			return v.types[i].Challenge()
		}
	}
	return ""
}
