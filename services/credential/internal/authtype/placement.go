package authtype

import (
	"regexp"
	"slices"
	"strings"

	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
)

// Where in a request a credential can be.
const (
	inHeader = "header"
	inQuery  = "query"
	inCookie = "cookie"
	inBody   = "body"
)

var (
	tokenPattern = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$") // RFC 9110 token
	fieldPattern = regexp.MustCompile(`^[A-Za-z0-9._~\[\]-]{1,128}$`)        // needs no encoding in a query or form
)

// What carries the request itself or its signature, or what the gateway writes: a
// credential there would be lost, or would change what the call means.
var (
	reservedHeaders = []string{
		"Connection", "Content-Encoding", "Content-Length", "Content-Type", "Cookie", "Expect", "Host", "Keep-Alive",
		"Proxy-Connection", "Set-Cookie", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Via", "Forwarded",
		"Date", "X-Gateway-Date", "Digest", "Content-Digest", "Signature", "Signature-Input",
		"X-Credential-Identifier", "X-Request-Id", "X-Subscription-Id", "X-Token-Scopes",
	}
	reservedPrefixes = []string{"Proxy-", "Sec-", "X-Consumer-", "X-Forwarded-"}
)

// placed judges a placement that was asked for, and answers the fallback when
// none was.
func placed(asked *domain.Placement, fallback domain.Placement, allowed ...string) (domain.Placement, error) {
	if asked == nil {
		return fallback, nil
	}
	if !slices.Contains(allowed, asked.In) {
		return fallback, domain.ErrInvalid.At("body.placement.in").Saying("The value is one of: %s.", strings.Join(allowed, ", "))
	}
	return *asked, checkName(*asked)
}

// fixed is placed for what is in one header and nowhere else.
func fixed(asked *domain.Placement, header string) (domain.Placement, error) {
	only := domain.Placement{In: inHeader, Name: header}
	if asked != nil && (asked.In != only.In || !strings.EqualFold(asked.Name, only.Name)) {
		return only, domain.ErrInvalid.At("body.placement").Saying("This credential is in the header %s and nowhere else.", header)
	}
	return only, nil
}

func checkName(p domain.Placement) error {
	switch p.In {
	case inHeader:
		if !tokenPattern.MatchString(p.Name) {
			return badName("A header's name is 1 to 128 characters of an RFC 9110 token.")
		}
		if reserved(p.Name) {
			return badName("This header carries the request itself, or is written by the gateway: choose another.")
		}
	case inCookie:
		if !tokenPattern.MatchString(p.Name) {
			return badName("A cookie's name is 1 to 128 characters of an RFC 9110 token.")
		}
	case inQuery, inBody:
		if !fieldPattern.MatchString(p.Name) {
			return badName("A parameter's name is 1 to 128 characters of A-Z a-z 0-9 . _ ~ - [ ].")
		}
	}
	return nil
}

// Headers are compared without case; "_" and "." are other spellings of "-" for
// many servers behind the gateway.
func reserved(header string) bool {
	plain := strings.NewReplacer("_", "-", ".", "-").Replace(header)
	if slices.ContainsFunc(reservedHeaders, func(h string) bool { return strings.EqualFold(h, plain) }) {
		return true
	}
	return slices.ContainsFunc(reservedPrefixes, func(prefix string) bool {
		return len(plain) >= len(prefix) && strings.EqualFold(plain[:len(prefix)], prefix)
	})
}

func badName(detail string) error {
	return domain.ErrInvalid.At("body.placement.name").Saying("%s", detail)
}
