package httpapi_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
)

const first = `{"id":"first","title":"Buy milk","team":"red"}`

func TestACommandIsAccountedToItsCallerAndItsRequest(t *testing.T) {
	t.Parallel()
	api, s := start(t)
	answer := api.Developer("red").Post(t, "/v1/notes", first).Want(t, 201)
	stored, err := s.store.Load(t.Context(), "note-first", 0)
	if err != nil || len(stored) != 1 {
		t.Fatalf("%d events, error %v", len(stored), err)
	}
	if stored[0].Actor != "developer@red" || stored[0].CorrelationID != answer.Header.Get("X-Request-Id") || stored[0].CorrelationID == "" {
		t.Errorf("actor %q, correlation id %q", stored[0].Actor, stored[0].CorrelationID)
	}
	if answer.ETag() != `"1"` || answer.Header.Get("Location") != "/v1/notes/first" {
		t.Errorf("ETag %q, Location %q", answer.ETag(), answer.Header.Get("Location"))
	}
}

func TestIfMatchIsHonoured(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, value string
		status      int
		code        string
	}{
		{"none", "", 200, ""},
		{"the version", `"2"`, 200, ""},
		{"any", `*`, 200, ""},
		{"one of several", `"7", "2","9"`, 200, ""},
		{"the version among weak ones", `W/"1", "2"`, 200, ""},
		{"an older version", `"1"`, 412, "version_mismatch"},
		{"a newer version", `"3"`, 412, "version_mismatch"},
		{"several others", `"1", "3"`, 412, "version_mismatch"},
		{"the version, weakly", `W/"2"`, 412, "version_mismatch"},
		{"another form of the number", `"02"`, 412, "version_mismatch"},
		{"a sign", `"+2"`, 412, "version_mismatch"},
		{"a tag that is none of ours", `"abc"`, 412, "version_mismatch"},
		{"an empty tag", `""`, 412, "version_mismatch"},
		{"a number over 64 bits", `"99999999999999999999"`, 412, "version_mismatch"},
		{"a bare number", `2`, 400, "malformed_header"},
		{"half a tag", `"2`, 400, "malformed_header"},
		{"no comma", `"2" "3"`, 400, "malformed_header"},
		{"any among others", `"2", *`, 400, "malformed_header"},
		{"commas alone", `,,`, 400, "malformed_header"},
		{"very many", strings.Repeat(`"1",`, 17), 400, "malformed_header"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			api, _ := start(t)
			red := api.Developer("red")
			red.Post(t, "/v1/notes", first).Want(t, 201)
			if tag := red.Patch(t, "/v1/notes/first", `{"title":"Buy bread"}`).Want(t, 200).ETag(); tag != `"2"` {
				t.Fatalf("ETag %q", tag)
			}
			answer := red.IfMatch(test.value).Patch(t, "/v1/notes/first", `{"title":"Buy cheese"}`)
			if test.code == "" {
				if answer.Want(t, test.status).ETag() != `"3"` {
					t.Errorf("ETag %q", answer.ETag())
				}
				return
			}
			answer.Refused(t, test.status, test.code)
			if got := httpapitest.Read[note](t, red.Get(t, "/v1/notes/first")); got.Version != 2 || got.Title != "Buy bread" {
				t.Errorf("it was changed: %+v", got)
			}
		})
	}
}

func TestIfMatchHoldsForEveryCommandAndHidesNothing(t *testing.T) {
	t.Parallel()
	api, _ := start(t)
	red := api.Developer("red")
	red.Post(t, "/v1/notes", first).Want(t, 201)
	red.IfMatch(`"9"`).Post(t, "/v1/notes/first/close", nil).Refused(t, 412, "version_mismatch")
	red.IfMatch(`"9"`).Delete(t, "/v1/notes/first").Refused(t, 412, "version_mismatch")
	// A change that changes nothing still names the version that it means.
	red.IfMatch(`"9"`).Patch(t, "/v1/notes/first", `{}`).Refused(t, 412, "version_mismatch")
	// What is not there has no version.
	red.IfMatch(`"1"`).Post(t, "/v1/notes", `{"id":"second","title":"b","team":"red"}`).Refused(t, 412, "version_mismatch")
	api.Developer("blue").IfMatch(`"9"`).Delete(t, "/v1/notes/first").Refused(t, 404, "not_found")
	api.Auditor().IfMatch(`"9"`).Delete(t, "/v1/notes/first").Refused(t, 403, "forbidden")
	red.IfMatch(`"1"`).Delete(t, "/v1/notes/first").Want(t, 204)
	refused := red.Post(t, "/v1/notes/first/close", nil).Refused(t, 409, "illegal_transition")
	if refused.CurrentStatus != "closed" {
		t.Errorf("current_status %q", refused.CurrentStatus)
	}
}

