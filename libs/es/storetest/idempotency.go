package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/libs/es"
)

// begin must lease the key.
func (s *store) begin(key string) *es.Lease {
	s.t.Helper()
	lease, answer, err := s.Begin(s.t.Context(), "ann POST /things", key, []byte("body"))
	noError(s.t, err)
	if lease == nil || answer != nil {
		s.t.Fatalf("begin answered lease %v, answer %v", lease, answer)
	}
	return lease
}

// replayed answers what the first call with the key was told.
func (s *store) replayed(key string) *es.Answer {
	s.t.Helper()
	lease, answer, err := s.Begin(s.t.Context(), "ann POST /things", key, []byte("body"))
	noError(s.t, err)
	if lease != nil || answer == nil {
		s.t.Fatalf("begin answered lease %v, answer %v", lease, answer)
	}
	return answer
}

func (s *store) inFlight(key string) {
	s.t.Helper()
	_, _, err := s.Begin(s.t.Context(), "ann POST /things", key, []byte("body"))
	mustBe(s.t, err, es.ErrIdempotencyInFlight)
}

var created = es.Answer{Status: 201, Header: map[string]string{"ETag": `"1"`}, Body: []byte(`{"id":"a"}`)}

// answering has a batch complete a lease.
func answering(b es.Batch, lease *es.Lease) es.Batch {
	b.Idempotency = lease
	b.Answer = func(context.Context, es.Reader, es.Commit) (*es.Answer, error) { return &created, nil }
	return b
}

func testIdempotency(t *testing.T, a Adapter) {
	t.Run("the answer of the append is replayed, also by another replica and after a restart", func(t *testing.T) {
		w := newWorld(t, a)
		s, other := w.open(Schema()), w.open(Schema())
		lease := s.begin("k")
		other.inFlight("k")
		s.append(answering(s.batch("a", es.None, Named{}), lease))
		same(t, "answer", &created, other.replayed("k"))
		noError(t, s.Close())
		same(t, "answer", &created, w.open(Schema()).replayed("k"))
	})
	t.Run("another body under the same key is a mismatch, before and after the answer", func(t *testing.T) {
		s := one(t, a)
		lease := s.begin("k")
		begin := func() error {
			_, _, err := s.Begin(t.Context(), "ann POST /things", "k", []byte("other"))
			return err
		}
		mustBe(t, begin(), es.ErrIdempotencyMismatch)
		s.append(answering(s.batch("a", es.None, Named{}), lease))
		mustBe(t, begin(), es.ErrIdempotencyMismatch)
	})
	t.Run("another scope is another key", func(t *testing.T) {
		s := one(t, a)
		s.begin("k")
		_, _, err := s.Begin(t.Context(), "bob POST /things", "k", []byte("other"))
		noError(t, err)
	})
	t.Run("of two calls at once one is let through", func(t *testing.T) {
		w := newWorld(t, a)
		s, other := w.open(Schema()), w.open(Schema())
		for _, key := range []string{"1", "2", "3", "4", "5", "6", "7", "8"} {
			begin := func(s *store) func() error {
				return func() error {
					_, _, err := s.Begin(t.Context(), "ann POST /things", key, []byte("body"))
					return err
				}
			}
			oneWins(t, atOnce(begin(s), begin(other)), es.ErrIdempotencyInFlight)
		}
	})
	t.Run("the lease of a replica that died passes on, and the dead one cannot append", func(t *testing.T) {
		w := newWorld(t, a)
		dead, other := w.open(Schema()), w.open(Schema())
		lost := dead.begin("k")
		w.clock.forward(es.LeaseTime / 2)
		other.inFlight("k")
		w.clock.forward(es.LeaseTime)
		_, _, err := other.Begin(t.Context(), "ann POST /things", "k", []byte("other"))
		mustBe(t, err, es.ErrIdempotencyMismatch)
		lease := other.begin("k")
		dead.refused(es.ErrLeaseLost, answering(dead.batch("a", es.None, Named{}), lost))
		other.append(answering(other.batch("a", es.None, Named{}), lease))
		dead.refused(es.ErrLeaseLost, answering(dead.batch("b", es.None, Named{}), lost))
		mustBe(t, dead.Complete(t.Context(), lost, es.Answer{Status: 500}), es.ErrLeaseLost)
		noError(t, dead.Abandon(t.Context(), lost))
		same(t, "answer", &created, dead.replayed("k"))
	})
	t.Run("a slow replica whose lease nobody took may still append", func(t *testing.T) {
		w := newWorld(t, a)
		s := w.open(Schema())
		lease := s.begin("k")
		w.clock.forward(2 * es.LeaseTime)
		s.append(answering(s.batch("a", es.None, Named{}), lease))
		s.replayed("k")
	})
	t.Run("a lost lease is said before a lost race", func(t *testing.T) {
		w := newWorld(t, a)
		s := w.open(Schema())
		lost := s.begin("k")
		w.clock.forward(2 * es.LeaseTime)
		s.append(answering(s.batch("a", es.None, Named{}), s.begin("k")))
		s.refused(es.ErrLeaseLost, answering(s.batch("a", es.None, Named{}), lost))
	})
	t.Run("an abandoned key is free", func(t *testing.T) {
		s := one(t, a)
		noError(t, s.Abandon(t.Context(), s.begin("k")))
		s.begin("k")
	})
	t.Run("an answer that no append made is kept", func(t *testing.T) {
		s := one(t, a)
		noError(t, s.Complete(t.Context(), s.begin("k"), es.Answer{Status: 200, Body: []byte("{}")}))
		same(t, "answer", &es.Answer{Status: 200, Body: []byte("{}")}, s.replayed("k"))
	})
	t.Run("a refused append leaves the key in flight", func(t *testing.T) {
		s := one(t, a)
		s.put("a", Named{})
		lease := s.begin("k")
		s.refused(es.ErrConflict, answering(s.batch("a", es.None, Named{}), lease))
		s.inFlight("k")
		s.append(answering(s.batch("a", 1, Closed{}), lease))
		s.replayed("k")
	})
	t.Run("an answer is forgotten after a day", func(t *testing.T) {
		w := newWorld(t, a)
		s := w.open(Schema())
		s.append(answering(s.batch("a", es.None, Named{}), s.begin("k")))
		w.clock.forward(es.AnswerTime - time.Minute)
		s.replayed("k")
		w.clock.forward(2 * time.Minute)
		_, _, err := s.Begin(t.Context(), "ann POST /things", "k", []byte("another body"))
		noError(t, err)
	})
}

