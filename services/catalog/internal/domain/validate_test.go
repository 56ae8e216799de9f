package domain_test

import (
	"strings"
	"testing"

	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/libs/es/estest"
	"github.com/tidegate-io/tidegate/services/catalog/internal/domain"
)

func TestBadDefinitionsAreRefused(t *testing.T) {
	for name, row := range map[string]struct {
		spoil func(*domain.Definition)
		err   error
	}{
		"a name is asked for":                 {func(d *domain.Definition) { d.Name = "" }, domain.ErrValue},
		"a name is not endless":               {func(d *domain.Definition) { d.Name = strings.Repeat("n", 257) }, domain.ErrValue},
		"a name has no control characters":    {func(d *domain.Definition) { d.Name = "a\x00" }, domain.ErrValue},
		"a name is UTF-8":                     {func(d *domain.Definition) { d.Name = "\xff" }, domain.ErrValue},
		"a kind is known":                     {func(d *domain.Definition) { d.Kind = "soap" }, domain.ErrValue},
		"a visibility is known":               {func(d *domain.Definition) { d.Visibility = "secret" }, domain.ErrValue},
		"a tag is not empty":                  {func(d *domain.Definition) { d.Tags = []string{""} }, domain.ErrValue},
		"a tag is there once":                 {func(d *domain.Definition) { d.Tags = []string{"a", "a"} }, domain.ErrValue},
		"a type is accepted":                  {func(d *domain.Definition) { d.Accepts = []string{} }, domain.ErrValue},
		"an accepted type is known":           {func(d *domain.Definition) { d.Accepts = []string{"password"} }, domain.ErrValue},
		"approval is known":                   {func(d *domain.Definition) { d.Approval.Mode = "maybe" }, domain.ErrValue},
		"approval by policy has to wait":      {func(d *domain.Definition) { d.Approval.Mode = "policy" }, domain.ErrPolicy},
		"an expression belongs to a policy":   {func(d *domain.Definition) { d.Approval.Expression = "true" }, domain.ErrValue},
		"a service has a plan":                {func(d *domain.Definition) { d.Plans = []catalog.Plan{} }, domain.ErrValue},
		"a plan id has its form":              {func(d *domain.Definition) { d.Plans[0].ID = "Gold!" }, domain.ErrValue},
		"a plan is there once":                {func(d *domain.Definition) { d.Plans = append(d.Plans, d.Plans[0]) }, domain.ErrPlanTwice},
		"a rate admits something":             {func(d *domain.Definition) { d.Plans[0].Rate = &consumer.Rate{PerSeconds: 1} }, domain.ErrValue},
		"a quota has a known span":            {func(d *domain.Definition) { d.Plans[0].Quota = &consumer.Quota{Requests: 1, Per: "year"} }, domain.ErrValue},
		"a plan's approval is judged too":     {func(d *domain.Definition) { d.Plans[0].Approval = &catalog.Approval{Mode: "policy"} }, domain.ErrPolicy},
		"staleness has a known mode":          {func(d *domain.Definition) { d.Staleness.Mode = "open" }, domain.ErrValue},
		"staleness has a bound":               {func(d *domain.Definition) { d.Staleness.Seconds = -1 }, domain.ErrValue},
		"a call takes time":                   {func(d *domain.Definition) { d.TimeoutSeconds = -1 }, domain.ErrValue},
		"a call does not take for ever":       {func(d *domain.Definition) { d.TimeoutSeconds = 601 }, domain.ErrValue},
		"documentation is not endless":        {func(d *domain.Definition) { d.Documentation = strings.Repeat("d", 64<<10+1) }, domain.ErrValue},
		"a host has no port":                  {func(d *domain.Definition) { d.Routes[0].Host = "a.example:80" }, domain.ErrRoute},
		"a host is no wildcard":               {func(d *domain.Definition) { d.Routes[0].Host = "*.example" }, domain.ErrRoute},
		"a method is a token":                 {func(d *domain.Definition) { d.Routes[0].Methods = []string{"GET POST"} }, domain.ErrRoute},
		"an upstream is absolute":             {func(d *domain.Definition) { d.Upstreams[0].URL = "/a" }, domain.ErrUpstream},
		"an upstream has a host":              {func(d *domain.Definition) { d.Upstreams[0].URL = "http:///a" }, domain.ErrUpstream},
		"an upstream is http":                 {func(d *domain.Definition) { d.Upstreams[0].URL = "ftp://a" }, domain.ErrUpstream},
		"an upstream has no user":             {func(d *domain.Definition) { d.Upstreams[0].URL = "http://u:p@a" }, domain.ErrUpstream},
		"an upstream has no query":            {func(d *domain.Definition) { d.Upstreams[0].URL = "http://a?" }, domain.ErrUpstream},
		"an upstream has no fragment":         {func(d *domain.Definition) { d.Upstreams[0].URL = "http://a#" }, domain.ErrUpstream},
		"an upstream has a weight":            {func(d *domain.Definition) { d.Upstreams[0].Weight = -1 }, domain.ErrValue},
		"there are not too many upstreams":    {func(d *domain.Definition) { d.Upstreams = make([]catalog.Upstream, 65) }, domain.ErrValue},
		"there are not too many routes":       {func(d *domain.Definition) { d.Routes = make([]catalog.Route, 65) }, domain.ErrValue},
		"there are not too many plans":        {func(d *domain.Definition) { d.Plans = make([]catalog.Plan, 33) }, domain.ErrValue},
		"a plan's name is not endless":        {func(d *domain.Definition) { d.Plans[0].Name = strings.Repeat("n", 257) }, domain.ErrValue},
		"a plan's description is not endless": {func(d *domain.Definition) { d.Plans[0].Description = strings.Repeat("n", 4097) }, domain.ErrValue},
	} {
		t.Run(name, func(t *testing.T) {
			d := petstore()
			row.spoil(&d)
			estest.For(t, domain.Decider).Given().When(create(d)).Refused(row.err)
		})
	}
}