func TestWhoHasTheVersionIsNotSentItAgain(t *testing.T) {
	t.Parallel()
	api, _ := start(t)
	red := api.Developer("red")
	red.Post(t, "/v1/notes", first).Want(t, 201)
	for value, status := range map[string]int{`"1"`: 304, `W/"1"`: 304, `*`: 304, `"2", "1"`: 304, `"2"`: 200, `1`: 200} {
		answer := red.With("If-None-Match", value).Get(t, "/v1/notes/first").Want(t, status)
		if answer.ETag() != `"1"` || status == 304 && len(answer.Body) > 0 {
			t.Errorf("%s: ETag %q, body %q", value, answer.ETag(), answer.Body)
		}
	}
	api.Developer("blue").With("If-None-Match", "*").Get(t, "/v1/notes/first").Refused(t, 404, "not_found")
}

func TestTheSameCallIsAnsweredAsTheFirstTimeWithoutItsSecret(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	api := s.serve(t)
	red := api.Developer("red").Idempotent("a key of mine")
	live := red.Post(t, "/v1/notes", first).Want(t, 201)
	if !strings.Contains(string(live.Body), `"secret":{"value":"tg_k_secret"}`) || live.Header.Get("Idempotency-Replayed") != "" {
		t.Fatalf("the first answer: %s", live.Body)
	}
	again := s.serve(t).Developer("red").Idempotent("a key of mine") // also after a restart
	for _, client := range []*httpapitest.Client{red, again} {
		replay := client.Post(t, "/v1/notes", first).Want(t, 201)
		want := strings.Replace(string(live.Body), `"secret":{"value":"tg_k_secret"}`, `"secret":null`, 1)
		if string(replay.Body) != want {
			t.Errorf("replayed %s, want %s", replay.Body, want)
		}
		for _, header := range []string{"ETag", "Location", "Content-Type"} {
			if replay.Header.Get(header) != live.Header.Get(header) {
				t.Errorf("%s %q, want %q", header, replay.Header.Get(header), live.Header.Get(header))
			}
		}
		if replay.Header.Get("Idempotency-Replayed") != "true" || replay.Header.Get("X-Request-Id") == live.Header.Get("X-Request-Id") {
			t.Errorf("headers %v", replay.Header)
		}
	}
	if s.secrets != 1 {
		t.Errorf("%d secrets were made", s.secrets)
	}

	red.Post(t, "/v1/notes", strings.Replace(first, "milk", "bread", 1)).Refused(t, 422, "idempotency_mismatch")
	// The key is the caller's, for this method and path.
	api.Developer("blue").Idempotent("a key of mine").Post(t, "/v1/notes", `{"id":"b","title":"b","team":"blue"}`).Want(t, 201)
	red.Post(t, "/v1/notes/first/close", `{}`).Want(t, 200)
	closing := red.Post(t, "/v1/notes/first/close", `{}`).Want(t, 200)
	if got := httpapitest.Read[note](t, closing).Title; got != "revealed Buy milk" {
		t.Errorf("title %q", got)
	}
	if closing.ETag() != `"2"` || closing.Header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("ETag %q, headers %v", closing.ETag(), closing.Header)
	}
}

func TestAnAnswerThatCannotBeRevealedIsNotAnswered(t *testing.T) {
	t.Parallel()
	api, s := start(t)
	red := api.Developer("red").Idempotent("k")
	red.Post(t, "/v1/notes", first).Want(t, 201)
	red.Post(t, "/v1/notes/first/close", nil).Want(t, 200)
	s.lost = true
	red.Post(t, "/v1/notes/first/close", nil).Refused(t, 500, "internal_error")
}

