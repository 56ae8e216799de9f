package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/tidegate-io/tidegate/libs/es"
)

// Paging is embedded in the input of a list.
type Paging struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"How many at most."`
	Cursor string `query:"cursor" maxLength:"4096" doc:"The next_cursor of the page before, with the same filters."`
}

// Query answers q for the page that is asked for. A cursor that this list did
// not give out, or gave out for other filters, is refused: 422.
func (p Paging) Query(ctx context.Context, q es.Query) (es.Query, error) {
	q.Limit = p.Limit
	if p.Cursor == "" {
		return q, nil
	}
	after, ok := openCursor(callFrom(ctx).list, p.Cursor)
	if !ok {
		return q, Invalid("query.cursor", "expected a cursor that this list gave out, with the same filters")
	}
	q.After = after
	return q, nil
}

// NewList answers a page. next is the store's cursor (es.Page.Next), empty when
// there is nothing more.
func NewList[T any](ctx context.Context, items []T, next string) *List[T] {
	if items == nil {
		items = []T{}
	}
	if next != "" {
		next = sealCursor(callFrom(ctx).list, next)
	}
	return &List[T]{Body: Page[T]{Items: items, NextCursor: next}}
}

// A cursor is the store's own, behind a check value that binds it to the list
// and its filters. It is no secret and no permission: every page is filtered by
// what the caller may see.
const cursorCheck = 9

func sealCursor(scope, next string) string {
	return base64.RawURLEncoding.EncodeToString(append(cursorSum(scope, next), next...))
}

func openCursor(scope, cursor string) (string, bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(raw) <= cursorCheck {
		return "", false
	}
	next := string(raw[cursorCheck:])
	return next, string(cursorSum(scope, next)) == string(raw[:cursorCheck])
}

func cursorSum(scope, next string) []byte {
	sum := sha256.Sum256([]byte("cursor\x00" + scope + "\x00" + next))
	return sum[:cursorCheck]
}

// filters answers a query without what turns the page, in canonical order.
func filters(query url.Values) string {
	kept := url.Values{}
	for name, values := range query {
		if name != "cursor" && name != "limit" && strings.Join(values, "") != "" {
			kept[name] = values
		}
	}
	return kept.Encode()
}
