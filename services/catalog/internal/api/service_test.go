package api_test

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/es/sqlitestore"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
	"github.com/tidegate-io/tidegate/services/catalog/internal/api"
	"github.com/tidegate-io/tidegate/services/catalog/internal/domain"
	"github.com/tidegate-io/tidegate/services/catalog/internal/views"
)

type object = map[string]any

type list struct {
	Items      []api.Service `json:"items"`
	NextCursor string        `json:"next_cursor"`
}

// start serves the catalogue on a store of its own.
func start(t *testing.T) (*httpapitest.API, es.Store) {
	t.Helper()
	registry := events.MustRegistry(catalog.Events)
	store, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "catalog.db"), es.Schema{
		Service: "catalog", Registry: registry, Views: []es.View{views.Services},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return httpapitest.Start(t, httpapi.Config{Service: "catalog", Idempotency: store}, func(s *httpapi.Server) {
		api.Register(s, api.Config{
			Store: store, Services: es.NewHandler(store, registry, domain.Decider, domain.Effects), Clock: time.Now,
		})
	}), store
}

// petstore answers the body of a service that can be published.
func petstore(id string) object {
	return object{
		"id": id, "name": "Pet store", "tags": []string{"pets"}, "category": "shops",
		"routes":    []object{{"path_prefix": "/" + id}},
		"upstreams": []object{{"url": "http://127.0.0.1:9000"}},
	}
}

func tomorrow() string { return time.Now().Add(24 * time.Hour).UTC().Format(time.RFC3339) }

func TestAServiceIsDraftedWithItsDefaults(t *testing.T) {
	catalogue, _ := start(t)
	answer := catalogue.Provider("pets").Post(t, "/v1/services", object{"id": "idea", "name": "Idea"}).Want(t, 201)
	if got := answer.Header.Get("Location"); got != "/v1/services/idea" {
		t.Errorf("Location is %q", got)
	}
	if answer.ETag() != `"1"` {
		t.Errorf("ETag is %s", answer.ETag())
	}
	got := httpapitest.Read[object](t, answer)
	for _, at := range []string{"created_at", "updated_at"} {
		if _, err := time.Parse(time.RFC3339Nano, got[at].(string)); err != nil {
			t.Error(err)
		}
		delete(got, at)
	}
	want := `{"accepts":["api_key","basic","jwt","hmac","oauth2"],"approval":{"expression":"","mode":"manual"},"category":"",` +
		`"description":"","documentation":"","id":"idea","kind":"rest","name":"Idea",` +
		`"plans":[{"approval":null,"description":"","id":"default","name":"","quota":null,"rate":null}],"routes":[],` +
		`"staleness":{"mode":"serve-stale","seconds":60},"status":"draft","sunset_at":null,"tags":[],"team":"pets",` +
		`"timeout_seconds":30,"upstreams":[],"version":1,"visibility":"public"}`
	if raw, _ := json.Marshal(got); string(raw) != want {
		t.Errorf("the service is\n%s\nwant\n%s", raw, want)
	}
}

func TestWhatIsSentIsWhatIsKept(t *testing.T) {
	catalogue, _ := start(t)
	body := petstore("pets")
	body["routes"] = []object{{"host": "API.example", "path_prefix": "/v1/", "methods": []string{"get"}, "strip_prefix": false}}
	body["plans"] = []object{{"id": "gold", "rate": object{"requests": 5, "per_seconds": 1}, "quota": nil, "approval": object{"mode": "auto"}}}
	body["staleness"] = object{"mode": "fail-closed"}
	catalogue.Provider("pets").Post(t, "/v1/services", body).Want(t, 201)
	got := httpapitest.Read[api.Service](t, catalogue.Provider("pets").Get(t, "/v1/services/pets").Want(t, 200))
	route := got.Routes[0]
	if route.Host != "api.example" || route.PathPrefix != "/v1" || len(route.Methods) != 1 || route.Methods[0] != "GET" || route.StripPrefix {
		t.Errorf("the route is %+v", route)
	}
	plan := got.Plans[0]
	if plan.ID != "gold" || plan.Rate == nil || plan.Rate.Requests != 5 || plan.Quota != nil || plan.Approval == nil || plan.Approval.Mode != "auto" {
		t.Errorf("the plan is %+v", plan)
	}
	if got.Staleness != (api.Staleness{Mode: "fail-closed", Seconds: 60}) {
		t.Errorf("staleness is %+v", got.Staleness)
	}
	if got.Upstreams[0].Weight != 1 {
		t.Errorf("an upstream weighs %d", got.Upstreams[0].Weight)
	}
}

