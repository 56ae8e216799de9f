package httpapi_test

import (
	"testing"

	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
)

func TestEveryOperationRefusesBadInputAndChangesNothing(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	api := s.serve(t)
	api.Developer("red").Post(t, "/v1/notes", `{"id":"first","title":"Buy milk","team":"red"}`).Want(t, 201)
	document, err := api.Server.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	httpapitest.Walk{
		Document: document, Client: api.Developer("red"), Stranger: api.Developer("blue"),
		Examples: map[string]httpapitest.Example{
			"write-note":        {Path: "/v1/notes", Body: map[string]any{"id": "second", "title": "b", "team": "red", "tags": []string{"a"}, "weight": 1}, Foreign: 403},
			"list-notes":        {Path: "/v1/notes"},
			"get-note":          {Path: "/v1/notes/first"},
			"change-note":       {Path: "/v1/notes/first"},
			"close-note":        {Path: "/v1/notes/first/close", Body: map[string]any{"reason": "done"}},
			"delete-note":       {Path: "/v1/notes/first"},
			"list-note-history": {Path: "/v1/notes/first/history"},
			"oddfail":           {Path: "/v1/fail"},
			"oddpanic":          {Path: "/v1/panic"},
			"odddown":           {Path: "/v1/down"},
			"oddcount":          {Path: "/v1/count"},
			"oddpatient":        {Path: "/v1/patient"},
			"oddforgetful":      {Path: "/v1/forgetful"},
			"oddkeep":           {Path: "/v1/keep"},
		},
	}.Run(t)
}
