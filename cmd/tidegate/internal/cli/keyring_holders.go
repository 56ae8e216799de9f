package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/up"
	"github.com/tidegate-io/tidegate/libs/httpapi"
)

// ringServices are those that keep something under the key ring, by name.
func ringServices() []string {
	var names []string
	for _, service := range up.Services() {
		if service.Resealer != nil {
			names = append(names, service.Name)
		}
	}
	return names
}

// fetch calls the API and reads its answer into a type.
func fetch[T any](ctx context.Context, c *client, method, path string, query url.Values, body any) (T, error) {
	var into T
	answer, err := c.call(ctx, method, path, query, body, nil)
	if err != nil {
		return into, err
	}
	encoded, err := json.Marshal(answer)
	if err == nil {
		err = json.Unmarshal(encoded, &into)
	}
	return into, err
}

// rings are the key ring as each service that keeps something under it has it.
type rings map[string]httpapi.KeyRingState

func (s *session) rings(ctx context.Context) (rings, error) {
	all := rings{}
	for _, service := range ringServices() {
		state, err := fetch[httpapi.KeyRingState](ctx, s.client(), http.MethodGet, "/v1/operations/"+service+"/keyring", nil, nil)
		if err != nil {
			return nil, fmt.Errorf("ask the %s service for its key ring: %w", service, err)
		}
		all[service] = state
	}
	return all, nil
}

// holders answers everybody who has the ring, each once.
func (r rings) holders() []httpapi.KeyHolder {
	var all []httpapi.KeyHolder
	for _, service := range ringServices() {
		for _, h := range r[service].Holders {
			same := func(other httpapi.KeyHolder) bool { return other.Service == h.Service && other.ID == h.ID }
			if !slices.ContainsFunc(all, same) {
				all = append(all, h)
			}
		}
	}
	return all
}

// lost are the gateways that fell silent and may still serve.
func (r rings) lost() []string {
	var names []string
	for _, h := range r.holders() {
		if h.Service == "gateway" && h.Status == "lost" {
			names = append(names, h.ID)
		}
	}
	return names
}

// without answers those who are heard and for whom something does not hold, and
// services of which nobody is heard.
func (r rings) without(holds func(httpapi.KeyHolder) bool) []string {
	var names []string
	heard := map[string]bool{}
	for _, h := range r.holders() {
		if h.Status == "lost" {
			continue
		}
		heard[h.Service] = true
		if !holds(h) {
			names = append(names, h.Service+" "+h.ID)
		}
	}
	for _, service := range ringServices() {
		if !heard[service] {
			names = append(names, service)
		}
	}
	return names
}

func has(ids []string, wanted []string) bool {
	return !slices.ContainsFunc(wanted, func(id string) bool { return !slices.Contains(ids, id) })
}

// lists says whether somebody has all of the keys.
func lists(ids []string) func(httpapi.KeyHolder) bool {
	return func(h httpapi.KeyHolder) bool { return has(h.KeyIDs, ids) }
}

// uses says whether a service seals and digests with all of the keys; gateways do
// neither.
func uses(ids []string) func(httpapi.KeyHolder) bool {
	return func(h httpapi.KeyHolder) bool { return h.Service == "gateway" || has(h.Active, ids) }
}

const lookAgain = 250 * time.Millisecond

// await looks until something holds for everybody who is heard, and says for whom
// it is waiting. It gives up after the time.
func (s *session) await(ctx context.Context, what string, wait time.Duration, holds func(httpapi.KeyHolder) bool) error {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	told := ""
	for {
		all, err := s.rings(ctx)
		if err != nil && ctx.Err() == nil {
			return err
		}
		missing := strings.Join(all.without(holds), ", ")
		if err == nil && missing == "" {
			return nil
		}
		if err == nil && missing != told {
			s.say("waiting until everybody %s: %s", what, missing)
			told = missing
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not everybody %s after %s: %s; when they are given the file, run this again: it goes on where it was", what, wait, told)
		case <-time.After(lookAgain):
		}
	}
}

// resting looks at everything that a service keeps, and answers how much of it
// rests under which key.
func (s *session) resting(ctx context.Context, service string) (httpapi.Resting, error) {
	return s.walk(ctx, service, func(ctx context.Context, cursor string) (httpapi.Resting, error) {
		return fetch[httpapi.Resting](ctx, s.client(), http.MethodGet, "/v1/operations/"+service+"/keyring/resting",
			url.Values{"cursor": {cursor}, "limit": {"1000"}}, nil)
	})
}

// walk goes through the parts of a service and adds them up.
func (s *session) walk(ctx context.Context, service string, part func(context.Context, string) (httpapi.Resting, error)) (httpapi.Resting, error) {
	sum := httpapi.Resting{Resting: map[string]int{}, Stuck: []httpapi.Stuck{}}
	for {
		next, err := part(ctx, sum.NextCursor)
		if err != nil {
			return sum, fmt.Errorf("go through what the %s service keeps: %w", service, err)
		}
		sum.Examined += next.Examined
		sum.Resealed += next.Resealed
		sum.Stuck = append(sum.Stuck, next.Stuck...)
		for id, n := range next.Resting {
			sum.Resting[id] += n
		}
		if sum.NextCursor = next.NextCursor; sum.NextCursor == "" {
			return sum, nil
		}
	}
}