func TestARouteStripsItsPrefixUnlessToldOtherwise(t *testing.T) {
	catalogue, _ := start(t)
	got := httpapitest.Read[api.Service](t, catalogue.Provider("pets").Post(t, "/v1/services", petstore("pets")).Want(t, 201))
	if !got.Routes[0].StripPrefix {
		t.Errorf("the route is %+v", got.Routes[0])
	}
}

func TestAnIDIsTakenForEver(t *testing.T) {
	catalogue, _ := start(t)
	pets, others := catalogue.Provider("pets"), catalogue.Provider("others")
	pets.Post(t, "/v1/services", petstore("pets")).Want(t, 201)
	pets.Post(t, "/v1/services", petstore("pets")).Refused(t, 409, "service_exists")
	pets.Post(t, "/v1/services/pets/retire", nil).Want(t, 200)
	others.Post(t, "/v1/services", petstore("pets")).Refused(t, 409, "service_exists")
}

func TestBadInputIsRefusedAndChangesNothing(t *testing.T) {
	catalogue, store := start(t)
	provider := catalogue.Provider("pets")
	provider.Post(t, "/v1/services", petstore("kept")).Want(t, 201)
	long := strings.Repeat("x", 64<<10+1)
	for location, spoiled := range map[string]object{
		"body.id":                     {"id": "Not An ID"},
		"body.name":                   {"name": ""},
		"body.description":            {"description": long},
		"body.kind":                   {"kind": "soap"},
		"body.visibility":             {"visibility": "secret"},
		"body.team":                   {"team": 7},
		"body.tags[1]":                {"tags": []string{"a", ""}},
		"body.accepts":                {"accepts": []string{}},
		"body.accepts[0]":             {"accepts": []string{"password"}},
		"body.routes[0].path_prefix":  {"routes": []object{{"path_prefix": "/a/../b"}}},
		"body.routes[0].host":         {"routes": []object{{"host": "a:80", "path_prefix": "/"}}},
		"body.routes[0].methods":      {"routes": []object{{"methods": []string{"A B"}, "path_prefix": "/"}}},
		"body.routes[1]":              {"routes": []object{{"path_prefix": "/a"}, {"path_prefix": "/a/"}}},
		"body.upstreams[0].url":       {"upstreams": []object{{"url": "http://user@host"}}},
		"body.upstreams[0].weight":    {"upstreams": []object{{"url": "http://host", "weight": 0}}},
		"body.approval.mode":          {"approval": object{"mode": "maybe"}},
		"body.approval.expression":    {"approval": object{"mode": "auto", "expression": "true"}},
		"body.plans":                  {"plans": []object{}},
		"body.plans[0].id":            {"plans": []object{{"id": "Gold"}}},
		"body.plans[1].id":            {"plans": []object{{"id": "a"}, {"id": "a"}}},
		"body.plans[0].rate.requests": {"plans": []object{{"id": "a", "rate": object{"requests": 0, "per_seconds": 1}}}},
		"body.plans[0].quota.per":     {"plans": []object{{"id": "a", "quota": object{"requests": 1, "per": "year"}}}},
		"body.staleness.mode":         {"staleness": object{"mode": "open"}},
		"body.staleness.seconds":      {"staleness": object{"seconds": 0}},
		"body.timeout_seconds":        {"timeout_seconds": 601},
		"body.documentation":          {"documentation": strings.Repeat("ü", 40<<10)},
		"body.unknown":                {"unknown": true},
	} {
		t.Run(location, func(t *testing.T) {
			create := petstore("new")
			maps.Copy(create, spoiled)
			refusal := provider.Post(t, "/v1/services", create).Refused(t, 422, "validation_failed")
			if len(refusal.Errors) == 0 || refusal.Errors[0].Location != location {
				t.Errorf("POST: the fault is at %+v, want %s", refusal.Errors, location)
			}
			if location == "body.id" {
				return
			}
			refusal = provider.Patch(t, "/v1/services/kept", spoiled).Refused(t, 422, "validation_failed")
			if len(refusal.Errors) == 0 || refusal.Errors[0].Location != location {
				t.Errorf("PATCH: the fault is at %+v, want %s", refusal.Errors, location)
			}
		})
	}
	for _, missing := range []string{"id", "name"} {
		create := petstore("new")
		delete(create, missing)
		provider.Post(t, "/v1/services", create).Refused(t, 422, "validation_failed")
	}
	provider.Post(t, "/v1/services", `{"id":`).Refused(t, 400, "malformed_json")
	policy := petstore("new")
	policy["approval"] = object{"mode": "policy", "expression": "true"}
	provider.Post(t, "/v1/services", policy).Refused(t, 422, "approval_policy_unsupported")
	if head, err := store.Head(t.Context()); err != nil || head.Position != 1 {
		t.Errorf("refused requests left the head at %+v (%v)", head, err)
	}
}

