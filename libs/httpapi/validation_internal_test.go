package httpapi

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

func TestWhatHumaFindsIsShownWithoutItsValues(t *testing.T) {
	t.Parallel()
	tests := []struct {
		status         int
		message        string
		err            error
		code, at, says string
	}{
		{422, "validation failed", &huma.ErrorDetail{Location: "body.a", Message: "expected integer", Value: "SECRET"}, "validation_failed", "body.a", "expected integer"},
		{422, "validation failed", &huma.ErrorDetail{Location: "body", Message: "json: cannot unmarshal number SECRET into Go value", Value: "SECRET"}, "validation_failed", "body", "expected another type"},
		{422, "validation failed", &huma.ErrorDetail{Location: "body", Message: `parsing time "SECRET" as RFC 3339`}, "validation_failed", "body", "expected another type"},
		{422, "validation failed", &huma.ErrorDetail{Location: "body.u", Message: `expected string to be RFC 3986 uri: parse "SECRET": bad`}, "validation_failed", "body.u", "expected string to be RFC 3986 uri"},
		{422, "validation failed", &huma.ErrorDetail{Location: "body.p", Message: "expected string to match pattern ^a: b$", Value: "SECRET"}, "validation_failed", "body.p", "expected string to match pattern ^a: b$"},
		{422, "validation failed", &huma.ErrorDetail{Location: "body.x", Message: "expected required property y to be present", Value: "SECRET"}, "validation_failed", "body.x.y", "expected to be present"},
		{422, "validation failed", errors.New("SECRET"), "validation_failed", "", ""},
		{400, "request body is required", nil, "bad_request", "", ""},
		{500, "cannot read SECRET", &huma.ErrorDetail{Location: "SECRET", Message: "SECRET"}, "internal_error", "", ""},
	}
	for _, test := range tests {
		var errs []error
		if test.err != nil {
			errs = []error{test.err}
		}
		p := invalid("one", test.status, test.message, errs)
		whole, err := json.Marshal(p)
		if err != nil || strings.Contains(string(whole), "SECRET") {
			t.Errorf("%v: %s, error %v", test.err, whole, err)
		}
		if p.Code != test.code || p.RequestID != "one" || locationOf(p) != test.at || test.says != "" && p.Errors[0].Message != test.says {
			t.Errorf("%v: %s", test.err, whole)
		}
	}
}
