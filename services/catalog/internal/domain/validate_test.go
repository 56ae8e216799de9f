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
		"a name is asked for":                 {func(d *domain.Definition) { d.Name = "" }, domain.ErrInvalid},
		"a name is not endless":               {func(d *domain.Definition) { d.Name = strings.Repeat("n", 257) }, domain.ErrInvalid},
		"a name has no control characters":    {func(d *domain.Definition) { d.Name = "a\x00" }, domain.ErrInvalid},
		"a name is UTF-8":                     {func(d *domain.Definition) { d.Name = "\xff" }, domain.ErrInvalid},
		"a kind is known":                     {func(d *domain.Definition) { d.Kind = "soap" }, domain.ErrInvalid},
		"a visibility is known":               {func(d *domain.Definition) { d.Visibility = "secret" }, domain.ErrInvalid},
		"a tag is not empty":                  {func(d *domain.Definition) { d.Tags = []string{""} }, domain.ErrInvalid},
		"a tag is there once":                 {func(d *domain.Definition) { d.Tags = []string{"a", "a"} }, domain.ErrInvalid},
		"a type is accepted":                  {func(d *domain.Definition) { d.Accepts = []string{} }, domain.ErrInvalid},
		"an accepted type is known":           {func(d *domain.Definition) { d.Accepts = []string{"password"} }, domain.ErrInvalid},
		"approval is known":                   {func(d *domain.Definition) { d.Approval.Mode = "maybe" }, domain.ErrInvalid},
		"approval by policy has to wait":      {func(d *domain.Definition) { d.Approval.Mode = "policy" }, domain.ErrNoPolicies},
		"an expression belongs to a policy":   {func(d *domain.Definition) { d.Approval.Expression = "true" }, domain.ErrInvalid},
		"a service has a plan":                {func(d *domain.Definition) { d.Plans = []catalog.Plan{} }, domain.ErrInvalid},
		"a plan id has its form":              {func(d *domain.Definition) { d.Plans[0].ID = "Gold!" }, domain.ErrInvalid},
		"a plan is there once":                {func(d *domain.Definition) { d.Plans = append(d.Plans, d.Plans[0]) }, domain.ErrPlanTwice},
		"a rate admits something":             {func(d *domain.Definition) { d.Plans[0].Rate = &consumer.Rate{PerSeconds: 1} }, domain.ErrInvalid},
		"a quota has a known span":            {func(d *domain.Definition) { d.Plans[0].Quota = &consumer.Quota{Requests: 1, Per: "year"} }, domain.ErrInvalid},
		"a plan's approval is judged too":     {func(d *domain.Definition) { d.Plans[0].Approval = &catalog.Approval{Mode: "policy"} }, domain.ErrNoPolicies},
		"staleness has a known mode":          {func(d *domain.Definition) { d.Staleness.Mode = "open" }, domain.ErrInvalid},
		"staleness has a bound":               {func(d *domain.Definition) { d.Staleness.Seconds = -1 }, domain.ErrInvalid},
		"a call takes time":                   {func(d *domain.Definition) { d.TimeoutSeconds = -1 }, domain.ErrInvalid},
		"a call does not take for ever":       {func(d *domain.Definition) { d.TimeoutSeconds = 601 }, domain.ErrInvalid},
		"documentation is not endless":        {func(d *domain.Definition) { d.Documentation = strings.Repeat("d", 64<<10+1) }, domain.ErrInvalid},
		"a host has no port":                  {func(d *domain.Definition) { d.Routes[0].Host = "a.example:80" }, domain.ErrInvalidRoute},
		"a host is no wildcard":               {func(d *domain.Definition) { d.Routes[0].Host = "*.example" }, domain.ErrInvalidRoute},
		"a method is a token":                 {func(d *domain.Definition) { d.Routes[0].Methods = []string{"GET POST"} }, domain.ErrInvalidRoute},
		"an upstream is absolute":             {func(d *domain.Definition) { d.Upstreams[0].URL = "/a" }, domain.ErrInvalidURL},
		"an upstream has a host":              {func(d *domain.Definition) { d.Upstreams[0].URL = "http:///a" }, domain.ErrInvalidURL},
		"an upstream is http":                 {func(d *domain.Definition) { d.Upstreams[0].URL = "ftp://a" }, domain.ErrInvalidURL},
		"an upstream has no user":             {func(d *domain.Definition) { d.Upstreams[0].URL = "http://u:p@a" }, domain.ErrInvalidURL},
		"an upstream has no query":            {func(d *domain.Definition) { d.Upstreams[0].URL = "http://a?" }, domain.ErrInvalidURL},
		"an upstream has no fragment":         {func(d *domain.Definition) { d.Upstreams[0].URL = "http://a#" }, domain.ErrInvalidURL},
		"an upstream has a weight":            {func(d *domain.Definition) { d.Upstreams[0].Weight = -1 }, domain.ErrInvalid},
		"there are not too many upstreams":    {func(d *domain.Definition) { d.Upstreams = make([]catalog.Upstream, 65) }, domain.ErrInvalid},
		"there are not too many routes":       {func(d *domain.Definition) { d.Routes = make([]catalog.Route, 65) }, domain.ErrInvalid},
		"there are not too many plans":        {func(d *domain.Definition) { d.Plans = make([]catalog.Plan, 33) }, domain.ErrInvalid},
		"a plan's name is not endless":        {func(d *domain.Definition) { d.Plans[0].Name = strings.Repeat("n", 257) }, domain.ErrInvalid},
		"a plan's description is not endless": {func(d *domain.Definition) { d.Plans[0].Description = strings.Repeat("n", 4097) }, domain.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			d := petstore()
			row.spoil(&d)
			estest.For(t, domain.Decider).Given().When(create(d)).Refused(row.err)
		})
	}
}