func TestWhichIdempotencyKeysAreTaken(t *testing.T) {
	t.Parallel()
	api, s := start(t)
	red := api.Developer("red")
	for name, key := range map[string]string{"too long": strings.Repeat("k", 256), "not ASCII": "schlüssel", "a tab": "a\tb"} {
		problem := red.Idempotent(key).Post(t, "/v1/notes", first).Refused(t, 422, "validation_failed")
		if len(problem.Errors) != 1 || problem.Errors[0].Location != "header.Idempotency-Key" {
			t.Errorf("%s: %+v", name, problem)
		}
	}
	red.Idempotent(strings.Repeat("k", 255)).Post(t, "/v1/notes", first).Want(t, 201)
	// A key on what is no POST means nothing.
	red.Idempotent("k").Patch(t, "/v1/notes/first", `{"title":"x"}`).Want(t, 200)
	red.Idempotent("k").Patch(t, "/v1/notes/first", `{"title":"y"}`).Want(t, 200)

	keeper := httpapitest.Start(t, httpapi.Config{Service: "note"}, s.register)
	keeper.Developer("red").Idempotent("k").Post(t, "/v1/count", nil).Refused(t, 422, "validation_failed")
}

func TestARefusedCallMayBeTriedAgainWithItsKey(t *testing.T) {
	t.Parallel()
	api, s := start(t)
	red := api.Developer("red")
	red.Post(t, "/v1/notes", first).Want(t, 201)
	key := red.Idempotent("k")
	key.Post(t, "/v1/notes", `{"title":5}`).Refused(t, 422, "validation_failed")
	key.Post(t, "/v1/notes", strings.Replace(first, "first", "second", 1)).Refused(t, 409, "title_taken")
	key.Post(t, "/v1/notes", first).Refused(t, 409, "note_exists")
	key.IfMatch(`"9"`).Post(t, "/v1/notes", `{"id":"second","title":"b","team":"red"}`).Refused(t, 412, "version_mismatch")
	key.Post(t, "/v1/notes", `{"id":"second","title":"b","team":"blue"}`).Refused(t, 403, "forbidden")
	key.Post(t, "/v1/notes", `{"id":"second","title":"b","team":"red"}`).Want(t, 201)
	key.Post(t, "/v1/panic", nil).Refused(t, 500, "internal_error")
	key.Post(t, "/v1/panic", nil).Refused(t, 500, "internal_error") // not 409: the lease was given back

	// A call that made no append is kept too.
	key.Post(t, "/v1/count", nil).Want(t, 204)
	counted := s.secrets
	if key.Post(t, "/v1/count", nil).Want(t, 204).Header.Get("Idempotency-Replayed") != "true" || s.secrets != counted {
		t.Errorf("counted again: %d, before %d", s.secrets, counted)
	}
}

func TestTheSecondCallInFlightIsRefused(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	s.gate = make(chan struct{})
	api := s.serve(t)
	var inFlight sync.WaitGroup
	inFlight.Go(func() { api.Developer("red").Idempotent("k").Post(t, "/v1/notes", first).Want(t, 201) })
	<-s.gate
	answer := api.Developer("red").Idempotent("k").Post(t, "/v1/notes", first)
	answer.Refused(t, 409, "idempotency_in_flight")
	if answer.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	s.gate <- struct{}{}
	inFlight.Wait()
	api.Developer("red").Idempotent("k").Post(t, "/v1/notes", first).Want(t, 201)
}

