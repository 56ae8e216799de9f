package crash_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/up"
	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/web"
	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/libs/es"
)

// recent is how many of the last lives are judged after every restart.
const recent = 40

// decided calls the gateway with the keys of what has come to its end: once it
// says that it is ready, it decides as the ledger says.
func (w *world) decided(all bool) {
	w.t.Helper()
	lives := w.ended
	if !all {
		lives = lives[max(0, len(lives)-recent):]
	}
	w.each(lives, func(one *life) { w.judge(w.t.Context(), one, true) })
}

// each does something with every life, several at once.
func (w *world) each(lives []*life, do func(*life)) {
	queue := make(chan *life)
	for range workers {
		w.work.Go(func() {
			for one := range queue {
				do(one)
			}
		})
	}
	for _, one := range lives {
		queue <- one
	}
	close(queue)
	w.work.Wait()
}

// sweep holds everything to the ledger. The streams are read as outside readers
// do, and compared with every object's history; whole says that every life is
// over, and that nothing may be missing any more.
func (w *world) sweep(whole bool) {
	w.t.Helper()
	streams := w.streams(whole)
	w.each(w.lives, func(one *life) {
		for kind, id := range one.aggregates() {
			published := streams[kind+"-"+id]
			types := make([]string, len(published))
			for i, e := range published {
				types[i] = e.Type
				if e.Version != int64(i+1) {
					w.t.Errorf("%s %s has version %d at %d", kind, id, e.Version, i+1)
				}
			}
			acknowledged, all := one.expect(kind, one.done), planned(one, kind)
			if len(types) < len(acknowledged) || !slices.Equal(types, all[:min(len(types), len(all))]) || whole && len(types) != len(all) {
				w.t.Errorf("%s %s has the events %v; %v are acknowledged of %v", kind, id, types, acknowledged, all)
			}
			if len(types) > 0 {
				w.told(kind, id, published)
			}
		}
	})
	if whole {
		w.counted(streams)
	}
}

// planned are the events of one aggregate at the end of a life.
func planned(one *life, kind string) []string {
	over := *one
	over.done = len(over.steps)
	return over.expect(kind, over.done)
}

// told compares an object's history with what was published of it.
func (w *world) told(kind, id string, published []events.Envelope) {
	r := w.manage(w.t.Context(), http.MethodGet, "/v1/"+kind+"s/"+id+"/history", nil)
	var history struct {
		Items []struct {
			ID      string
			Type    string
			Version int64
		}
	}
	if err := json.Unmarshal(r.Body, &history); err != nil || r.Status != http.StatusOK {
		w.t.Errorf("%s", r)
		return
	}
	for i, item := range history.Items {
		if i >= len(published) || published[i].ID != item.ID || published[i].Type != item.Type || published[i].Version != item.Version {
			w.t.Errorf("%s %s has %s in its history, which is not what was published: %v", kind, id, item.Type, published)
			return
		}
	}
	if len(history.Items) < len(published) {
		w.t.Errorf("%s %s has %d events, %d were published", kind, id, len(history.Items), len(published))
	}
}

// counted fails the test when a command that was given again has made a second
// object.
func (w *world) counted(streams map[string][]events.Envelope) {
	made := map[string]int{}
	for _, published := range streams {
		for _, e := range published {
			switch e.Type {
			case "credential.issued", "subscription.requested":
				var data struct {
					ConsumerID string `json:"consumer_id"`
				}
				if err := json.Unmarshal(e.Data, &data); err != nil {
					w.t.Fatal(err)
				}
				made[e.Type+" "+data.ConsumerID]++
			}
		}
	}
	for what, times := range made {
		if times != 1 {
			w.t.Errorf("%s is there %d times", what, times)
		}
	}
}

