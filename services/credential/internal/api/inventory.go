package api

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
	"github.com/tidegate-io/tidegate/services/credential/internal/views"
)

// Inventory is how many credentials there are of which the caller may read each.
// What is counted by status and type is read off the index; for what was used
// each credential that the caller may read is looked at, and no other, which is
// why what took long is counted again only after a while.
type Inventory struct {
	Total    int64            `json:"total" doc:"All but revoked ones, as the rest but by_status."`
	ByStatus map[string]int64 `json:"by_status" doc:"Revoked ones, too."`
	ByType   map[string]int64 `json:"by_type"`
	Expiring int64            `json:"expiring_within_30_days" doc:"As the list with expiring_within_days=30."`
	Never    int64            `json:"never_used" doc:"As the list with used=never."`
	Unused   int64            `json:"unused_for_90_days" doc:"Used once, and not for 90 days: as the list with used=ever and unused_since 90 days ago."`
}

// The inventory's spans, in days.
const (
	expiringDays = 30
	unusedDays   = 90
)

type inventoryInput struct{}

type inventoryOutput struct{ Body Inventory }

func (a *API) registerInventory(s *httpapi.Server) {
	httpapi.Register(s, httpapi.Operation{
		ID: "get-credential-inventory", Method: http.MethodGet, Path: "/v1/credentials/inventory",
		Summary: "Count the credentials that the caller may read",
		Description: "By status and type, those that will expire, and those that nobody uses. Uses are known within 10 s; where counting them " +
			"takes long, among many thousands of credentials, never_used and unused_for_90_days may be a minute old.",
		Answer: Inventory{
			Total: 12, ByStatus: map[string]int64{"active": 10, "suspended": 1, "expired": 1, "revoked": 3},
			ByType: map[string]int64{"api_key": 9, "basic": 3}, Expiring: 2, Never: 4, Unused: 1,
		},
	}, a.inventory)
}

func (a *API) inventory(ctx context.Context, _ *inventoryInput) (*inventoryOutput, error) {
	now, found := a.clock(), Inventory{ByStatus: map[string]int64{}, ByType: map[string]int64{}}
	scope := httpapi.Visible(ctx, httpapi.Credential)
	all, err := a.standings(ctx, scope)
	if err != nil {
		return nil, err
	}
	for standing, n := range all {
		_, authType, status := views.Stands(standing)
		found.ByStatus[string(status)] += n
		if status != domain.Revoked {
			found.ByType[authType] += n
			found.Total += n
		}
	}
	used, lately, err := a.uses.count(fmt.Sprint(scope), func() (used, lately int64, err error) {
		if used, err = a.unrevokedUsed(ctx, scope, ""); err == nil {
			lately, err = a.unrevokedUsed(ctx, scope, views.Moment(now.Add(-days(unusedDays))))
		}
		return used, lately, err
	})
	if err != nil {
		return nil, err
	}
	found.Never, found.Unused = max(0, found.Total-used), max(0, used-lately)
	expiring, err := a.store.Tally(ctx, es.Tally{
		View: views.Credentials.Name, Field: views.ExpiresAt, Total: true,
		From: views.Moment(now), Below: views.Moment(now.Add(days(expiringDays))),
		Where: append(scope.Term(views.Readers), es.Term{Field: views.Status, Values: unrevoked}),
	})
	found.Expiring = expiring[""]
	return &inventoryOutput{Body: found}, err
}

// useCounts keep counts of what was used that took long, by who asked.
type useCounts struct {
	mu   sync.Mutex
	kept map[string]useCount
}

type useCount struct {
	used, lately int64
	until        time.Time
}

// What took longer than slowCount is kept for keepTimes as long, a minute at
// most: counting takes a twentieth of a processor, however often it is asked for.
const (
	slowCount = 200 * time.Millisecond
	keepTimes = 20
	keepMost  = time.Minute
)

// count answers what was kept, or counts; one who asks at a time.
func (u *useCounts) count(who string, count func() (used, lately int64, err error)) (used, lately int64, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	began := time.Now()
	maps.DeleteFunc(u.kept, func(_ string, c useCount) bool { return !began.Before(c.until) })
	if c, kept := u.kept[who]; kept {
		return c.used, c.lately, nil
	}
	if used, lately, err = count(); err != nil {
		return 0, 0, err
	}
	if took := time.Since(began); took > slowCount {
		if u.kept == nil {
			u.kept = map[string]useCount{}
		}
		u.kept[who] = useCount{used, lately, time.Now().Add(min(keepTimes*took, keepMost))}
	}
	return used, lately, nil
}

// unrevokedUsed counts credentials that were used at a moment or later.
func (a *API) unrevokedUsed(ctx context.Context, scope httpapi.Scope, moment string) (total int64, err error) {
	if scope.All { // in the order in which they were issued, as documents and facts lie
		used, err := a.store.Tally(ctx, es.Tally{View: views.Credentials.Name, Field: views.Status, Where: []es.Term{usedSince(moment, false)}})
		delete(used, string(domain.Revoked))
		for _, n := range used {
			total += n
		}
		return total, err
	}
	used, err := a.standings(ctx, scope, usedSince(moment, false))
	for standing, n := range used {
		if _, _, status := views.Stands(standing); status != domain.Revoked {
			total += n
		}
	}
	return total, err
}

// standings counts what a caller may read by team, type and status. It looks at
// no others.
func (a *API) standings(ctx context.Context, scope httpapi.Scope, where ...es.Term) (map[string]int64, error) {
	tally := es.Tally{View: views.Credentials.Name, Field: views.Standing, Where: where}
	if scope.All {
		return a.store.Tally(ctx, tally)
	}
	found := map[string]int64{}
	teams := slices.Clone(scope.Teams)
	slices.Sort(teams)
	for _, team := range slices.Compact(teams) {
		if team == "" {
			continue // what no team has, no team reads
		}
		tally.From, tally.Below = views.StandingOf(team), views.EndOfStanding(team)
		of, err := a.store.Tally(ctx, tally)
		if err != nil {
			return nil, err
		}
		for standing, n := range of {
			if owner, _, _ := views.Stands(standing); owner == team {
				found[standing] = n
			}
		}
	}
	return found, nil
}

// showUses tells of credentials how often they were used.
func showUses(ctx context.Context, r es.Reader, shown []Credential) error {
	ids := make([]string, len(shown))
	for i, c := range shown {
		ids[i] = c.ID
	}
	known, err := r.Facts(ctx, views.UsageKind, ids)
	if err != nil {
		return err
	}
	for i := range shown {
		fact, used := known[shown[i].ID]
		if !used {
			continue
		}
		var u views.Usage
		if err := json.Unmarshal(fact.Body, &u); err != nil {
			return fmt.Errorf("read the uses of %s: %w", strconv.Quote(shown[i].ID), err)
		}
		last := u.Last.UTC()
		shown[i].UseCount, shown[i].LastUsedAt = u.Count, &last
	}
	return nil
}

var exampleUsed = time.Date(2026, 11, 22, 8, 30, 0, 0, time.UTC)
