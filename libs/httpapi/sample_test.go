package httpapi_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/es/sqlitestore"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
)

// The sample service: notes that belong to a team, with a secret each.

type written struct {
	ID         string            `json:"id"`
	Title      string            `json:"title"`
	Team       string            `json:"team"`
	Labels     map[string]string `json:"labels,omitempty"`
	Limits     *limits           `json:"limits,omitempty"`
	MailSealed []byte            `json:"mail_sealed,omitempty"`
}

type changed struct {
	Title  string            `json:"title"`
	Labels map[string]string `json:"labels,omitempty"`
	Limits *limits           `json:"limits,omitempty"`
}

type closed struct {
	Reason string `json:"reason,omitempty"`
}

func (written) EventType() string { return "note.written" }
func (changed) EventType() string { return "note.changed" }
func (closed) EventType() string  { return "note.closed" }

type limits struct {
	Requests   int64 `json:"requests" minimum:"1" maximum:"1000000"`
	PerSeconds int64 `json:"per_seconds" minimum:"1"`
}

type note struct {
	ID      string            `json:"id"`
	Title   string            `json:"title"`
	Team    string            `json:"team"`
	Labels  map[string]string `json:"labels"`
	Limits  *limits           `json:"limits,omitempty"`
	Status  string            `json:"status"`
	Version int64             `json:"version"`
}

func (n note) Index() es.Index {
	return es.Index{Text: n.Title, Terms: map[string][]string{"readers": {httpapi.ReaderTeam + n.Team}}}
}

var (
	errExists  = es.Refuse(es.Taken, "note_exists", "there is such a note")
	errClosed  = es.Refuse(es.Illegal, "illegal_transition", "a closed note stays as it is")
	errTitle   = es.Refuse(es.Taken, "title_taken", "another note has this title")
	errUnknown = errors.New("the disk at /var/lib is on fire")
)

var decider = es.Decider[note, any]{
	Category: "note",
	Decide: func(n note, command any) ([]events.Data, error) {
		switch c := command.(type) {
		case written:
			if n.Status != "" {
				return nil, errExists
			}
			return []events.Data{c}, nil
		case changed:
			if n.Status == "closed" {
				return nil, errClosed.In(n.Status)
			}
			if c.Title == n.Title && c.Limits == n.Limits && c.Labels == nil {
				return nil, nil
			}
			return []events.Data{c}, nil
		case closed:
			if n.Status == "closed" {
				return nil, errClosed.In(n.Status)
			}
			return []events.Data{c}, nil
		}
		return nil, errUnknown
	},
	Evolve: evolve,
}

func evolve(n note, data events.Data) note {
	switch e := data.(type) {
	case written:
		return note{ID: e.ID, Title: e.Title, Team: e.Team, Labels: e.Labels, Limits: e.Limits, Status: "open"}
	case changed:
		n.Title, n.Labels, n.Limits = e.Title, e.Labels, e.Limits
	case closed:
		n.Status = "closed"
	}
	return n
}

// titles are unique among open notes.
func titles(before, after note) es.Effects {
	if before.Title == after.Title && before.Status == after.Status {
		return es.Effects{}
	}
	effects := es.Effects{Claims: []es.Claim{{Scope: "title", Release: true}}}
	if after.Status == "open" {
		effects.Claims = append(effects.Claims, es.Claim{Scope: "title", Value: after.Title})
	}
	return effects
}

var registry = events.MustRegistry(events.Set{events.Of[written](1), events.Of[changed](1), events.Of[closed](1)})

var notesView = es.ViewOf("notes", 1, es.ByAggregate, func(n note, e events.Envelope, data events.Data) note {
	n = evolve(n, data)
	n.Version = e.Version
	return n
})

type sample struct {
	store   es.Store
	handler *es.Handler[note, any]
	secrets int
	kept    []string // header values, kept past their handlers
	gate    chan struct{}
	lost    bool // what is kept cannot be revealed
	waiter  *waiter
}

