package api

import (
	"time"

	"github.com/tidegate-io/tidegate/events/catalog"
)

var (
	exampleTime   = time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC)
	exampleSunset = time.Date(2027, 6, 30, 0, 0, 0, 0, time.UTC)
	exampleInput  = serviceInput{
		ID: "petstore", Name: "Pet store", Description: "Pets and their owners", Tags: []string{"pets"},
		Routes:    []RouteInput{{PathPrefix: "/petstore", StripPrefix: new(true)}},
		Upstreams: []UpstreamInput{{URL: "http://127.0.0.1:9000", Weight: 1}},
		Plans:     []PlanInput{{ID: "default", Rate: &Rate{Requests: 100, PerSeconds: 60}}},
	}
)

func exampleService() Service {
	return Service{
		ID: "petstore", Name: "Pet store", Description: "Pets and their owners", Kind: "rest", Team: "pets", Tags: []string{"pets"},
		Category: "", Visibility: "public", Status: "published",
		Routes:    []catalog.Route{{PathPrefix: "/petstore", Methods: []string{}, StripPrefix: true}},
		Upstreams: []catalog.Upstream{{URL: "http://127.0.0.1:9000", Weight: 1}},
		Accepts:   []string{"api_key", "basic", "jwt", "hmac", "oauth2"},
		Approval:  Approval{Mode: "manual"},
		Plans:     []Plan{{ID: "default", Rate: &Rate{Requests: 100, PerSeconds: 60}}},
		Staleness: Staleness{Mode: "serve-stale", Seconds: 60}, TimeoutSeconds: 30,
		Version: 2, CreatedAt: exampleTime, UpdatedAt: exampleTime,
	}
}
