package api_test

import (
	"testing"

	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
	"github.com/tidegate-io/tidegate/services/subscription/internal/domain"
)

func TestEveryOperationRefusesBadInput(t *testing.T) {
	s := start(t)
	s.service("petstore", nil)
	s.consumer("shop")
	pending, active := "/v1/subscriptions/"+s.subscription(t, "petstore", domain.Pending), "/v1/subscriptions/"+s.subscription(t, "petstore", domain.Active)
	document, err := s.Server.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	reason, end := object{"reason": "because"}, object{"expires_at": s.clock().Add(day)}
	httpapitest.Walk{
		Document: document, Client: s.Admin(), Stranger: s.Developer("other"),
		Examples: map[string]httpapitest.Example{
			"create-subscription":             {Path: "/v1/subscriptions", Body: object{"consumer_id": "shop", "service_id": "petstore"}},
			"list-subscriptions":              {Path: "/v1/subscriptions"},
			"get-subscription":                {Path: active},
			"list-subscription-history":       {Path: active + "/history"},
			"withdraw-subscription":           {Path: pending + "/withdraw"},
			"approve-subscription":            {Path: pending + "/approve", Body: end},
			"reject-subscription":             {Path: pending + "/reject", Body: reason},
			"suspend-subscription":            {Path: active + "/suspend", Body: reason},
			"resume-subscription":             {Path: active + "/resume"},
			"revoke-subscription":             {Path: active + "/revoke", Body: reason},
			"cancel-subscription":             {Path: active + "/cancel"},
			"renew-subscription":              {Path: active + "/renew", Body: end},
			"assign-subscription-credentials": {Path: active + "/credentials", Body: object{"credential_ids": []string{}}},
			"list-approvals":                  {Path: "/v1/approvals"},
		},
	}.Run(t)
}
