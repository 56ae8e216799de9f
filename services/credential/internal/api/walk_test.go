package api_test

import (
	"testing"

	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
)

func TestEveryOperationRefusesBadInput(t *testing.T) {
	s := start(t)
	one := s.issue(t, `{"name":"one","type":"api_key"}`).path()
	document, err := s.Server.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	reason := map[string]any{"reason": "because"}
	httpapitest.Walk{
		Document: document, Client: s.Admin(), Stranger: s.Developer("other"),
		Examples: map[string]httpapitest.Example{
			"issue-credential":          {Path: "/v1/consumers/acme/credentials"},
			"list-consumer-credentials": {Path: "/v1/consumers/acme/credentials"},
			"list-credentials":          {Path: "/v1/credentials"},
			"get-credential":            {Path: one},
			"get-credential-inventory":  {Path: "/v1/credentials/inventory"},
			"update-credential":         {Path: one},
			"rotate-credential":         {Path: one + "/rotate"},
			"suspend-credential":        {Path: one + "/suspend", Body: reason},
			"resume-credential":         {Path: one + "/resume", Body: reason},
			"revoke-credential":         {Path: one + "/revoke", Body: reason},
			"delete-credential":         {Path: one},
			"list-credential-history":   {Path: one + "/history"},
			"list-signing-keys":         {Path: "/v1/signing-keys", Foreign: 403},
			"rotate-signing-keys":       {Path: "/v1/signing-keys/rotate", Foreign: 403},
		},
	}.Run(t)
}
