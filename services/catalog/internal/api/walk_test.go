package api_test

import (
	"strings"
	"testing"

	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
)

func TestEveryOperationRefusesBadInput(t *testing.T) {
	catalogue, _ := start(t)
	catalogue.Provider("pets").Post(t, "/v1/services", petstore("pets")).Want(t, 201)
	document, err := catalogue.Server.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	httpapitest.Walk{
		Document: document, Client: catalogue.Provider("pets"), Stranger: catalogue.Provider("other"),
		Examples: map[string]httpapitest.Example{
			"create-service":       {Path: "/v1/services", Body: petstore("new")},
			"list-services":        {Path: "/v1/services"},
			"get-service":          {Path: "/v1/services/pets"},
			"update-service":       {Path: "/v1/services/pets", Body: object{"name": "x", "staleness": object{"seconds": 5}}},
			"publish-service":      {Path: "/v1/services/pets/publish"},
			"unpublish-service":    {Path: "/v1/services/pets/unpublish"},
			"deprecate-service":    {Path: "/v1/services/pets/deprecate", Body: object{"sunset_at": tomorrow()}},
			"retire-service":       {Path: "/v1/services/pets/retire"},
			"list-service-history": {Path: "/v1/services/pets/history"},
		},
	}.Run(t)
}

func TestWhatNoEventHoldsIsRefused(t *testing.T) {
	catalogue, _ := start(t)
	body := petstore("pets")
	body["documentation"] = strings.Repeat("<", 64<<10) // six bytes each, once it is escaped
	catalogue.Provider("pets").Post(t, "/v1/services", body).Refused(t, 422, "too_large")
	catalogue.Provider("pets").Get(t, "/v1/services/pets").Refused(t, 404, "not_found")
}
