package es_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace"

	"github.com/tidegate-io/tidegate/libs/es"
)

func handle(t *testing.T, h *es.Handler[door, any], id string, command any, opts ...es.Option) es.Outcome[door] {
	t.Helper()
	outcome, err := h.Handle(t.Context(), id, command, opts...)
	if err != nil {
		t.Fatalf("handle %+v: %v", command, err)
	}
	return outcome
}

func TestACommandBecomesEventsThatSayWhoActed(t *testing.T) {
	store := openStore(t)
	h := es.NewHandler(store, registry, doors, nil)
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled})
	ctx := trace.ContextWithSpanContext(t.Context(), span)
	ctx = es.WithMeta(ctx, es.Meta{Actor: "ann", CorrelationID: "request", CausationID: "cause"})
	outcome, err := h.Handle(ctx, "front", open{"welcome"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(door{Open: true, Sign: "welcome", Times: 1}, outcome.State); diff != "" || outcome.Version != 1 {
		t.Errorf("version %d, state (-wanted +is):\n%s", outcome.Version, diff)
	}
	stored, err := store.Load(t.Context(), "door-front", 0)
	if err != nil || len(stored) != 1 {
		t.Fatalf("stored: %v, %v", stored, err)
	}
	e := stored[0]
	got := []string{e.Type, e.Actor, e.CorrelationID, e.CausationID, e.TraceParent, string(e.Data)}
	want := []string{"door.opened", "ann", "request", "cause", "00-" + span.TraceID().String() + "-" + span.SpanID().String() + "-01", `{"Sign":"welcome"}`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("event (-wanted +is):\n%s", diff)
	}
	if len(e.ID) != 36 || e.ID[14] != '7' || e.Schema != 1 {
		t.Errorf("id %q, schema %d", e.ID, e.Schema)
	}
	state, version, err := h.State(t.Context(), "front")
	if err != nil || version != 1 || state != outcome.State {
		t.Errorf("state %+v, version %d, %v", state, version, err)
	}
}

func TestACommandThatChangesNothingIsNoError(t *testing.T) {
	h := es.NewHandler(openStore(t), registry, doors, nil)
	if outcome := handle(t, h, "front", shut{}); outcome.Version != 0 || len(outcome.Commit.Events) != 0 {
		t.Errorf("outcome: %+v", outcome)
	}
}

func TestARefusedCommandAppendsNothing(t *testing.T) {
	store := &rival{Streams: openStore(t)}
	h := es.NewHandler(store, registry, doors, nil)
	handle(t, h, "front", open{"welcome"})
	outcome, err := h.Handle(t.Context(), "front", open{"again"})
	var refused *es.Refusal
	if !errors.As(err, &refused) || !errors.Is(err, errOpen) || refused.Current != "open" {
		t.Errorf("error: %v", err)
	}
	if store.appends != 1 || outcome.Version != 1 {
		t.Errorf("%d appends, version %d", store.appends, outcome.Version)
	}
}

func TestACommandThatLosesARaceIsDecidedAgain(t *testing.T) {
	inner := openStore(t)
	other := es.NewHandler(inner, registry, doors, nil)
	store := &rival{Streams: inner, first: []func(){
		func() { handle(t, other, "front", open{"theirs"}) },
		func() { handle(t, other, "front", shut{"theirs"}) },
	}}
	h := es.NewHandler(store, registry, doors, nil)
	// It was to be opened; the second time it is open, and the command is refused.
	if _, err := h.Handle(t.Context(), "front", open{"ours"}); !errors.Is(err, errOpen) {
		t.Errorf("after the door was opened by another: %v", err)
	}
	// It was to be shut; the second time there is nothing to do.
	outcome := handle(t, h, "front", shut{"ours"})
	if outcome.State.Open || outcome.Version != 2 || len(outcome.Commit.Events) != 0 {
		t.Errorf("outcome: %+v", outcome)
	}
}

func TestALostRaceWithAPinnedVersionIsAVersionMismatch(t *testing.T) {
	inner := openStore(t)
	other := es.NewHandler(inner, registry, doors, nil)
	store := &rival{Streams: inner, first: []func(){func() { handle(t, other, "front", open{"theirs"}) }}}
	h := es.NewHandler(store, registry, doors, nil)
	if _, err := h.Handle(t.Context(), "front", open{"ours"}, es.IfVersion(0)); !errors.Is(err, es.ErrVersion) {
		t.Errorf("lost race: %v", err)
	}
	outcome, err := h.Handle(t.Context(), "front", shut{}, es.IfVersion(7))
	if !errors.Is(err, es.ErrVersion) || outcome.Version != 1 {
		t.Errorf("stale version: %v, current %d", err, outcome.Version)
	}
	handle(t, h, "front", shut{}, es.IfVersion(1))
}

func TestACommandThatAlwaysLosesIsGivenUpInTheEnd(t *testing.T) {
	inner := openStore(t)
	other := es.NewHandler(inner, registry, doors, nil)
	store := &rival{Streams: inner}
	for range 100 {
		store.first = append(store.first, func() {
			handle(t, other, "front", open{"theirs"})
			handle(t, other, "front", shut{}) // so that ours is not refused
		})
	}
	h := es.NewHandler(store, registry, doors, nil)
	if _, err := h.Handle(t.Context(), "front", open{"ours"}); !errors.Is(err, es.ErrConflict) {
		t.Errorf("error: %v", err)
	}
	if store.appends != 16 {
		t.Errorf("it tried %d times", store.appends)
	}
}

func TestAnEndedContextEndsTheAttempts(t *testing.T) {
	inner := openStore(t)
	other := es.NewHandler(inner, registry, doors, nil)
	ctx, cancel := context.WithCancel(t.Context())
	store := &rival{Streams: inner, first: []func(){func() { handle(t, other, "front", open{"theirs"}); cancel() }}}
	if _, err := es.NewHandler(store, registry, doors, nil).Handle(ctx, "front", open{"ours"}); err == nil || store.appends != 1 {
		t.Errorf("%d appends, %v", store.appends, err)
	}
}

func TestEffectsChangeWithTheEvents(t *testing.T) {
	store := openStore(t)
	h := es.NewHandler(store, registry, doors, signs)
	handle(t, h, "front", open{"welcome"}, es.WithMaterial(es.Material{Key: "welcome.1", Sealed: []byte("x")}))
	if holder, err := store.Holder(t.Context(), "sign", "welcome"); holder != "door-front" || err != nil {
		t.Errorf("holder %q, %v", holder, err)
	}
	if _, err := h.Handle(t.Context(), "back", open{"welcome"}); !errors.Is(err, es.ErrTaken) {
		t.Errorf("the sign was given twice: %v", err)
	}
	handle(t, h, "front", shut{})
	if kept, err := store.Material(t.Context(), "welcome.1"); len(kept) != 0 || err != nil {
		t.Errorf("material that must be erased: %v, %v", kept, err)
	}
	handle(t, h, "back", open{"welcome"})
}

func TestEffectsOfALostAttemptAreForgotten(t *testing.T) {
	store := openStore(t)
	other := es.NewHandler(store, registry, doors, nil)
	faster := &rival{Streams: store, first: []func(){func() {
		handle(t, other, "front", open{"theirs"})
		handle(t, other, "front", shut{})
	}}}
	h := es.NewHandler(faster, registry, doors, func(before, after door) es.Effects {
		return es.Effects{Claims: []es.Claim{{Scope: "attempt", Value: time.Duration(after.Times).String()}}}
	})
	claims := make([]es.Claim, 1, 8)
	claims[0] = es.Claim{Scope: "sign", Value: "ours"}
	handle(t, h, "front", open{"ours"}, es.Claiming(claims...))
	if _, err := store.Holder(t.Context(), "attempt", "1ns"); !errors.Is(err, es.ErrNotFound) {
		t.Errorf("the claim of the first attempt is there: %v", err)
	}
	if _, err := store.Holder(t.Context(), "attempt", "2ns"); err != nil {
		t.Errorf("the claim of the second attempt is not: %v", err)
	}
	if claims[:2][1] != (es.Claim{}) {
		t.Errorf("the caller's slice was written to: %+v", claims[:2])
	}
}

func TestARequiredFactIsCheckedByTheAppend(t *testing.T) {
	h := es.NewHandler(openStore(t), registry, doors, nil)
	_, err := h.Handle(t.Context(), "front", open{}, es.Requiring(es.Ref{Kind: "key", ID: "k"}))
	var missing *es.ReferenceError
	if !errors.As(err, &missing) || missing.Ref.ID != "k" {
		t.Errorf("error: %v", err)
	}
}

func TestAnAnswerIsRenderedInTheAppend(t *testing.T) {
	store := openStore(t)
	h := es.NewHandler(store, registry, doors, nil)
	lease, _, err := store.Begin(t.Context(), "scope", "key", nil)
	if err != nil {
		t.Fatal(err)
	}
	handle(t, h, "front", open{"welcome"}, es.Answering(lease, func(ctx context.Context, r es.Reader, c es.Commit) (*es.Answer, error) {
		sign, err := es.Get[Sign](ctx, r, "signs", "front")
		return &es.Answer{Status: 201, Body: []byte(sign.Text)}, err
	}))
	_, answer, err := store.Begin(t.Context(), "scope", "key", nil)
	if err != nil || answer == nil || string(answer.Body) != "welcome" {
		t.Errorf("replayed: %+v, %v", answer, err)
	}
}
