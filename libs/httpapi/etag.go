package httpapi

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/tidegate-io/tidegate/libs/es"
)

// maxTags bounds how many versions an If-Match may name.
const maxTags = 16

// ifMatch is a request's If-Match. The zero value: there is none, or it is "*",
// which asks only that the object exists, and commands see to that anyway.
//
// Comparison is strong (RFC 9110, 13.1.1): a weak tag matches nothing. A tag
// that is not one of ours matches nothing either. What cannot be read as a list
// of tags is 400 malformed_header.
type ifMatch struct {
	given    bool
	versions []int64
}

// try runs a command under each version that may match, till one does. It is
// es.ErrVersion when none does.
func (m ifMatch) try(run func(...es.Option) error, opt es.Option) error {
	if !m.given {
		return run(opt)
	}
	err := es.ErrVersion
	for _, version := range m.versions {
		if err = run(es.IfVersion(version), opt); !errors.Is(err, es.ErrVersion) {
			return err
		}
	}
	return err
}

// parseIfMatch reads the values of all If-Match headers.
func parseIfMatch(values []string) (ifMatch, error) {
	field := strings.TrimSpace(strings.Join(values, ","))
	if len(values) == 0 || field == "*" {
		return ifMatch{}, nil
	}
	tags, ok := entityTags(field)
	if !ok || len(tags) > maxTags {
		return ifMatch{}, malformedIfMatch()
	}
	m := ifMatch{given: true}
	for _, tag := range tags {
		if tag.weak {
			continue
		}
		version, err := strconv.ParseInt(tag.opaque, 10, 64)
		if err == nil && version >= 0 && tag.opaque == strconv.FormatInt(version, 10) {
			m.versions = append(m.versions, version)
		}
	}
	return m, nil
}

func malformedIfMatch() *Problem {
	return newProblem(http.StatusBadRequest, "malformed_header", "If-Match is not a list of entity tags.",
		Fault{Location: "header.If-Match", Message: `expected "*" or a list such as "3", "4"`})
}

// noneMatch says whether an If-None-Match asks not to be sent what it has.
func noneMatch(values []string, current string) bool {
	field := strings.TrimSpace(strings.Join(values, ","))
	if len(values) == 0 || current == "" {
		return false
	}
	if field == "*" {
		return true
	}
	tags, _ := entityTags(field)
	for _, tag := range tags {
		if `"`+tag.opaque+`"` == current { // weak comparison, RFC 9110, 13.1.2
			return true
		}
	}
	return false
}

type entityTag struct {
	weak   bool
	opaque string
}

// entityTags reads a list of entity tags (RFC 9110, 8.8.3).
func entityTags(field string) (tags []entityTag, ok bool) {
	rest := field
	for {
		rest = strings.TrimLeft(rest, " \t,")
		if rest == "" {
			return tags, len(tags) > 0
		}
		var tag entityTag
		if rest, tag.weak = strings.CutPrefix(rest, "W/"); !strings.HasPrefix(rest, `"`) {
			return nil, false
		}
		end := strings.IndexByte(rest[1:], '"')
		if end < 0 {
			return nil, false
		}
		tag.opaque, rest = rest[1:1+end], strings.TrimLeft(rest[end+2:], " \t")
		if strings.ContainsFunc(tag.opaque, func(r rune) bool { return r < 0x21 || r == 0x7f }) {
			return nil, false
		}
		if rest != "" && rest[0] != ',' {
			return nil, false
		}
		tags = append(tags, tag)
	}
}
