package authz

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/services/gateway/internal/authn"
	"github.com/tidegate-io/tidegate/services/gateway/internal/header"
	"github.com/tidegate-io/tidegate/services/gateway/internal/limit"
)

// What the server refuses before there is a call to decide about.
const (
	HeaderTooLarge access.Code = "header_too_large" // 431
	RequestTimeout             = authn.RequestTimeout
)

// ContentType is the media type of a refusal (RFC 9457).
const ContentType = "application/problem+json"

const problemBase = "https://tidegate.io/problems/"

// details are what people are told. None says more than the code does.
var details = map[access.Code]string{
	MalformedRequest:             "The request cannot be read, or can be read in more than one way.",
	HeaderTooLarge:               "The headers of the request are too large.",
	authn.BodyTooLarge:           "The body is larger than what a signature may cover.",
	RequestTimeout:               "The request did not arrive in time.",
	authn.GatewayBusy:            "The gateway holds as many bodies as it can at the moment: see Retry-After.",
	access.BadRequestTarget:      "The address of the request has no canonical form.",
	access.RouteNotFound:         "No service answers at this address.",
	access.MethodNotAllowed:      "The service does not take this method at this address.",
	access.CredentialMissing:     "The call needs a credential and has none.",
	access.CredentialInvalid:     "The credential is not valid here.",
	access.CredentialExpired:     "The credential has expired.",
	access.CredentialSuspended:   "The credential is suspended.",
	access.ReplayDetected:        "The signature, or its nonce, was used before.",
	access.ConsumerSuspended:     "The consumer is suspended.",
	access.NotSubscribed:         "The consumer is not subscribed to this service.",
	access.SubscriptionPending:   "The subscription has not been approved yet.",
	access.SubscriptionSuspended: "The subscription is suspended.",
	access.SubscriptionExpired:   "The subscription has expired.",
	access.CredentialNotAssigned: "The subscription does not admit this credential.",
	access.IPNotAllowed:          "The consumer may not call from this address.",
	access.RateLimited:           "Too many calls: see Retry-After.",
	access.QuotaExceeded:         "The quota of this period is used up: see Retry-After.",
	access.ProjectionStale:       "The gateway does not know enough at the moment to decide about this call.",
	access.UpstreamUnreachable:   "The service behind the gateway cannot be reached, or answered what is not HTTP.",
	access.UpstreamTimeout:       "The service behind the gateway did not answer in time.",
}

// AppendProblem writes the body of a refusal.
func AppendProblem(dst []byte, code access.Code, requestID string) []byte {
	status := Status(code)
	dst = append(dst, `{"type":"`+problemBase...)
	dst = append(dst, code...)
	dst = append(dst, `","title":"`...)
	dst = append(dst, http.StatusText(status)...)
	dst = append(dst, `","status":`...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	dst = append(dst, `,"detail":"`...)
	dst = append(dst, details[code]...)
	dst = append(dst, `","code":"`...)
	dst = append(dst, code...)
	dst = append(dst, `","request_id":"`...)
	dst = append(dst, requestID...)
	return append(dst, "\"}\n"...)
}

// RefusalHeaders gives what belongs to a refusal beside its body: how to prove
// oneself, what methods there are, when to come back.
func (c *Call) RefusalHeaders(add func(name, value string)) {
	switch Status(c.Code) {
	case http.StatusUnauthorized:
		for _, t := range c.Service.Accepts {
			if challenge := c.challenge(t); challenge != "" {
				add("WWW-Authenticate", challenge)
			}
		}
	case http.StatusMethodNotAllowed:
		add("Allow", strings.Join(c.Route.Methods(), ", "))
	case http.StatusServiceUnavailable:
		if c.Code == authn.GatewayBusy {
			add("Retry-After", "1")
		}
	case http.StatusTooManyRequests:
		add("Retry-After", strconv.FormatInt(max(1, limit.Seconds(c.Limits.RetryAfter)), 10))
	}
}

func (c *Call) challenge(authType string) string {
	if c.verifier == nil {
		return ""
	}
	return c.verifier.Challenge(authType)
}

// AnswerHeaders gives what belongs to every answer to a call that got this far:
// where its consumer stands, and that its service will end.
func (c *Call) AnswerHeaders(add func(name, value string)) {
	if len(c.Limits.Standings) > 0 {
		add("RateLimit-Policy", string(c.Limits.AppendPolicy(nil)))
		add("RateLimit", string(c.Limits.AppendRemaining(nil)))
	}
	if c.Service == nil || c.Service.Status != access.ServiceDeprecated {
		return
	}
	add("Deprecation", "@"+strconv.FormatInt(c.deprecatedAt().Unix(), 10)) // RFC 9745
	if c.Service.SunsetAt != nil {
		add("Sunset", c.Service.SunsetAt.UTC().Format(http.TimeFormat)) // RFC 8594
	}
}

// deprecatedAt is when the service last changed, for that is all that is known:
// at the latest by then it was deprecated. The time is in the event's UUIDv7.
func (c *Call) deprecatedAt() time.Time {
	id := strings.ReplaceAll(c.Service.EventID(), "-", "")
	if len(id) < 12 {
		return c.At
	}
	ms, err := strconv.ParseInt(id[:12], 16, 64)
	if err != nil {
		return c.At
	}
	return time.UnixMilli(ms)
}

// IdentityHeaders gives what upstream is told of the caller, each name once.
func (c *Call) IdentityHeaders(add func(name, value string)) {
	consumer := c.Decision.Consumer
	add(header.ConsumerID, consumer.ID)
	add(header.ConsumerUsername, consumer.ID)
	if consumer.CustomID != "" {
		add(header.ConsumerCustomID, consumer.CustomID)
	}
	add(header.CredentialID, c.Decision.Credential.ID)
	add(header.SubscriptionID, c.Decision.Subscription.ID)
	if c.Identity.Scopes != "" {
		add(header.TokenScopes, c.Identity.Scopes)
	}
}

// Codes answers every code with which a call can be refused, in order.
func Codes() []access.Code { return slices.Sorted(maps.Keys(details)) }
