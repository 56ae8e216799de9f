package api

import (
	"context"

	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/services/catalog/internal/domain"
)

type updateInput struct {
	ServiceID
	Body servicePatch
}

type servicePatch struct {
	ID             httpapi.Optional[string]          `json:"id,omitzero" nullable:"false" doc:"It never changes: any other value is refused."`
	Name           httpapi.Optional[string]          `json:"name,omitzero" minLength:"1" maxLength:"256" nullable:"false"`
	Description    httpapi.Optional[string]          `json:"description,omitzero" maxLength:"4096"`
	Kind           httpapi.Optional[string]          `json:"kind,omitzero" enum:"rest,ai,mcp"`
	Tags           httpapi.Optional[[]string]        `json:"tags,omitzero" maxItems:"32" uniqueItems:"true"`
	Category       httpapi.Optional[string]          `json:"category,omitzero" maxLength:"64"`
	Visibility     httpapi.Optional[string]          `json:"visibility,omitzero" enum:"public,team"`
	Routes         httpapi.Optional[[]RouteInput]    `json:"routes,omitzero" maxItems:"64"`
	Upstreams      httpapi.Optional[[]UpstreamInput] `json:"upstreams,omitzero" maxItems:"64"`
	Accepts        httpapi.Optional[[]string]        `json:"accepts,omitzero" enum:"api_key,basic,jwt,hmac,oauth2" minItems:"1" uniqueItems:"true"`
	Approval       httpapi.Optional[ApprovalInput]   `json:"approval,omitzero"`
	Plans          httpapi.Optional[[]PlanInput]     `json:"plans,omitzero" minItems:"1" maxItems:"32"`
	Staleness      httpapi.Optional[StalenessInput]  `json:"staleness,omitzero"`
	TimeoutSeconds httpapi.Optional[int]             `json:"timeout_seconds,omitzero" minimum:"1" maximum:"600"`
	Documentation  httpapi.Optional[string]          `json:"documentation,omitzero" maxLength:"65536"`
}

func (a *API) update(ctx context.Context, in *updateInput) (*httpapi.Object[Service], error) {
	if _, err := a.find(ctx, in.ID, httpapi.Write); err != nil {
		return nil, err
	}
	if in.Body.ID.Set && in.Body.ID.Value != in.ID {
		return nil, httpapi.ErrIdentifierImmutable.At("body.id")
	}
	return a.command(ctx, in.ID, domain.Update{Change: in.Body.apply})
}

// apply answers the definition after the patch. What was removed is zero: the
// domain gives it its default.
func (p servicePatch) apply(d domain.Definition) domain.Definition {
	merge(&d.Name, p.Name)
	merge(&d.Description, p.Description)
	merge(&d.Kind, p.Kind)
	merge(&d.Tags, p.Tags)
	merge(&d.Category, p.Category)
	merge(&d.Visibility, p.Visibility)
	merge(&d.Accepts, p.Accepts)
	merge(&d.TimeoutSeconds, p.TimeoutSeconds)
	merge(&d.Documentation, p.Documentation)
	if p.Routes.Set {
		d.Routes = routesFrom(p.Routes.Value)
	}
	if p.Upstreams.Set {
		d.Upstreams = upstreamsFrom(p.Upstreams.Value)
	}
	if p.Plans.Set {
		d.Plans = plansFrom(p.Plans.Value)
	}
	approval, staleness := ApprovalInput(d.Approval), StalenessInput(d.Staleness)
	merge(&approval, p.Approval)
	merge(&staleness, p.Staleness)
	d.Approval, d.Staleness = approvalFrom(approval), stalenessFrom(staleness)
	return d
}

func merge[T any](field *T, patch httpapi.Optional[T]) {
	if merged, err := patch.Apply(*field); err == nil { // it has passed validation
		*field = merged
	}
}

func approvalFrom(in ApprovalInput) catalog.Approval    { return catalog.Approval(in) }
func stalenessFrom(in StalenessInput) catalog.Staleness { return catalog.Staleness(in) }
