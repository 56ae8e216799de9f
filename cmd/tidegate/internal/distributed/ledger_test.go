package distributed_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/web"
)

// check holds the running system to the ledger: everything that was acknowledged
// is there, nothing is there twice, streams equal SQL, and gateways decide as
// the ledger says.
func (l *load) check(t *testing.T) {
	t.Helper()
	l.cascaded(t)
	l.s.settle()
	l.s.orderly(t)
	all := l.s.history(t)
	for _, one := range l.lives {
		for aggregate, want := range one.histories() {
			service, id, _ := strings.Cut(aggregate, " ")
			if types := all.of(service, id); !slices.Equal(types, want) {
				t.Errorf("%s of %s has the events %v, want %v", aggregate, one.name, types, want)
			}
		}
		if one.service {
			continue
		}
		for service, id := range map[string]string{"credential": one.credential, "subscription": one.subscription} {
			if about := all.about(service, "consumer_id", one.name); !slices.Equal(about, []string{id}) {
				t.Errorf("%s has the %ss %v, want %s alone", one.name, service, about, id)
			}
		}
	}
	l.decided(t)
	l.replayed(t)
}

// cascaded waits until the policies have done their work.
func (l *load) cascaded(t testing.TB) {
	t.Helper()
	for _, one := range l.lives {
		for aggregate, types := range one.histories() {
			service, id, _ := strings.Cut(aggregate, " ")
			last := types[len(types)-1]
			if service != "credential" && service != "subscription" || last != "credential.revoked" && last != "subscription.cancelled" {
				continue
			}
			_, status, _ := strings.Cut(last, ".")
			eventually(t, aggregate+" is "+status, func() error {
				r := l.s.manage(t.Context(), l.s.of[service][0].address, http.MethodGet, "/v1/"+service+"s/"+id, nil)
				if r.Text("status") != status {
					return fmt.Errorf("not yet: %s", r)
				}
				return nil
			})
		}
	}
}

// decided calls both gateways with every key, once.
func (l *load) decided(t testing.TB) {
	t.Helper()
	var callers sync.WaitGroup
	lives := make(chan *life)
	for range workers {
		callers.Go(func() {
			for one := range lives {
				for _, gateway := range l.s.gateways() {
					service, key := l.service, one.key
					if one.service {
						service = one.name
					} else if key == "" {
						continue // nobody knows it
					}
					if err := one.verdict(through(t.Context(), gateway, service, key)); err != nil {
						t.Errorf("%s: %v", one.name, err)
					}
				}
			}
		})
	}
	for _, one := range l.lives {
		lives <- one
	}
	close(lives)
	callers.Wait()
}

// replayed gives commands again under their keys, to whichever replica: each is
// answered what it was answered first, without its secret.
func (l *load) replayed(t testing.TB) {
	t.Helper()
	random := rand.New(rand.NewPCG(l.seed, workers+2))
	for _, i := range random.Perm(len(l.lives))[:min(len(l.lives), 60)] {
		one := l.lives[i]
		for _, done := range one.steps {
			if done.key == "" {
				continue
			}
			r := l.s.send(t.Context(), l.s.portal(random), one, done)
			if r.Status != done.status || !r.Replayed() || !reflect.DeepEqual(public(r.Body), public(done.acknowledged)) {
				t.Errorf("it was answered %s first, and again: %s", done.acknowledged, r)
			}
		}
	}
}

// public is an answer without its secret.
func public(body []byte) web.Object {
	var decoded web.Object
	if json.Unmarshal(body, &decoded) == nil {
		delete(decoded, "secret")
	}
	return decoded
}