func TestATeamIsTheCallersOwn(t *testing.T) {
	catalogue, _ := start(t)
	team := func(named string) object {
		body := object{"id": "pets", "name": "Pets"}
		if named != "" {
			body["team"] = named
		}
		return body
	}
	catalogue.Provider("a", "b").Post(t, "/v1/services", team("")).Refused(t, 422, "validation_failed")
	catalogue.Provider("a").Post(t, "/v1/services", team("b")).Refused(t, 403, "forbidden")
	catalogue.Provider().Post(t, "/v1/services", team("")).Refused(t, 403, "forbidden")
	catalogue.Developer("a").Post(t, "/v1/services", team("")).Refused(t, 403, "forbidden")
	catalogue.Developer("a", "b").Post(t, "/v1/services", team("")).Refused(t, 403, "forbidden")
	catalogue.Auditor().Post(t, "/v1/services", team("")).Refused(t, 403, "forbidden")
	got := httpapitest.Read[api.Service](t, catalogue.Provider("a", "b").Post(t, "/v1/services", team("b")).Want(t, 201))
	if got.Team != "b" {
		t.Errorf("the team is %q", got.Team)
	}
	none := httpapitest.Read[api.Service](t, catalogue.Admin().Post(t, "/v1/services", object{"id": "all", "name": "All"}).Want(t, 201))
	if none.Team != "" {
		t.Errorf("an administrator's service without a team has the team %q", none.Team)
	}
}

func TestAnIdempotentCreationIsAnsweredAgain(t *testing.T) {
	catalogue, _ := start(t)
	provider := catalogue.Provider("pets").Idempotent("k1")
	first := provider.Post(t, "/v1/services", petstore("pets")).Want(t, 201)
	again := provider.Post(t, "/v1/services", petstore("pets")).Want(t, 201)
	if string(first.Body) != string(again.Body) || again.Header.Get("Idempotency-Replayed") != "true" || again.ETag() != first.ETag() {
		t.Errorf("the second answer is %s %v", again.Body, again.Header)
	}
	provider.Post(t, "/v1/services", petstore("other")).Refused(t, 422, "idempotency_mismatch")
}