func testAnswers(t *testing.T, a Adapter) {
	t.Run("an answer sees what is about to be committed, and nobody else does", func(t *testing.T) {
		w := newWorld(t, a)
		s, other := w.open(Schema()), w.open(Schema())
		b := s.batch("a", es.None, Named{Name: "Ann"})
		b.Claims = []es.Claim{{Scope: "name", Value: "Ann"}}
		b.Material = []es.Material{{Key: "a.1", Sealed: []byte("sealed")}}
		b.Answer = func(ctx context.Context, r es.Reader, c es.Commit) (*es.Answer, error) {
			doc, err := es.Get[Thing](ctx, r, "things", "a")
			noError(t, err)
			same(t, "document", "Ann", doc.Name)
			page, err := r.Find(ctx, es.Query{View: "things", Where: []es.Term{{Field: "status", Values: []string{"open"}}}})
			noError(t, err)
			same(t, "found", 1, len(page.Docs))
			same(t, "holder", "thing-a", must(r.Holder(ctx, "name", "Ann"))(t))
			same(t, "material", 1, len(must(r.Material(ctx, "a.1"))(t)))
			same(t, "position", int64(1), c.Head.Position)
			same(t, "material head", int64(1), c.Head.Material)
			_, err = other.Get(ctx, "things", "a")
			mustBe(t, err, es.ErrNotFound)
			same(t, "head for others", int64(0), other.head().Position)
			return nil, nil
		}
		s.append(b)
		same(t, "document", "Ann", other.thing("a").Name)
	})
	t.Run("an answer that fails takes the append with it", func(t *testing.T) {
		s := one(t, a)
		fails := errors.New("it fails")
		b := s.batch("a", es.None, Named{})
		b.Answer = func(context.Context, es.Reader, es.Commit) (*es.Answer, error) { return nil, fails }
		s.refused(fails, b)
		_, err := s.Get(t.Context(), "things", "a")
		mustBe(t, err, es.ErrNotFound)
	})
	t.Run("an answer that panics takes the append with it and the store lives on", func(t *testing.T) {
		s := one(t, a)
		b := s.batch("a", es.None, Named{})
		b.Answer = func(context.Context, es.Reader, es.Commit) (*es.Answer, error) { panic("bug") }
		func() {
			defer func() { same(t, "panic", any("bug"), recover()) }()
			_, _ = s.Append(t.Context(), b)
		}()
		same(t, "position", int64(0), s.head().Position)
		s.append(s.batch("a", es.None, Named{}))
	})
	t.Run("a lease without an answer stays in flight", func(t *testing.T) {
		s := one(t, a)
		b := s.batch("a", es.None, Named{})
		b.Idempotency = s.begin("k")
		s.append(b)
		s.inFlight("k")
		noError(t, s.Complete(t.Context(), b.Idempotency, created))
		s.replayed("k")
	})
}
