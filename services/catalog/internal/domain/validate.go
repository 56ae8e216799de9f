package domain

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tidegate-io/tidegate/events/catalog"
)

// Bounds of what a definition may hold. Lengths are in characters but for the
// documentation, which is in bytes.
const (
	MaxName          = 256
	MaxDescription   = 4096
	MaxTags          = 32
	MaxTag           = 64
	MaxCategory      = 64
	MaxRoutes        = 64
	MaxUpstreams     = 64
	MaxPlans         = 32
	MaxWeight        = 1_000_000
	MaxTimeout       = 600
	MaxStaleness     = 86_400
	MaxDocumentation = 64 << 10
	maxURL           = 2048
)

var (
	idPattern   = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
	planPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)
)

// normal answers the definition in the one form in which it is kept, or what
// is wrong with it.
func (d Definition) normal() (Definition, error) {
	d = d.withDefaults()
	for _, err := range []error{
		text("body.name", d.Name, 1, MaxName),
		text("body.description", d.Description, 0, MaxDescription),
		text("body.category", d.Category, 0, MaxCategory),
		oneOf("body.kind", d.Kind, Kinds...),
		oneOf("body.visibility", d.Visibility, VisibleToAll, VisibleToTeam),
		list("body.tags", d.Tags, 0, MaxTags),
		list("body.accepts", d.Accepts, 1, len(CredentialTypes)),
		approval("body.approval", d.Approval),
		plans(d.Plans),
		oneOf("body.staleness.mode", d.Staleness.Mode, ServeStale, FailClosed),
		within("body.staleness.seconds", d.Staleness.Seconds, 1, MaxStaleness),
		within("body.timeout_seconds", d.TimeoutSeconds, 1, MaxTimeout),
		upstreams(d.Upstreams),
	} {
		if err != nil {
			return Definition{}, err
		}
	}
	for i, tag := range d.Tags {
		if err := text(fmt.Sprintf("body.tags[%d]", i), tag, 1, MaxTag); err != nil {
			return Definition{}, err
		}
	}
	for i, accepted := range d.Accepts {
		if err := oneOf(fmt.Sprintf("body.accepts[%d]", i), accepted, CredentialTypes...); err != nil {
			return Definition{}, err
		}
	}
	if len(d.Documentation) > MaxDocumentation || !utf8.ValidString(d.Documentation) {
		return Definition{}, ErrInvalid.At("body.documentation").Saying("The documentation is at most %d bytes of UTF-8.", MaxDocumentation)
	}
	routes, err := canonicalRoutes(d.Routes)
	if err != nil {
		return Definition{}, err
	}
	d.Routes = routes
	return d, nil
}

func approval(at string, a catalog.Approval) error {
	if a.Mode == ApprovalPolicy {
		return ErrNoPolicies.At(at + ".mode")
	}
	if err := oneOf(at+".mode", a.Mode, ApprovalManual, ApprovalAuto); err != nil {
		return err
	}
	if a.Expression != "" {
		return ErrInvalid.At(at + ".expression").Saying("An expression belongs to the mode policy.")
	}
	return nil
}

func plans(all []catalog.Plan) error {
	if len(all) < 1 || len(all) > MaxPlans {
		return ErrInvalid.At("body.plans").Saying("A service has 1 to %d plans.", MaxPlans)
	}
	seen := map[string]bool{}
	for i, p := range all {
		at := fmt.Sprintf("body.plans[%d]", i)
		if !planPattern.MatchString(p.ID) {
			return ErrInvalid.At(at+".id").Saying("A plan id matches %s.", planPattern)
		}
		if seen[p.ID] {
			return ErrPlanTwice.At(at + ".id")
		}
		seen[p.ID] = true
		if err := text(at+".name", p.Name, 0, MaxName); err != nil {
			return err
		}
		if err := text(at+".description", p.Description, 0, MaxDescription); err != nil {
			return err
		}
		if p.Rate != nil && (p.Rate.Requests < 1 || p.Rate.PerSeconds < 1) {
			return ErrInvalid.At(at + ".rate").Saying("A rate admits at least one request in at least one second.")
		}
		if p.Quota != nil && (p.Quota.Requests < 1 || p.Quota.Per != "day" && p.Quota.Per != "month") {
			return ErrInvalid.At(at + ".quota").Saying("A quota admits at least one request per day or month.")
		}
		if p.Approval != nil {
			if err := approval(at+".approval", *p.Approval); err != nil {
				return err
			}
		}
	}
	return nil
}

func upstreams(all []catalog.Upstream) error {
	if len(all) > MaxUpstreams {
		return ErrInvalid.At("body.upstreams").Saying("A service has at most %d upstreams.", MaxUpstreams)
	}
	for i, u := range all {
		at := fmt.Sprintf("body.upstreams[%d]", i)
		address, err := url.Parse(u.URL)
		switch {
		case err != nil, len(u.URL) > maxURL, address.Scheme != "http" && address.Scheme != "https", address.Hostname() == "",
			address.Opaque != "", address.User != nil, address.RawQuery != "", address.ForceQuery, strings.Contains(u.URL, "#"):
			return ErrInvalidURL.At(at + ".url")
		}
		if err := within(at+".weight", u.Weight, 1, MaxWeight); err != nil {
			return err
		}
	}
	return nil
}

func text(at, value string, least, most int) error {
	if n := utf8.RuneCountInString(value); n < least || n > most || !utf8.ValidString(value) {
		return ErrInvalid.At(at).Saying("The text is %d to %d characters of UTF-8.", least, most)
	}
	if strings.ContainsFunc(value, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }) {
		return ErrInvalid.At(at).Saying("The text holds no control characters.")
	}
	return nil
}

func oneOf(at, value string, allowed ...string) error {
	if !slices.Contains(allowed, value) {
		return ErrInvalid.At(at).Saying("The value is one of: %s.", strings.Join(allowed, ", "))
	}
	return nil
}

func within(at string, value, least, most int) error {
	if value < least || value > most {
		return ErrInvalid.At(at).Saying("The value is %d to %d.", least, most)
	}
	return nil
}

// list checks how many values there are, and that none is there twice.
func list(at string, values []string, least, most int) error {
	if len(values) < least || len(values) > most {
		return ErrInvalid.At(at).Saying("There are %d to %d values.", least, most)
	}
	for i, v := range values {
		if slices.Contains(values[:i], v) {
			return ErrInvalid.At(fmt.Sprintf("%s[%d]", at, i)).Saying("The value is there twice.")
		}
	}
	return nil
}