func TestARouteBelongsToOneService(t *testing.T) {
	catalogue, _ := start(t)
	provider, other := catalogue.Provider("pets"), catalogue.Provider("other")
	provider.Post(t, "/v1/services", petstore("pets")).Want(t, 201)
	same := petstore("other")
	same["routes"] = []object{{"path_prefix": "/pets/"}}
	other.Post(t, "/v1/services", same).Refused(t, 409, "route_taken")
	same["routes"] = []object{{"path_prefix": "/pets/cats"}}
	other.Post(t, "/v1/services", same).Want(t, 201)
	other.Patch(t, "/v1/services/other", object{"routes": []object{{"path_prefix": "/pets"}}}).Refused(t, 409, "route_taken")

	provider.Patch(t, "/v1/services/pets", object{"routes": []object{{"path_prefix": "/dogs"}}}).Want(t, 200)
	other.Patch(t, "/v1/services/other", object{"routes": []object{{"path_prefix": "/pets"}}}).Want(t, 200)
	provider.Patch(t, "/v1/services/pets", object{"routes": []object{{"path_prefix": "/pets"}}}).Refused(t, 409, "route_taken")
	other.Post(t, "/v1/services/other/retire", nil).Want(t, 200)
	provider.Patch(t, "/v1/services/pets", object{"routes": []object{{"path_prefix": "/pets"}}}).Want(t, 200)
}

func TestAPatchMerges(t *testing.T) {
	catalogue, _ := start(t)
	provider := catalogue.Provider("pets")
	body := petstore("pets")
	body["description"], body["staleness"] = "Pets", object{"mode": "fail-closed", "seconds": 5}
	provider.Post(t, "/v1/services", body).Want(t, 201)
	got := httpapitest.Read[api.Service](t, provider.Patch(t, "/v1/services/pets", object{
		"description": nil, "staleness": object{"seconds": 7}, "approval": object{"mode": "auto"}, "accepts": []string{"basic"}, "timeout_seconds": 5,
	}).Want(t, 200))
	if got.Description != "" || got.Staleness != (api.Staleness{Mode: "fail-closed", Seconds: 7}) || got.Approval.Mode != "auto" ||
		len(got.Accepts) != 1 || got.TimeoutSeconds != 5 || got.Name != "Pet store" || got.Version != 2 {
		t.Errorf("the service is %+v", got)
	}
	got = httpapitest.Read[api.Service](t, provider.Patch(t, "/v1/services/pets", object{
		"staleness": nil, "approval": nil, "accepts": nil, "timeout_seconds": nil, "plans": nil, "tags": nil, "routes": nil,
	}).Want(t, 200))
	if got.Staleness != (api.Staleness{Mode: "serve-stale", Seconds: 60}) || got.Approval.Mode != "manual" || len(got.Accepts) != 5 ||
		got.TimeoutSeconds != 30 || len(got.Plans) != 1 || len(got.Tags) != 0 || len(got.Routes) != 0 {
		t.Errorf("the service is %+v", got)
	}
	same := provider.Patch(t, "/v1/services/pets", object{"id": "pets", "name": "Pet store"}).Want(t, 200)
	if same.ETag() != `"3"` {
		t.Errorf("a patch that changes nothing led to %s", same.ETag())
	}
	provider.Patch(t, "/v1/services/pets", object{"id": "cats"}).Refused(t, 409, "identifier_immutable")
	provider.Patch(t, "/v1/services/pets", object{"name": nil}).Refused(t, 422, "validation_failed")
	provider.Patch(t, "/v1/services/pets", object{"team": "other"}).Refused(t, 422, "validation_failed")
}

