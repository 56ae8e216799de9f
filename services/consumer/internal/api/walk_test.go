package api_test

import (
	"testing"

	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
)

func TestEveryOperationRefusesBadInput(t *testing.T) {
	s := start(t)
	s.Developer("payments").Post(t, "/v1/consumers", acme).Want(t, 201)
	document, err := s.Server.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	reason := map[string]any{"reason": "because"}
	httpapitest.Walk{
		Document: document, Client: s.Developer("payments"), Stranger: s.Developer("other"),
		Examples: map[string]httpapitest.Example{
			"register-consumer":     {Path: "/v1/consumers"},
			"list-consumers":        {Path: "/v1/consumers"},
			"get-consumer":          {Path: "/v1/consumers/acme"},
			"update-consumer":       {Path: "/v1/consumers/acme", Body: map[string]any{"name": "x", "labels": map[string]any{"a": "b"}}},
			"suspend-consumer":      {Path: "/v1/consumers/acme/suspend", Body: reason},
			"resume-consumer":       {Path: "/v1/consumers/acme/resume", Body: reason},
			"delete-consumer":       {Path: "/v1/consumers/acme"},
			"list-consumer-history": {Path: "/v1/consumers/acme/history"},
		},
	}.Run(t)
}