func TestPreferWait(t *testing.T) {
	t.Parallel()
	api, s := start(t)
	red := api.Developer("red").With("Prefer", "respond-async, wait=5")
	check := func(answer *httpapitest.Response, preference, applied, unconfirmed string) {
		t.Helper()
		h := answer.Header
		if h.Get("Preference-Applied") != preference || h.Get("Tidegate-Applied") != applied || h.Get("Tidegate-Unconfirmed") != unconfirmed {
			t.Errorf("headers %v", h)
		}
	}
	check(red.Post(t, "/v1/notes", first).Want(t, 201), "wait=5", "2/3", "1")
	check(red.Patch(t, "/v1/notes/first", `{"title":"x"}`).Want(t, 200), "wait=5", "2/3", "1")
	check(red.Post(t, "/v1/notes/first/close", nil).Want(t, 200), "wait=5", "2/3", "1")
	key := red.Idempotent("k")
	check(key.Post(t, "/v1/count", nil).Want(t, 204), "wait=5", "2/3", "1")
	check(key.Post(t, "/v1/count", nil).Want(t, 204), "wait=5", "2/3", "1") // a replay: what it answers may not be in force yet
	check(red.Post(t, "/v1/notes", `{"id":"second","title":"b","team":"red"}`).Want(t, 201), "wait=5", "2/3", "1")
	check(red.Delete(t, "/v1/notes/second").Want(t, 204), "wait=5", "2/3", "1")
	if len(s.waiter.waited) != 7 {
		t.Errorf("waited %v", s.waiter.waited)
	}
	// Nothing to wait for.
	check(red.Get(t, "/v1/notes/first").Want(t, 200), "", "", "")
	check(red.Post(t, "/v1/notes/first/close", nil).Want(t, 409), "", "", "")
	check(red.With("Prefer", "wait=soon").Post(t, "/v1/count", nil).Want(t, 204), "", "", "")
}

func TestWhatIsPreferred(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]int{
		"wait=5": 5, "wait=0": 0, "wait = 7": 7, "WAIT=7": 7, `wait="7"`: 7, "wait=5; strict": 5, "handling=lenient, wait=3": 3,
		"wait=30": 30, "wait=31": 30, "wait=99999999999999999999": 30, "wait=1, wait=9": 1,
		"wait": -1, "wait=": -1, "wait=-1": -1, "wait=1.5": -1, "wait=1s": -1, "wait=0x5": -1, "waiting=5": -1, "": -1, "respond-async": -1,
	} {
		seconds, ok := httpapi.PreferredWait([]string{value})
		if ok != (want >= 0) || ok && seconds != want {
			t.Errorf("%q: %d, %t, want %d", value, seconds, ok, want)
		}
	}
}

func TestErrorsBecomeProblemsInOneTable(t *testing.T) {
	t.Parallel()
	var logged strings.Builder
	api := httpapitest.Start(t, httpapi.Config{Service: "note", Log: logTo(&logged)}, newSample(t).register)
	red := api.Developer("red")
	for path, code := range map[string]string{"/v1/fail": "internal_error", "/v1/panic": "internal_error", "/v1/forgetful": "internal_error"} {
		answer := red.Post(t, path, nil)
		problem := answer.Refused(t, 500, code)
		if !strings.HasPrefix(problem.Detail, "Trace id: ") || strings.Contains(string(answer.Body), "disk") || strings.Contains(string(answer.Body), "tg_k_") {
			t.Errorf("%s: %s", path, answer.Body)
		}
	}
	if !strings.Contains(logged.String(), "the disk at /var/lib is on fire") || !strings.Contains(logged.String(), "sample_test.go") {
		t.Errorf("the log does not say what failed: %s", logged.String())
	}
	red.Post(t, "/v1/patient", nil).Refused(t, 503, "unavailable")
	down := red.Post(t, "/v1/down", nil)
	down.Refused(t, 503, "unavailable")
	if down.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestACommandOutsideARequestIsRunToo(t *testing.T) {
	t.Parallel()
	s := newSample(t)
	_, err := httpapi.Command(t.Context(), func(opts ...es.Option) error {
		_, err := s.handler.Handle(t.Context(), "x", written{ID: "x", Title: "x", Team: "red"}, opts...)
		return err
	}, func(context.Context, es.Reader) (*httpapi.Object[note], error) { return nil, errUnknown })
	if !errors.Is(err, errUnknown) {
		t.Errorf("error %v", err)
	}
	if _, version, _ := s.handler.State(t.Context(), "x"); version != 0 {
		t.Errorf("an answer that cannot be rendered leaves version %d", version)
	}
}
