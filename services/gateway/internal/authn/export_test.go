package authn

import "github.com/tidegate-io/tidegate/services/gateway/internal/sfv"

// SignatureBase is appendBase of a Signature-Input's value.
func SignatureBase(q *Request, protocol, input string) (string, bool) {
	members, err := sfv.Dictionary("sig=" + input)
	if err != nil || len(members) != 1 || !members[0].List {
		return "", false
	}
	base, ok := appendBase(nil, q, protocol, members[0])
	return string(base), ok
}
