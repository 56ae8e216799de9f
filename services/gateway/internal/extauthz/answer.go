package extauthz

import (
	"slices"
	"strings"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	auth "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	envoy "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"

	"github.com/tidegate-io/tidegate/services/gateway/internal/authn"
	"github.com/tidegate-io/tidegate/services/gateway/internal/authz"
	"github.com/tidegate-io/tidegate/services/gateway/internal/header"
)

// headers collects what Envoy is to set, each name once and in place of whatever
// is there: several values of one name become a list, because older releases of
// Envoy would keep the last alone.
type headers []*core.HeaderValueOption

func (h *headers) add(name, value string) {
	for _, option := range *h {
		if strings.EqualFold(option.Header.Key, name) {
			option.Header.Value += ", " + value
			return
		}
	}
	*h = append(*h, &core.HeaderValueOption{
		Header: &core.HeaderValue{Key: name, Value: value}, AppendAction: core.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
	})
}

func (h *headers) has(name string) bool {
	return slices.ContainsFunc(*h, func(option *core.HeaderValueOption) bool { return strings.EqualFold(option.Header.Key, name) })
}

// denied is a refusal as on the data path.
func denied(call *authz.Call, requestID string) *auth.CheckResponse {
	var told headers
	told.add(header.RequestID, requestID)
	call.AnswerHeaders(told.add)
	call.RefusalHeaders(told.add)
	told.add("Content-Type", authz.ContentType)
	return &auth.CheckResponse{
		Status: &status.Status{Code: int32(codes.PermissionDenied), Message: string(call.Code)},
		HttpResponse: &auth.CheckResponse_DeniedResponse{DeniedResponse: &auth.DeniedHttpResponse{
			Status:  &envoy.HttpStatus{Code: envoy.StatusCode(authz.Status(call.Code))}, //nolint:gosec // three digits
			Headers: told,
			Body:    string(authz.AppendProblem(nil, call.Code, requestID)),
		}},
	}
}

// allowed is what upstream and the client are told of a call that may go on. The
// path goes on in the form that was decided on.
func allowed(call *authz.Call, scheme, requestID string) *auth.CheckResponse {
	var set, told headers
	call.IdentityHeaders(set.add)
	if call.Address.IsValid() {
		set.add(header.ForwardedFor, call.Address.String())
	}
	if scheme != "" {
		set.add(header.ForwardedProto, scheme)
	}
	set.add(header.ForwardedHost, call.Target.Authority)
	set.add(header.RequestID, requestID)
	if canonical := string(call.Target.Append(nil, call.Target.Path)); canonical != call.Raw {
		set.add(":path", canonical)
	}
	ok := &auth.OkHttpResponse{}
	if call.Decision.Credential.Hide {
		ok.QueryParametersToRemove = hide(call, &set, &ok.HeadersToRemove)
	}
	for _, f := range call.Fields {
		if foreign(f.Name) && !set.has(f.Name) {
			ok.HeadersToRemove = append(ok.HeadersToRemove, strings.ToLower(f.Name))
		}
	}
	slices.Sort(ok.HeadersToRemove)
	ok.HeadersToRemove = slices.Compact(ok.HeadersToRemove)
	told.add(header.RequestID, requestID)
	call.AnswerHeaders(told.add)
	ok.Headers, ok.ResponseHeadersToAdd = set, told
	return &auth.CheckResponse{Status: &status.Status{Code: int32(codes.OK)}, HttpResponse: &auth.CheckResponse_OkResponse{OkResponse: ok}}
}

// foreign says whether a client may not send a header on. What Envoy says of the
// client's certificate is Envoy's own, which drops the client's.
func foreign(name string) bool {
	return header.Ours(name) && !strings.EqualFold(name, "X-Forwarded-Client-Cert")
}

// hide takes the credential out: lines that hold nothing else are removed, others
// set to what is left of them. It answers the names of the query's pairs that are
// to go, as they were written. A field of a body cannot be taken out.
func hide(call *authz.Call, set *headers, remove *[]string) (pairs []string) {
	hidden := authn.Hidden(call.Identity.Hits())
	for i, f := range call.Fields {
		name := strings.ToLower(f.Name)
		if left, keep := hidden.Field(i, f); keep && left == f.Value || set.has(name) || slices.Contains(*remove, name) {
			continue
		}
		var kept []string
		for j, other := range call.Fields { // all lines of the name: Envoy knows them as one
			if !other.Is(f.Name) {
				continue
			}
			if left, keep := hidden.Field(j, other); keep {
				kept = append(kept, left)
			}
		}
		if len(kept) == 0 {
			*remove = append(*remove, name)
			continue
		}
		separator := ", "
		if f.Is("Cookie") {
			separator = "; "
		}
		set.add(name, strings.Join(kept, separator))
	}
	for _, hit := range hidden {
		if hit.Holds && hit.At.In == "query" {
			name, _, _ := strings.Cut(call.Target.Query[hit.From:hit.To], "=")
			if !slices.Contains(pairs, name) {
				pairs = append(pairs, name)
			}
		}
	}
	return pairs
}