func TestAVersionThatIsNotTheCurrentOneIsRefused(t *testing.T) {
	catalogue, _ := start(t)
	provider := catalogue.Provider("pets")
	provider.Post(t, "/v1/services", petstore("pets")).Want(t, 201)
	provider.IfMatch(`"2"`).Patch(t, "/v1/services/pets", object{"name": "A"}).Refused(t, 412, "version_mismatch")
	provider.IfMatch(`"1"`).Patch(t, "/v1/services/pets", object{"name": "A"}).Want(t, 200)
	provider.IfMatch(`"1"`).Post(t, "/v1/services/pets/publish", nil).Refused(t, 412, "version_mismatch")
	if tag := provider.IfMatch(`"2"`).Post(t, "/v1/services/pets/publish", nil).Want(t, 200).ETag(); tag != `"3"` {
		t.Errorf("ETag is %s", tag)
	}
}

func TestAnIncompleteServiceIsNotPublished(t *testing.T) {
	catalogue, _ := start(t)
	provider := catalogue.Provider("pets")
	provider.Post(t, "/v1/services", object{"id": "pets", "name": "Pets", "upstreams": []object{{"url": "http://a"}}}).Want(t, 201)
	if refusal := provider.Post(t, "/v1/services/pets/publish", nil).Refused(t, 409, "service_incomplete"); refusal.CurrentStatus != "draft" {
		t.Errorf("current_status is %q", refusal.CurrentStatus)
	}
	provider.Patch(t, "/v1/services/pets", object{"routes": []object{{"path_prefix": "/pets"}}}).Want(t, 200)
	provider.Post(t, "/v1/services/pets/publish", nil).Want(t, 200)
	provider.Patch(t, "/v1/services/pets", object{"upstreams": []object{}}).Refused(t, 409, "service_incomplete")
}

func TestASunsetIsTold(t *testing.T) {
	catalogue, _ := start(t)
	provider := catalogue.Provider("pets")
	provider.Post(t, "/v1/services", petstore("pets")).Want(t, 201)
	provider.Post(t, "/v1/services/pets/publish", nil).Want(t, 200)
	provider.Post(t, "/v1/services/pets/deprecate", object{}).Refused(t, 422, "validation_failed")
	provider.Post(t, "/v1/services/pets/deprecate", object{"sunset_at": "2020-01-01T00:00:00Z"}).Refused(t, 422, "sunset_in_past")
	sunset := tomorrow()
	got := httpapitest.Read[object](t, provider.Post(t, "/v1/services/pets/deprecate", object{"sunset_at": sunset}).Want(t, 200))
	if got["status"] != "deprecated" || got["sunset_at"] != sunset {
		t.Errorf("the service is %v until %v", got["status"], got["sunset_at"])
	}
	got = httpapitest.Read[object](t, provider.Post(t, "/v1/services/pets/publish", nil).Want(t, 200))
	if got["status"] != "published" || got["sunset_at"] != nil {
		t.Errorf("the service is %v until %v", got["status"], got["sunset_at"])
	}
}

func TestTheHistoryIsTheEvents(t *testing.T) {
	catalogue, _ := start(t)
	provider := catalogue.Provider("pets")
	provider.Post(t, "/v1/services", petstore("pets")).Want(t, 201)
	provider.Post(t, "/v1/services/pets/publish", nil).Want(t, 200)
	provider.Post(t, "/v1/services/pets/retire", nil).Want(t, 200)
	history := httpapitest.Read[struct{ Items []httpapi.Past }](t, catalogue.Auditor().Get(t, "/v1/services/pets/history").Want(t, 200))
	for i, want := range []string{"service.drafted", "service.published", "service.retired"} {
		if past := history.Items[i]; past.Type != want || past.Version != int64(i+1) || past.Actor != "provider@pets" {
			t.Errorf("event %d is %+v", i, past)
		}
	}
	var concerns events.Concerns
	if err := json.Unmarshal(history.Items[2].Data, &concerns); err != nil || concerns.ServiceID != "pets" || concerns.ProviderTeam != "pets" {
		t.Errorf("the event concerns %+v (%v)", concerns, err)
	}
	catalogue.Provider("pets").Get(t, "/v1/services/other/history").Refused(t, 404, "not_found")
}
