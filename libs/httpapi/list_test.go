package httpapi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
)

type page struct {
	Items []note `json:"items"`
	Next  string `json:"next_cursor"`
}

func TestListsArePagedInAStableOrder(t *testing.T) {
	t.Parallel()
	api, _ := start(t)
	red := api.Developer("red")
	if got := string(red.Get(t, "/v1/notes").Want(t, 200).Body); strings.TrimSpace(got) != `{"items":[],"next_cursor":""}` {
		t.Errorf("an empty list is %s", got)
	}
	for i := range 7 {
		red.Post(t, "/v1/notes", fmt.Sprintf(`{"id":"n%d","title":"note %d","team":"red"}`, i, i)).Want(t, 201)
		api.Developer("blue").Post(t, "/v1/notes", fmt.Sprintf(`{"id":"b%d","title":"blue %d","team":"blue"}`, i, i)).Want(t, 201)
	}
	var seen []string
	cursor, pages := "", 0
	for {
		got := httpapitest.Read[page](t, red.Get(t, "/v1/notes?q=note&limit=3&cursor="+cursor).Want(t, 200))
		for _, n := range got.Items {
			seen = append(seen, n.ID)
		}
		pages++
		if cursor = got.Next; cursor == "" {
			break
		}
	}
	if strings.Join(seen, " ") != "n0 n1 n2 n3 n4 n5 n6" || pages != 3 {
		t.Errorf("%d pages: %q", pages, seen)
	}
	if got := httpapitest.Read[page](t, api.Admin().Get(t, "/v1/notes")); len(got.Items) != 14 {
		t.Errorf("an administrator sees %d", len(got.Items))
	}
	for _, client := range []*httpapitest.Client{api.Provider("red"), api.Developer()} {
		if got := httpapitest.Read[page](t, client.Get(t, "/v1/notes").Want(t, 200)); len(got.Items) != 0 {
			t.Errorf("who may read none sees %d", len(got.Items))
		}
	}
}

func TestACursorBelongsToItsListAndItsFilters(t *testing.T) {
	t.Parallel()
	api, _ := start(t)
	red := api.Developer("red")
	for i := range 3 {
		red.Post(t, "/v1/notes", fmt.Sprintf(`{"id":"n%d","title":"note %d","team":"red"}`, i, i)).Want(t, 201)
	}
	cursor := httpapitest.Read[page](t, red.Get(t, "/v1/notes?q=note&limit=1")).Next
	if cursor == "" || strings.ContainsAny(cursor, "+/=&%") {
		t.Fatalf("cursor %q", cursor)
	}
	red.Get(t, "/v1/notes?q=note&limit=2&cursor="+cursor).Want(t, 200) // another size is fine
	for name, query := range map[string]string{
		"other filters":       "q=other&cursor=" + cursor,
		"no filters":          "cursor=" + cursor,
		"a changed character": "q=note&cursor=" + flip(cursor),
		"a part":              "q=note&cursor=" + cursor[:len(cursor)/2],
		"something appended":  "q=note&cursor=" + cursor + "AA",
	} {
		problem := red.Get(t, "/v1/notes?"+query).Refused(t, 422, "validation_failed")
		if problem.Errors[0].Location != "query.cursor" {
			t.Errorf("%s: %+v", name, problem.Errors)
		}
	}
}

func flip(s string) string {
	swap := "A"
	if s[3] == 'A' {
		swap = "B"
	}
	return s[:3] + swap + s[4:]
}