// waiter says that two of three gateways have applied, at once.
type waiter struct {
	mu     sync.Mutex
	waited []time.Duration
	block  bool // it never does
}

func (w *waiter) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.waited)
}

func (w *waiter) Wait(ctx context.Context, d time.Duration) (applied, live, unconfirmed int) {
	w.mu.Lock()
	w.waited = append(w.waited, d)
	w.mu.Unlock()
	if w.block {
		<-ctx.Done()
		return 0, 3, 0
	}
	return 2, 3, 1
}

func newSample(t *testing.T) *sample {
	t.Helper()
	store, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "note.db"), es.Schema{Service: "note", Registry: registry, Views: []es.View{notesView}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return &sample{store: store, handler: es.NewHandler(store, registry, decider, titles), waiter: &waiter{}}
}

func start(t *testing.T) (*httpapitest.API, *sample) {
	t.Helper()
	s := newSample(t)
	return s.serve(t), s
}

func (s *sample) serve(t *testing.T) *httpapitest.API {
	t.Helper()
	return httpapitest.Start(t, httpapi.Config{Service: "note", Idempotency: s.store, Waiter: s.waiter}, s.register)
}

type writeInput struct {
	Body struct {
		ID     string            `json:"id,omitempty" minLength:"1" maxLength:"32" pattern:"^[a-z0-9-]+$"`
		Title  string            `json:"title" minLength:"1" maxLength:"40"`
		Team   string            `json:"team,omitempty" maxLength:"40"`
		Kind   string            `json:"kind,omitempty" enum:"plain,rich"`
		Labels map[string]string `json:"labels,omitempty"`
		Limits *limits           `json:"limits,omitempty"`
		Tags   []string          `json:"tags,omitempty" maxItems:"3" uniqueItems:"true"`
		Due    *time.Time        `json:"due,omitempty"`
		Link   string            `json:"link,omitempty" format:"uri"`
		Weight float64           `json:"weight,omitempty"`
		Pinned bool              `json:"pinned,omitempty"`
	}
}

type NoteID struct {
	ID string `path:"id" maxLength:"32"`
}

type secret struct {
	Value string `json:"value"`
}

type Note = note

type issued struct {
	Note

	Secret *secret `json:"secret"`
}

type patchInput struct {
	NoteID

	Body struct {
		Title  httpapi.Optional[string]            `json:"title,omitzero" minLength:"1" maxLength:"40" nullable:"false"`
		Labels httpapi.Optional[map[string]string] `json:"labels,omitzero"`
		Limits httpapi.Optional[limits]            `json:"limits,omitzero"`
	}
}

type closeInput struct {
	NoteID

	Body *struct {
		Reason string `json:"reason,omitempty" maxLength:"100"`
	}
}

type listInput struct {
	httpapi.Paging

	Text  string   `query:"q" maxLength:"100"`
	Label []string `query:"label,explode" maxItems:"4"`
}

