package access

import "net/http"

// Code says why a call is refused. Codes are stable: scripts rely on them.
type Code string

// The codes that the rule decides by.
const (
	Allowed               Code = ""
	RouteNotFound         Code = "route_not_found"
	CredentialInvalid     Code = "credential_invalid"
	CredentialExpired     Code = "credential_expired"
	CredentialSuspended   Code = "credential_suspended"
	ConsumerSuspended     Code = "consumer_suspended"
	NotSubscribed         Code = "not_subscribed"
	SubscriptionPending   Code = "subscription_pending"
	SubscriptionSuspended Code = "subscription_suspended"
	SubscriptionExpired   Code = "subscription_expired"
	CredentialNotAssigned Code = "credential_not_assigned"
	IPNotAllowed          Code = "ip_not_allowed"
	ProjectionStale       Code = "projection_stale"
)

// The codes of a gateway's other reasons, here so that all codes are in one
// place.
const (
	BadRequestTarget    Code = "bad_request_target"
	MethodNotAllowed    Code = "method_not_allowed"
	CredentialMissing   Code = "credential_missing"
	ReplayDetected      Code = "replay_detected"
	TokenExpired        Code = "token_expired"
	TokenNotYetValid    Code = "token_not_yet_valid"
	RateLimited         Code = "rate_limited"
	QuotaExceeded       Code = "quota_exceeded"
	UpstreamUnreachable Code = "upstream_unreachable"
	UpstreamTimeout     Code = "upstream_timeout"
)

// Status answers the HTTP status of a code: 200 when allowed.
func (c Code) Status() int {
	switch c {
	case Allowed:
		return http.StatusOK
	case BadRequestTarget:
		return http.StatusBadRequest
	case RouteNotFound:
		return http.StatusNotFound
	case MethodNotAllowed:
		return http.StatusMethodNotAllowed
	case CredentialMissing, CredentialInvalid, CredentialExpired, CredentialSuspended,
		ReplayDetected, TokenExpired, TokenNotYetValid:
		return http.StatusUnauthorized
	case RateLimited, QuotaExceeded:
		return http.StatusTooManyRequests
	case UpstreamUnreachable:
		return http.StatusBadGateway
	case ProjectionStale:
		return http.StatusServiceUnavailable
	case UpstreamTimeout:
		return http.StatusGatewayTimeout
	default:
		return http.StatusForbidden
	}
}
