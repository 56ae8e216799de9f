package api_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
	"github.com/tidegate-io/tidegate/services/catalog/internal/api"
)

// TestWhoMayDoWhatInWhichStatus is every status, visibility, command and caller.
func TestWhoMayDoWhatInWhichStatus(t *testing.T) {
	catalogue, _ := start(t)
	callers := map[string]struct {
		client *httpapitest.Client
		role   httpapi.Role
		own    bool
	}{
		"an administrator":          {catalogue.Admin(), httpapi.Admin, false},
		"an auditor":                {catalogue.Auditor(), httpapi.Auditor, false},
		"its provider":              {catalogue.Provider("pets"), httpapi.Provider, true},
		"another team's provider":   {catalogue.Provider("other"), httpapi.Provider, false},
		"its team's developer":      {catalogue.Developer("pets"), httpapi.Developer, true},
		"another team's developer":  {catalogue.Developer("other"), httpapi.Developer, false},
		"a developer without teams": {catalogue.Developer(), httpapi.Developer, false},
	}
	commands := map[string]struct {
		method, path string
		body         any
		from         []string
	}{
		"update":    {"PATCH", "", object{"name": "Renamed"}, []string{"draft", "published", "deprecated"}},
		"publish":   {"POST", "/publish", nil, []string{"draft", "deprecated"}},
		"unpublish": {"POST", "/unpublish", nil, []string{"published", "deprecated"}},
		"deprecate": {"POST", "/deprecate", object{"sunset_at": tomorrow()}, []string{"published"}},
		"retire":    {"POST", "/retire", nil, []string{"draft", "published", "deprecated"}},
	}
	steps := map[string][]string{
		"draft": nil, "published": {"publish"}, "deprecated": {"publish", "deprecate"}, "retired": {"publish", "retire"}, "retired as a draft": {"retire"},
	}
	number := 0
	for _, visibility := range []string{"public", "team"} {
		for status, way := range steps {
			prepare := func(t *testing.T) string {
				t.Helper()
				number++
				id := fmt.Sprintf("service-%d", number)
				body := petstore(id)
				body["team"], body["visibility"] = "pets", visibility
				catalogue.Admin().Post(t, "/v1/services", body).Want(t, 201)
				for _, step := range way {
					c := commands[step]
					catalogue.Admin().Do(t, c.method, "/v1/services/"+id+c.path, c.body).Want(t, 200)
				}
				return id
			}
			current := status
			if status == "retired as a draft" {
				current = "retired"
			}
			public := visibility == "public" && status != "draft" && status != "retired as a draft"
			id := prepare(t)
			for who, caller := range callers {
				reads := caller.own || public || caller.role == httpapi.Admin || caller.role == httpapi.Auditor
				name := fmt.Sprintf("%s and a %s service that is %s", who, visibility, status)
				t.Run(name, func(t *testing.T) {
					want := 404
					if reads {
						want = 200
					}
					caller.client.Get(t, "/v1/services/"+id).Want(t, want)
					caller.client.Get(t, "/v1/services/"+id+"/history").Want(t, want)
					listed := httpapitest.Read[list](t, caller.client.Get(t, "/v1/services?limit=200&status="+current).Want(t, 200))
					if found := slices.ContainsFunc(listed.Items, func(s api.Service) bool { return s.ID == id }); found != reads {
						t.Errorf("it is listed: %v, and may be read: %v", found, reads)
					}
					writes := caller.role == httpapi.Admin || caller.role == httpapi.Provider && caller.own
					for command, c := range commands {
						target := id
						if writes {
							target = prepare(t)
						}
						answer := caller.client.Do(t, c.method, "/v1/services/"+target+c.path, c.body)
						switch {
						case !reads:
							answer.Refused(t, 404, "not_found")
						case !writes:
							answer.Refused(t, 403, "forbidden")
						case slices.Contains(c.from, current):
							answer.Want(t, 200)
						default:
							if refusal := answer.Refused(t, 409, "illegal_transition"); refusal.CurrentStatus != current {
								t.Errorf("%s: current_status is %q, want %q", command, refusal.CurrentStatus, current)
							}
						}
					}
				})
			}
		}
	}
}

func TestWithoutATokenNothingIsTold(t *testing.T) {
	catalogue, _ := start(t)
	catalogue.Anonymous().Get(t, "/v1/services").Refused(t, 401, "unauthenticated")
	catalogue.Anonymous().Post(t, "/v1/services", petstore("pets")).Refused(t, 401, "unauthenticated")
}

func TestAListIsFiltered(t *testing.T) {
	catalogue, _ := start(t)
	admin := catalogue.Admin()
	for id, more := range map[string]object{
		"cats":   {"team": "a", "kind": "ai", "tags": []string{"pets", "soft"}},
		"dogs":   {"team": "b", "category": "work", "name": "Watch dogs"},
		"lizard": {"team": "b", "kind": "mcp", "description": "A CAT's prey"},
	} {
		body := petstore(id)
		maps.Copy(body, more)
		admin.Post(t, "/v1/services", body).Want(t, 201)
	}
	admin.Post(t, "/v1/services/dogs/publish", nil).Want(t, 200)
	admin.Post(t, "/v1/services/lizard/retire", nil).Want(t, 200)
	for query, want := range map[string][]string{
		"":                      {"cats", "dogs"},
		"?status=draft":         {"cats"},
		"?status=published":     {"dogs"},
		"?status=retired":       {"lizard"},
		"?kind=ai":              {"cats"},
		"?tag=soft":             {"cats"},
		"?category=work":        {"dogs"},
		"?team=b":               {"dogs"},
		"?q=WATCH":              {"dogs"},
		"?q=cat":                {"cats"},
		"?q=cat&status=retired": {"lizard"},
		"?q=nothing":            {},
		"?tag=pets&team=b":      {"dogs"},
	} {
		t.Run("with "+query, func(t *testing.T) {
			got := []string{}
			for _, s := range httpapitest.Read[list](t, admin.Get(t, "/v1/services"+query).Want(t, 200)).Items {
				got = append(got, s.ID)
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("the list is %v, want %v", got, want)
			}
		})
	}
	for _, query := range []string{"?status=gone", "?limit=0", "?limit=201", "?cursor=x", "?colour=red", "?kind=ai&kind=mcp"} {
		admin.Get(t, "/v1/services"+query).Refused(t, 422, "validation_failed")
	}
}

func TestAListIsPaged(t *testing.T) {
	catalogue, _ := start(t)
	for i := range 5 {
		catalogue.Admin().Post(t, "/v1/services", petstore(fmt.Sprintf("s%d", i))).Want(t, 201)
	}
	var got []string
	for cursor := ""; ; {
		page := httpapitest.Read[list](t, catalogue.Admin().Get(t, "/v1/services?limit=2&cursor="+cursor).Want(t, 200))
		for _, s := range page.Items {
			got = append(got, s.ID)
		}
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	if want := []string{"s0", "s1", "s2", "s3", "s4"}; !slices.Equal(got, want) {
		t.Errorf("the pages hold %v, want %v", got, want)
	}
}