func (s *sample) register(api *httpapi.Server) {
	api.Taken("title", errTitle)
	httpapi.Register(api, httpapi.Operation{
		ID: "write-note", Method: http.MethodPost, Path: "/v1/notes", Summary: "Write a note", Status: http.StatusCreated,
		Body:     map[string]any{"id": "first", "title": "Buy milk", "team": "red"},
		Refusals: []*es.Refusal{errExists, errTitle},
	}, s.write)
	httpapi.Register(api, httpapi.Operation{ID: "list-notes", Method: http.MethodGet, Path: "/v1/notes", Summary: "List notes"}, s.list)
	httpapi.Register(api, httpapi.Operation{
		ID: "get-note", Method: http.MethodGet, Path: "/v1/notes/{id}", Summary: "Get a note",
		Answer: note{ID: "first", Title: "Buy milk", Team: "red", Labels: map[string]string{}, Status: "open", Version: 1},
	}, func(ctx context.Context, in *NoteID) (*httpapi.Object[note], error) {
		return s.get(ctx, s.store, in.ID)
	})
	httpapi.Register(api, httpapi.Operation{
		ID: "change-note", Method: http.MethodPatch, Path: "/v1/notes/{id}", Summary: "Change a note",
		Body: map[string]any{"title": "Buy bread"}, Refusals: []*es.Refusal{errClosed, errTitle},
	}, s.change)
	httpapi.Register(api, httpapi.Operation{
		ID: "close-note", Method: http.MethodPost, Path: "/v1/notes/{id}/close", Summary: "Close a note", Refusals: []*es.Refusal{errClosed},
		Reveal: func(_ context.Context, kept []byte) ([]byte, error) {
			if s.lost {
				return nil, errUnknown
			}
			return bytes.Replace(kept, []byte(`"title":"`), []byte(`"title":"revealed `), 1), nil
		},
	}, s.close)
	httpapi.Register(api, httpapi.Operation{ID: "delete-note", Method: http.MethodDelete, Path: "/v1/notes/{id}", Summary: "Delete a note"}, s.remove)
	httpapi.RegisterHistory(api, httpapi.HistoryConfig{
		Path: "/v1/notes/{id}/history", Category: "note", Streams: s.store,
		May: func(ctx context.Context, id string) error { return s.may(ctx, id, httpapi.Read) },
	})
	s.registerOdd(api)
}

func (s *sample) write(ctx context.Context, in *writeInput) (*httpapi.Created[issued], error) {
	id := in.Body.ID
	if id == "" {
		id = "note-1"
	}
	if err := httpapi.Authorize(ctx, httpapi.Access{Object: httpapi.Consumer, Verb: httpapi.Write, Team: in.Body.Team, New: true}); err != nil {
		return nil, err
	}
	if s.gate != nil {
		s.gate <- struct{}{}
		<-s.gate
	}
	command := written{ID: id, Title: in.Body.Title, Team: in.Body.Team, Labels: in.Body.Labels, Limits: in.Body.Limits, MailSealed: []byte("sealed")}
	answer, err := httpapi.Command(ctx, func(opts ...es.Option) error {
		_, err := s.handler.Handle(ctx, id, command, opts...)
		return err
	}, func(ctx context.Context, r es.Reader) (*httpapi.Created[issued], error) {
		n, err := es.Get[note](ctx, r, "notes", id)
		return httpapi.NewCreated("/v1/notes/"+id, n.Version, issued{Note: n}), err
	})
	if err != nil {
		return nil, err
	}
	s.secrets++
	answer.Body.Secret = &secret{Value: "tg_k_secret"}
	return answer, nil
}

func (s *sample) get(ctx context.Context, r es.Reader, id string) (*httpapi.Object[note], error) {
	n, err := es.Get[note](ctx, r, "notes", id)
	if err != nil {
		return nil, err
	}
	if err := httpapi.Authorize(ctx, httpapi.Access{Object: httpapi.Consumer, Verb: httpapi.Read, Team: n.Team}); err != nil {
		return nil, err
	}
	return httpapi.NewObject(n.Version, n), nil
}

func (s *sample) may(ctx context.Context, id string, verb httpapi.Verb) error {
	n, err := es.Get[note](ctx, s.store, "notes", id)
	if err != nil {
		return err
	}
	return httpapi.Authorize(ctx, httpapi.Access{Object: httpapi.Consumer, Verb: verb, Team: n.Team})
}

func (s *sample) list(ctx context.Context, in *listInput) (*httpapi.List[note], error) {
	q, err := in.Query(ctx, es.Query{View: "notes", Text: in.Text, Where: httpapi.Visible(ctx, httpapi.Consumer).Term("readers")})
	if err != nil {
		return nil, err
	}
	notes, next, err := es.Find[note](ctx, s.store, q)
	if err != nil {
		return nil, err
	}
	return httpapi.NewList(ctx, notes, next), nil
}

