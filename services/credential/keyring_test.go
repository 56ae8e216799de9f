package credential_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/libs/app/apptest"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/credential"
)

const keyringPath = "/v1/operations/credential/keyring"

// turn puts new keys in force in the file, and waits until the service uses them.
func turn(t testing.TB, h *apptest.Harness) *secret.Ring {
	t.Helper()
	ring, err := secret.Load(app.KeyringFile(h.DataDir()))
	if err != nil {
		t.Fatal(err)
	}
	for _, use := range []secret.Use{secret.Sealing, secret.Pepper} {
		added, err := ring.Add(use)
		if err == nil {
			err = ring.Activate(added)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	h.Eventually("the service uses the new keys", func() bool {
		var state httpapi.KeyRingState
		h.Admin().Get(keyringPath).Want(http.StatusOK).Into(&state)
		return slices.ContainsFunc(state.Holders, func(k httpapi.KeyHolder) bool { return slices.Equal(k.Active, ring.ActiveIDs()) })
	})
	return ring
}

// reseal goes through everything in parts.
func reseal(t testing.TB, h *apptest.Harness, limit int) (sum httpapi.Resting, parts int) {
	t.Helper()
	sum.Resting = map[string]int{}
	for {
		var part httpapi.Resting
		h.Admin().Post(keyringPath+"/reseal", map[string]any{"cursor": sum.NextCursor, "limit": limit}).Want(http.StatusOK).Into(&part)
		parts++
		sum.Examined, sum.Resealed, sum.NextCursor = sum.Examined+part.Examined, sum.Resealed+part.Resealed, part.NextCursor
		sum.Stuck = append(sum.Stuck, part.Stuck...)
		for id, n := range part.Resting {
			sum.Resting[id] += n
		}
		if sum.NextCursor == "" {
			return sum, parts
		}
	}
}

func TestTheKeyRingIsForAdministratorsAndReadByAuditors(t *testing.T) {
	h, _ := start(t)
	for _, path := range []string{keyringPath, keyringPath + "/resting"} {
		h.Developer("payments").Get(path).Refused(http.StatusForbidden, "forbidden")
		h.Provider("payments").Get(path).Refused(http.StatusForbidden, "forbidden")
		h.Auditor().Get(path).Want(http.StatusOK)
	}
	h.Auditor().Post(keyringPath+"/reseal", nil).Refused(http.StatusForbidden, "forbidden")
	h.Admin().Post(keyringPath+"/reseal", nil).Want(http.StatusOK)
	h.Admin().Post(keyringPath+"/reseal", map[string]any{"limit": 1001}).Want(http.StatusUnprocessableEntity)
	h.Admin().Get(keyringPath + "/resting?limit=0").Want(http.StatusUnprocessableEntity)
}

func TestEverythingIsMadeAgainPartByPart(t *testing.T) {
	h, c := start(t)
	c.register(t, "acme")
	var ids []string
	for i := range 7 {
		ids = append(ids, h.Developer("payments").Post(path("acme"), map[string]any{"name": fmt.Sprint(i), "type": "api_key"}).Want(http.StatusCreated).Text("id"))
	}
	ring := turn(t, h)
	var resting httpapi.Resting
	h.Auditor().Get(keyringPath + "/resting?limit=1000").Want(http.StatusOK).Into(&resting)
	for _, id := range ring.ActiveIDs() {
		if resting.Resting[id] != 0 {
			t.Errorf("%d rows rest on a key that is new", resting.Resting[id])
		}
	}
	sum, parts := reseal(t, h, 2)
	if sum.Resealed != resting.Examined || len(sum.Stuck) != 0 || parts < 4 {
		t.Errorf("%d of %d rows were made again in %d parts: %v", sum.Resealed, resting.Examined, parts, sum.Stuck)
	}
	if sealing, pepper := ring.ActiveIDs()[0], ring.ActiveIDs()[1]; len(sum.Resting) != 2 || sum.Resting[sealing] != sum.Examined || sum.Resting[pepper] != len(ids) {
		t.Errorf("afterwards they rest on %v", sum.Resting)
	}
	if again, _ := reseal(t, h, 100); again.Resealed != 0 {
		t.Errorf("a second time %d were made again", again.Resealed)
	}
}

// TestNothingThatIsRevokedComesBack revokes credentials while everything is made
// again.
func TestNothingThatIsRevokedComesBack(t *testing.T) {
	h, c := start(t)
	c.register(t, "acme")
	var ids []string
	for i := range 60 {
		ids = append(ids, h.Developer("payments").Post(path("acme"), map[string]any{"name": fmt.Sprint(i), "type": "api_key"}).Want(http.StatusCreated).Text("id"))
	}
	ring := turn(t, h)
	var revoking sync.WaitGroup
	revoking.Go(func() {
		for _, id := range ids[:30] {
			h.Admin().Post("/v1/credentials/"+id+"/revoke", nil).Want(http.StatusOK)
		}
	})
	reseal(t, h, 20)
	reseal(t, h, 7)
	revoking.Wait()
	sum, _ := reseal(t, h, 100)
	if pepper := ring.Active(secret.Pepper); sum.Resting[pepper] != 30 || len(sum.Stuck) != 0 {
		t.Errorf("%d rows are there, %d stuck", sum.Resting[pepper], len(sum.Stuck))
	}
}

// BenchmarkReseal tells how many rows are made again a second, through HTTP, on
// SQLite, with a new sealing key and a new pepper.
func BenchmarkReseal(b *testing.B) {
	c := &consumers{}
	h := apptest.Start(b, c.service(), credential.Service())
	c.register(b, "acme")
	const rows = 2000
	var issuing sync.WaitGroup
	for worker := range 4 {
		issuing.Go(func() {
			for i := range rows / 4 {
				h.Developer("payments").Post(path("acme"), map[string]any{"name": fmt.Sprint(worker, "-", i), "type": "api_key"}).Want(http.StatusCreated)
			}
		})
	}
	issuing.Wait()
	made := 0
	for b.Loop() {
		b.StopTimer()
		ring := turn(b, h)
		b.StartTimer()
		sum, _ := reseal(b, h, 200)
		made += sum.Resealed
		b.StopTimer()
		for _, key := range ring.Keys() {
			if key.State == secret.Old {
				if err := ring.Retire(key.ID); err != nil {
					b.Fatal(err)
				}
			}
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(made)/b.Elapsed().Seconds(), "rows/s")
}
