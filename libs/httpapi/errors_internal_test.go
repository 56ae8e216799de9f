package httpapi

import (
	"errors"
	"fmt"
	"testing"

	"github.com/tidegate-io/tidegate/libs/es"
)

func TestEachErrorHasOneAnswer(t *testing.T) {
	t.Parallel()
	s := New(Config{Service: "note", Version: "1"})
	s.Taken("title", es.Refuse(es.Taken, "title_taken", "another note has this title"))
	s.Reference("plan", "body.plan.id")
	s.Reference("plan", "body.plan_id") // the last word counts
	sentinel := es.Refuse(es.Illegal, "illegal_transition", "not now")
	tests := []struct {
		err           error
		status        int
		code          string
		location      string
		current       string
		mayTryAgain   bool
		authenticates bool
	}{
		{err: es.Refuse(es.Invalid, "bad", "no"), status: 422, code: "bad"},
		{err: es.Refuse(es.Invalid, "bad", "no").At("body.x"), status: 422, code: "bad", location: "body.x"},
		{err: sentinel.In("revoked"), status: 409, code: "illegal_transition", current: "revoked"},
		{err: fmt.Errorf("approve: %w", sentinel.In("revoked")), status: 409, code: "illegal_transition", current: "revoked"},
		{err: es.Refuse(es.Immutable, "type_immutable", "no"), status: 409, code: "type_immutable"},
		{err: es.Refuse(es.Taken, "route_taken", "no"), status: 409, code: "route_taken"},
		{err: es.Refuse(es.Missing, "gone", "no"), status: 404, code: "gone"},
		{err: es.Refuse(es.Forbidden, "not_yours", "no"), status: 403, code: "not_yours"},
		{err: es.Refuse(es.Unavailable, "later", "no"), status: 503, code: "later", mayTryAgain: true},
		{err: ErrForbidden, status: 403, code: "forbidden"},
		{err: ErrReferenceUnavailable.At("body.consumer_id"), status: 503, code: "reference_unavailable", location: "body.consumer_id", mayTryAgain: true},
		{err: ErrUnknownReference.At("body.service_id"), status: 422, code: "unknown_reference", location: "body.service_id"},
		{err: ErrIdentifierImmutable.At("body.id"), status: 409, code: "identifier_immutable", location: "body.id"},
		{err: Invalid("body.team", "name one"), status: 422, code: "validation_failed", location: "body.team"},
		{err: fmt.Errorf("append: %w", &es.TakenError{Scope: "title"}), status: 409, code: "title_taken"},
		{err: &es.TakenError{Scope: "title/red"}, status: 409, code: "title_taken"},
		{err: &es.TakenError{Scope: "route"}, status: 409, code: "taken"},
		{err: es.ErrTaken, status: 409, code: "taken"},
		{err: &es.ReferenceError{Ref: es.Ref{Kind: "plan", ID: "gold"}}, status: 422, code: "unknown_reference", location: "body.plan_id"},
		{err: &es.ReferenceError{Ref: es.Ref{Kind: "consumer", ID: "x"}}, status: 422, code: "unknown_reference", location: "body.consumer_id"},
		{err: es.ErrReference, status: 422, code: "unknown_reference"},
		{err: es.ErrNotFound, status: 404, code: "not_found"},
		{err: es.ErrVersion, status: 412, code: "version_mismatch"},
		{err: es.ErrConflict, status: 409, code: "conflict", mayTryAgain: true},
		{err: es.ErrTooLarge, status: 422, code: "too_large"},
		{err: fmt.Errorf("load: %w", es.ErrUnavailable), status: 503, code: "unavailable", mayTryAgain: true},
		{err: es.ErrIdempotencyMismatch, status: 422, code: "idempotency_mismatch"},
		{err: es.ErrIdempotencyInFlight, status: 409, code: "idempotency_in_flight", mayTryAgain: true},
		{err: es.ErrLeaseLost, status: 409, code: "idempotency_in_flight", mayTryAgain: true},
		{err: ErrUnauthenticated, status: 401, code: "unauthenticated", authenticates: true},
		{err: es.ErrDuplicate, status: 500, code: "internal_error"},
		{err: es.ErrCursor, status: 500, code: "internal_error"},
		{err: es.Refuse(es.Kind(99), "new", "no"), status: 500, code: "internal_error"},
		{err: errors.New("pq: password authentication failed"), status: 500, code: "internal_error"},
	}
	for _, test := range tests {
		p := s.problem(t.Context(), test.err)
		if p.Status != test.status || p.Code != test.code || p.CurrentStatus != test.current || p.Title == "" || p.Detail == "" {
			t.Errorf("%v: %+v", test.err, p)
		}
		if location := locationOf(p); location != test.location {
			t.Errorf("%v: location %q, want %q", test.err, location, test.location)
		}
		if got := p.GetHeaders().Get("Retry-After") != ""; got != test.mayTryAgain {
			t.Errorf("%v: Retry-After %t", test.err, got)
		}
		if got := p.GetHeaders().Get("WWW-Authenticate") != ""; got != test.authenticates {
			t.Errorf("%v: WWW-Authenticate %t", test.err, got)
		}
	}
}

func locationOf(p *Problem) string {
	if len(p.Errors) == 0 {
		return ""
	}
	return p.Errors[0].Location
}

func TestAProblemThatIsAnsweredTwiceIsNotShared(t *testing.T) {
	t.Parallel()
	s := New(Config{Service: "note", Version: "1"})
	declared := Invalid("body.team", "name one")
	first := s.problem(withCall(t.Context(), &call{id: "one"}), declared)
	second := s.problem(withCall(t.Context(), &call{id: "two"}), declared)
	if first.RequestID != "one" || second.RequestID != "two" || declared.RequestID != "" {
		t.Errorf("request ids %q, %q, %q", first.RequestID, second.RequestID, declared.RequestID)
	}
}