// streams reads every context's stream with the user of nats_url, until the
// stream holds all that was acknowledged, and with whole all that the ledger has.
func (w *world) streams(whole bool) map[string][]events.Envelope {
	w.t.Helper()
	conn, err := bus.Connect(w.t.Context(), bus.Config{URL: w.child.Ready.NATSURL, Name: "reader", External: true})
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close()
	ctx, stop := context.WithCancel(w.t.Context())
	var reading sync.WaitGroup
	defer reading.Wait()
	defer stop()
	got := &published{by: map[string][]events.Envelope{}, last: map[string]int64{}}
	for _, service := range bus.Contexts {
		reading.Go(func() { _ = conn.Replay(ctx, service, es.Cursor{}, &reader{published: got, service: service}) })
	}
	deadline := time.Now().Add(time.Minute)
	for {
		found := got.read()
		lacking := w.lacking(found, whole)
		if lacking == nil {
			return found
		}
		if time.Now().After(deadline) {
			_, log := w.child.Output()
			for _, service := range bus.Contexts {
				w.t.Log(w.manage(w.t.Context(), http.MethodGet, "/v1/operations/"+service, nil))
			}
			w.t.Fatalf("the streams lack %v; read so far: %v; %s", lacking, got.positions(), log)
		}
		select {
		case <-w.t.Context().Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (w *world) lacking(found map[string][]events.Envelope, whole bool) error {
	for _, one := range w.lives {
		for kind, id := range one.aggregates() {
			want := len(one.expect(kind, one.done))
			if one.over() && !whole { // what follows in other services is on its way
				want = min(want, 1)
			}
			if len(found[kind+"-"+id]) < want {
				return fmt.Errorf("%d of the %d events of %s %s", len(found[kind+"-"+id]), want, kind, id)
			}
		}
	}
	return nil
}

// published is what was read, by aggregate.
type published struct {
	mu   sync.Mutex
	by   map[string][]events.Envelope
	last map[string]int64 // position, by service
}

func (p *published) positions() map[string]int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.last)
}

func (p *published) read() map[string][]events.Envelope {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.by)
}

// reader reads one stream; a position that does not follow is an error for ever.
type reader struct {
	*published
	service string
}

func (r *reader) Deliver(_ context.Context, batch []bus.Message) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range batch {
		if m.Position != r.last[r.service]+1 {
			return fmt.Errorf("%d comes after %d", m.Position, r.last[r.service])
		}
		e, err := events.Decode(m.Body)
		if err != nil || e.Position != m.Position {
			return fmt.Errorf("position %d is %d in the event: %w", m.Position, e.Position, err)
		}
		r.last[r.service]++
		r.by[e.Stream] = append(r.by[e.Stream], e)
	}
	return nil
}

func (r *reader) Reset(context.Context, string) error { return nil } // at the start; nothing was read yet
func (r *reader) Tail(context.Context, int64)         {}

// finish has every life come to its end: a key that was leased when the process
// was killed is free again after half a minute.
func (w *world) finish() {
	w.t.Helper()
	deadline := time.Now().Add(3 * time.Minute)
	for len(w.late) > 0 {
		left := w.late
		w.late = nil
		w.each(left, func(one *life) { w.live(w.t.Context(), one) })
		if time.Now().After(deadline) {
			w.t.Fatalf("%d lives do not come to their end; the first: %s", len(w.late), w.late[0].steps[w.late[0].done].path)
		}
		select {
		case <-w.t.Context().Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
	w.t.Logf("%d lives are over", len(w.ended))
}

// replayed gives commands again under their keys: each is answered what it was
// answered first, without its secret.
func (w *world) replayed() {
	w.t.Helper()
	random := rand.New(rand.NewPCG(w.seed, 1<<32))
	for _, i := range random.Perm(len(w.lives))[:min(len(w.lives), 100)] {
		one := w.lives[i]
		for _, s := range one.steps {
			if s.key == "" {
				continue
			}
			again := w.give(w.t.Context(), one, &step{method: s.method, path: s.path, body: s.body, key: s.key})
			if again.Status != s.status || again.Header.Get("Idempotency-Replayed") != "true" || !reflect.DeepEqual(public(again.Body), public(s.answer)) {
				w.t.Errorf("it was answered %s first, and again: %s", s.answer, again)
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

// stored reads what SQL holds once nothing runs: positions follow one another,
// and no event is there twice.
func (w *world) stored(dir string) {
	w.t.Helper()
	for _, service := range up.Services() {
		if len(service.Writes) == 0 {
			continue
		}
		store, err := app.OpenStore(w.t.Context(), app.Config{DataDir: dir, Namespace: "default"}, service)
		if err != nil {
			w.t.Fatal(filepath.Join(dir, service.Name), err)
		}
		seen := map[string]bool{}
		for position := int64(0); ; {
			page, err := store.Since(w.t.Context(), position, 1000)
			if err != nil {
				w.t.Fatal(err)
			}
			for _, record := range page {
				position++
				if record.Position != position || seen[record.ID] || !bytes.Contains(record.Body, []byte(record.ID)) {
					w.t.Errorf("%s has %s at %d, which is event %d", service.Name, record.ID, record.Position, position)
				}
				seen[record.ID] = true
			}
			if len(page) == 0 {
				break
			}
		}
		if err := store.Close(); err != nil {
			w.t.Error(err)
		}
	}
}