func (s *sample) run(ctx context.Context, id string, command any) (*httpapi.Object[note], error) {
	if err := s.may(ctx, id, httpapi.Write); err != nil {
		return nil, err
	}
	return httpapi.Command(ctx, func(opts ...es.Option) error {
		_, err := s.handler.Handle(ctx, id, command, opts...)
		return err
	}, func(ctx context.Context, r es.Reader) (*httpapi.Object[note], error) { return s.get(ctx, r, id) })
}

func (s *sample) change(ctx context.Context, in *patchInput) (*httpapi.Object[note], error) {
	n, err := es.Get[note](ctx, s.store, "notes", in.ID)
	if err != nil {
		return nil, err
	}
	var none limits
	if n.Limits != nil {
		none = *n.Limits
	}
	title, err1 := in.Body.Title.Apply(n.Title)
	labels, err2 := in.Body.Labels.Apply(n.Labels)
	applied, err3 := in.Body.Limits.Apply(none)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	command := changed{Title: title, Labels: labels}
	if applied != (limits{}) {
		command.Limits = &applied
	}
	return s.run(ctx, in.ID, command)
}

func (s *sample) close(ctx context.Context, in *closeInput) (*httpapi.Object[note], error) {
	command := closed{}
	if in.Body != nil {
		command.Reason = in.Body.Reason
	}
	return s.run(ctx, in.ID, command)
}

func (s *sample) remove(ctx context.Context, in *NoteID) (*httpapi.Empty, error) {
	if err := s.may(ctx, in.ID, httpapi.Write); err != nil {
		return nil, err
	}
	return httpapi.Command(ctx, func(opts ...es.Option) error {
		_, err := s.handler.Handle(ctx, in.ID, closed{Reason: "deleted"}, opts...)
		return err
	}, func(context.Context, es.Reader) (*httpapi.Empty, error) { return &httpapi.Empty{}, nil })
}

type oddInput struct {
	Keep string `header:"X-Keep"`
}

// registerOdd adds operations that a sane service has not.
func (s *sample) registerOdd(api *httpapi.Server) {
	odd := func(path string, handle func(context.Context, *oddInput) (*httpapi.Empty, error)) {
		httpapi.Register(api, httpapi.Operation{ID: "odd" + path[4:], Method: http.MethodPost, Path: path, Summary: "Do something odd", Public: path == "/v1/keep"}, handle)
	}
	odd("/v1/fail", func(context.Context, *oddInput) (*httpapi.Empty, error) { return nil, errUnknown })
	odd("/v1/panic", func(context.Context, *oddInput) (*httpapi.Empty, error) { panic("tg_k_in_a_panic") })
	odd("/v1/down", func(context.Context, *oddInput) (*httpapi.Empty, error) { return nil, es.ErrUnavailable })
	odd("/v1/count", func(context.Context, *oddInput) (*httpapi.Empty, error) { s.secrets++; return &httpapi.Empty{}, nil })
	odd("/v1/patient", func(ctx context.Context, _ *oddInput) (*httpapi.Empty, error) {
		if end, bounded := ctx.Deadline(); !bounded || time.Until(end) >= es.LeaseTime {
			return nil, errors.New("a handler may outlive the lease of its key")
		}
		return nil, fmt.Errorf("ask somebody: %w", context.DeadlineExceeded)
	})
	odd("/v1/forgetful", func(ctx context.Context, _ *oddInput) (*httpapi.Empty, error) {
		return httpapi.Command(ctx, func(...es.Option) error { return nil },
			func(context.Context, es.Reader) (*httpapi.Empty, error) { return &httpapi.Empty{}, nil })
	})
	odd("/v1/keep", func(_ context.Context, in *oddInput) (*httpapi.Empty, error) {
		s.kept = append(s.kept, in.Keep)
		return &httpapi.Empty{}, nil
	})
}
