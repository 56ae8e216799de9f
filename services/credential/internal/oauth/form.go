package oauth

import (
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/tidegate-io/tidegate/libs/httpapi"
)

// maxBody is the largest body: the longest token and all else fit many times.
const maxBody = 64 << 10

// form is what a client sends. A parameter without a value counts as left out
// (RFC 6749, section 3.2); unknown ones are ignored.
type form map[string]string

const mediaForm = "application/x-www-form-urlencoded"

// readForm answers the parameters of a call, each there once.
func readForm(in *httpapi.RawRequest) (form, error) {
	if err := checkBody(in, mediaForm); err != nil {
		return nil, err
	}
	if in.Query() {
		return nil, invalidRequest("Parameters go into the body, never into the address.")
	}
	return parseForm(in.Body)
}

func parseForm(body []byte) (form, error) {
	values, err := url.ParseQuery(string(body))
	if err != nil || !utf8.Valid(body) {
		return nil, invalidRequest("The body cannot be read as a form.")
	}
	read := form{}
	for name, all := range values {
		if len(all) > 1 {
			return nil, invalidRequest("A parameter is there twice.")
		}
		if !utf8.ValidString(name + all[0]) {
			return nil, invalidRequest("The body cannot be read as a form.")
		}
		if all[0] != "" {
			read[name] = all[0]
		}
	}
	return read, nil
}

// checkBody judges a body's size and media type.
func checkBody(in *httpapi.RawRequest, want string) error {
	if len(in.Body) > maxBody {
		return &Error{Code: "invalid_request", Description: "The body is larger than 65536 bytes.", status: http.StatusRequestEntityTooLarge}
	}
	for _, encoding := range in.Header("Content-Encoding") {
		if !strings.EqualFold(encoding, "identity") {
			return invalidRequest("A body must not be compressed.")
		}
	}
	given := in.Header("Content-Type")
	if len(given) != 1 {
		return invalidRequest("The Content-Type must be " + want + ".")
	}
	media, params, err := mime.ParseMediaType(given[0])
	if charset := params["charset"]; err != nil || media != want || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return invalidRequest("The Content-Type must be " + want + ".")
	}
	return nil
}
