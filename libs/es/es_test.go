package es_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/es"
)

func TestARefusalKeepsItsSentinelHoweverItIsRefined(t *testing.T) {
	refined := fmt.Errorf("open: %w", errOpen.In("open").At("body.sign").Saying("door %d is open", 7))
	if !errors.Is(refined, errOpen) {
		t.Error("errors.Is does not find the sentinel")
	}
	if placed := errOpen.At("body.door"); !errors.Is(placed.In("open"), placed) {
		t.Error("errors.Is does not find a sentinel that was itself made from one")
	}
	var r *es.Refusal
	if !errors.As(refined, &r) {
		t.Fatal("errors.As does not find the refusal")
	}
	if r.Code != "illegal_transition" || r.Kind != es.Illegal || r.Current != "open" || r.Location != "body.sign" || r.Error() != "door 7 is open" {
		t.Errorf("refusal: %+v", r)
	}
	if errOpen.Current != "" || errOpen.Location != "" || errOpen.Detail != "the door is open already" {
		t.Errorf("the sentinel was changed: %+v", errOpen)
	}
	twin := es.Refuse(es.Illegal, "illegal_transition", "the door is open already")
	if errors.Is(refined, twin) || errors.Is(errOpen, es.ErrTaken) {
		t.Error("it passes for another")
	}
}

func TestStoreErrorsNameWhatTheyAreAbout(t *testing.T) {
	taken := error(&es.TakenError{Scope: "sign"})
	if !errors.Is(taken, es.ErrTaken) || taken.Error() != "sign is already taken" {
		t.Errorf("taken: %v", taken)
	}
	missing := error(&es.ReferenceError{Ref: es.Ref{Kind: "key", ID: "k"}})
	if !errors.Is(missing, es.ErrReference) || !strings.Contains(missing.Error(), `key "k"`) {
		t.Errorf("reference: %v", missing)
	}
}

func TestATypeIDIsAsTheSpecificationSays(t *testing.T) {
	// The example of the specification: 01890a5d-ac96-774b-bcce-b302099a8057.
	at := time.UnixMilli(0x01890a5dac96)
	id := es.NewTypeID("sub", at)
	suffix, ok := strings.CutPrefix(id, "sub_")
	if !ok || len(suffix) != 26 || !strings.HasPrefix(suffix, "01h455vb4p") {
		t.Errorf("id: %s", id)
	}
	if rest := strings.Trim(suffix, "0123456789abcdefghjkmnpqrstvwxyz"); rest != "" {
		t.Errorf("%s holds %q", id, rest)
	}
	if suffix[10] != 'e' && suffix[10] != 'f' {
		t.Errorf("%s is not of a UUID of version 7", id)
	}
}

func TestTypeIDsAreOrderedByTimeAndNeverTheSame(t *testing.T) {
	var ids []string
	for i := range 1000 {
		ids = append(ids, es.NewTypeID("sub", time.UnixMilli(1_700_000_000_000+int64(i)*7)))
	}
	if !slices.IsSorted(ids) {
		t.Error("they are not in order")
	}
	seen := map[string]bool{}
	for range 1000 {
		seen[es.NewTypeID("sub", time.UnixMilli(1_700_000_000_000))] = true
	}
	if len(seen) != 1000 {
		t.Errorf("%d different ones of a thousand", len(seen))
	}
}

func TestADeciderFoldsFromAnyState(t *testing.T) {
	got := doors.Fold(door{Times: 2}, Opened{"a"}, Shut{}, Opened{"b"})
	if got != (door{Open: true, Sign: "b", Times: 4}) {
		t.Errorf("state: %+v", got)
	}
	if doors.Stream("a-b") != "door-a-b" {
		t.Errorf("stream: %s", doors.Stream("a-b"))
	}
}

func TestAViewFoldsTypedDocumentsAndIndexesThem(t *testing.T) {
	v := es.ViewOf("signs", 1, es.ByAggregate, func(s Sign, _ events.Envelope, data events.Data) Sign {
		s.Text += data.(Opened).Sign
		return s
	})
	body, _, err := v.Step(nil, events.Envelope{}, Opened{"a"})
	if err != nil {
		t.Fatal(err)
	}
	body, index, err := v.Step(body, events.Envelope{}, Opened{"b"})
	if err != nil || string(body) != `{"Text":"ab"}` || index.Text != "ab" || index.Terms["text"][0] != "ab" {
		t.Errorf("document %s, index %+v, %v", body, index, err)
	}
	if _, _, err := v.Step(json.RawMessage(`[]`), events.Envelope{}, Opened{}); err == nil || !strings.Contains(err.Error(), "signs") {
		t.Errorf("a document of another shape: %v", err)
	}
	if key := v.Key(events.Envelope{Stream: "door-a-b"}, nil); key != "a-b" {
		t.Errorf("key: %s", key)
	}
}

func TestDocumentsAndFactsAreReadAsTheirTypes(t *testing.T) {
	store := openStore(t)
	h := es.NewHandler(store, registry, doors, nil)
	handle(t, h, "a", open{"first"})
	handle(t, h, "b", open{"second"})
	sign, err := es.Get[Sign](t.Context(), store, "signs", "b")
	if err != nil || sign.Text != "second" {
		t.Errorf("got %+v, %v", sign, err)
	}
	if _, err := es.Get[Sign](t.Context(), store, "signs", "c"); !errors.Is(err, es.ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
	if _, err := es.Get[[]int](t.Context(), store, "signs", "b"); err == nil {
		t.Error("a document was read as what it is not")
	}
	found, next, err := es.Find[Sign](t.Context(), store, es.Query{View: "signs", Limit: 1})
	if err != nil || len(found) != 1 || found[0].Text != "first" || next == "" {
		t.Errorf("found %+v, next %q, %v", found, next, err)
	}
	err = store.Absorb(t.Context(), es.Absorption{
		Subscriber: es.FactsSubscriber, Source: "key", To: es.Cursor{Epoch: "e", Position: 1},
		Events: []es.Received{{Envelope: events.Envelope{Stream: "key-k", Position: 1}, Data: Opened{"brass"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	fact, live, err := es.Known[Sign](t.Context(), store, "key", "k")
	if err != nil || !live || fact.Text != "brass" {
		t.Errorf("fact %+v, live %v, %v", fact, live, err)
	}
	if _, _, err := es.Known[Sign](t.Context(), store, "key", "none"); !errors.Is(err, es.ErrNotFound) {
		t.Errorf("unknown fact: %v", err)
	}
}
