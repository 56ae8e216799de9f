package oauth_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/es/sqlitestore"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/credential/internal/api"
	"github.com/tidegate-io/tidegate/services/credential/internal/domain"
	"github.com/tidegate-io/tidegate/services/credential/internal/oauth"
	"github.com/tidegate-io/tidegate/services/credential/internal/views"
)

var registry = events.MustRegistry(consumer.Events, credential.Events)

// world is one replica of the service on a store that others may share: its
// management API and its OAuth 2 server, over real HTTP. What it would hear from
// the bus the test tells it.
type world struct {
	*httpapitest.API
	store  es.Store
	ring   *secret.Ring
	keys   *oauth.Keys
	log    *logged
	offset *atomic.Int64
	heard  int64
	deaf   atomic.Bool // the owner of consumers cannot be asked
	waited atomic.Int64
}

// logged is what was logged, at every level.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func start(t *testing.T) *world {
	t.Helper()
	return startAt(t, filepath.Join(t.TempDir(), "credential.db"), secret.New())
}

var acme = consumer.Registered{Concerns: events.Concerns{ConsumerID: "acme", Team: "payments"}, Name: "Acme"}

// startAt starts a replica on a store file, with a consumer acme when it has
// none.
func startAt(t *testing.T, path string, ring *secret.Ring) *world {
	t.Helper()
	store := open(t, path)
	w := serve(t, store, ring, &atomic.Int64{})
	if _, err := store.Fact(t.Context(), views.ConsumerKind, "acme"); errors.Is(err, es.ErrNotFound) {
		w.hear(t, acme)
	}
	return w
}

func open(t *testing.T, path string) es.Store {
	t.Helper()
	store, err := sqlitestore.Open(t.Context(), path, es.Schema{
		Service: "credential", Registry: registry,
		Views: []es.View{views.Credentials, views.SigningKeys}, References: []es.Reference{views.Consumers, views.Usages},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// serve starts a replica on an open store.
func serve(t *testing.T, store es.Store, ring *secret.Ring, offset *atomic.Int64) *world {
	t.Helper()
	w := &world{store: store, ring: ring, log: &logged{}, offset: offset}
	log := slog.New(slog.NewTextHandler(io.MultiWriter(w.log, t.Output()), &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.keys = oauth.NewKeys(store, registry, ring, w.now, log)
	if err := w.keys.Tend(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.API = httpapitest.Start(t, httpapi.Config{Service: "credential", Idempotency: store, Log: log, Waiter: w}, func(s *httpapi.Server) {
		catchUp := func(context.Context, ...string) error {
			if w.deaf.Load() {
				return errors.New("nobody answers")
			}
			return nil
		}
		api.Register(s, api.Config{
			Store: store, Credentials: es.NewHandler(store, registry, domain.Decider, domain.Effects), Ring: ring,
			Clock: w.now, CatchUp: catchUp, SigningKeys: w.keys,
		})
		oauth.Register(s, oauth.Config{
			Store: store, Registry: registry, Ring: ring, Clock: w.now, Log: log, Keys: w.keys, URL: issuer, CatchUp: catchUp,
		})
	})
	return w
}

const issuer = "https://api.example.com"

func (w *world) Wait(context.Context, time.Duration) (applied, live, unconfirmed int) {
	w.waited.Add(1)
	return 2, 2, 0
}

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.offset.Load())) }

func (w *world) later(d time.Duration) { w.offset.Add(int64(d)) }

// hear tells of acme.
func (w *world) hear(t *testing.T, data events.Data) {
	t.Helper()
	from := es.Cursor{Epoch: "e", Position: w.heard}
	if w.heard == 0 {
		from = es.Cursor{}
	}
	w.heard++
	err := w.store.Absorb(t.Context(), es.Absorption{
		Subscriber: es.FactsSubscriber, Source: "consumer", From: from, To: es.Cursor{Epoch: "e", Position: w.heard},
		Events: []es.Received{{Data: data, Envelope: events.Envelope{
			ID: events.NewID(time.Now()), Type: data.EventType(), Schema: 1, Stream: "consumer-acme", Version: w.heard, Position: w.heard, Time: time.Now(),
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// issued is a credential with its secret.
type issued struct {
	ID     string `json:"id"`
	Secret struct {
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
		APIKey       string `json:"api_key"`
	} `json:"secret"`
}

func (c issued) path() string { return "/v1/credentials/" + c.ID }

// issue issues a credential to acme.
func (w *world) issue(t *testing.T, name, kind, config string, more ...string) issued {
	t.Helper()
	body := `{"name":"` + name + `","type":"` + kind + `","config":` + config + strings.Join(more, "") + `}`
	return httpapitest.Read[issued](t, w.Developer("payments").Post(t, "/v1/consumers/acme/credentials", body).Want(t, 201))
}

// client issues a credential of the type oauth2.
func (w *world) client(t *testing.T, config string) issued {
	t.Helper()
	return w.issue(t, "client", "oauth2", config)
}

// answer is what an OAuth 2 endpoint answered.
type answer struct {
	Status int
	Header http.Header
	Body   []byte
	oauth.Tokens
	oauth.Error
	Active *bool `json:"active"`
}

// post sends a form. Headers are "Name: value".
func (w *world) post(t *testing.T, path string, form url.Values, headers ...string) answer {
	t.Helper()
	return w.send(t, http.MethodPost, path, form.Encode(), append([]string{"Content-Type: application/x-www-form-urlencoded"}, headers...)...)
}

func (w *world) send(t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, w.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		if name == "Content-Type" && value == "" {
			request.Header.Del(name)
			continue
		}
		request.Header.Add(name, value)
		if name == "Content-Type" {
			request.Header[name] = []string{value}
		}
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	got := answer{Status: response.StatusCode, Header: response.Header}
	if got.Body, err = io.ReadAll(response.Body); err != nil {
		t.Fatal(err)
	}
	if len(got.Body) > 0 {
		if err := json.Unmarshal(got.Body, &got); err != nil {
			t.Fatalf("%s answered %d: %s", path, got.Status, got.Body)
		}
	}
	return got
}

// of is a form that a client sends, with its id and secret.
func of(c issued, pairs ...string) url.Values {
	form := url.Values{"client_id": {c.Secret.ClientID}, "client_secret": {c.Secret.ClientSecret}}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return form
}

// tokens asks for tokens, and gets them.
func (w *world) tokens(t *testing.T, c issued, pairs ...string) answer {
	t.Helper()
	return w.post(t, oauth.TokenPath, of(c, append([]string{"grant_type", "client_credentials"}, pairs...)...)).want(t, 200)
}

// refresh shows a refresh token.
func (w *world) refresh(t *testing.T, c issued, token string, pairs ...string) answer {
	t.Helper()
	return w.post(t, oauth.TokenPath, of(c, append([]string{"grant_type", "refresh_token", "refresh_token", token}, pairs...)...))
}

// active says whether a token is, as its client is told.
func (w *world) active(t *testing.T, c issued, token string) bool {
	t.Helper()
	return *w.post(t, oauth.IntrospectPath, of(c, "token", token)).want(t, 200).Active
}

func (a answer) want(t *testing.T, status int) answer {
	t.Helper()
	if a.Status != status {
		t.Fatalf("answered %d, want %d: %s", a.Status, status, a.Body)
	}
	return a
}

// refused holds a refusal to what RFC 6749 says of one.
func (a answer) refused(t *testing.T, status int, code string) answer {
	t.Helper()
	if a.want(t, status); a.Code != code || a.Header.Get("Content-Type") != "application/json" || a.Header.Get("Cache-Control") != "no-store" ||
		(status == 401) != strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Basic ") {
		t.Fatalf("refused with %v: %s", a.Header, a.Body)
	}
	return a
}

// claims reads an access token, whose signature is that of a published key.
func (w *world) claims(t *testing.T, token string) jwt.MapClaims {
	t.Helper()
	set := w.published(t)
	claims := jwt.MapClaims{}
	_, err := jwt.NewParser(jwt.WithoutClaimsValidation()).ParseWithClaims(token, claims, func(read *jwt.Token) (any, error) {
		i := slices.IndexFunc(set.Keys, func(k oauth.PublicKey) bool { return k.KeyID == read.Header["kid"] })
		if i < 0 || read.Header["typ"] != "at+jwt" || read.Method != jwt.SigningMethodES256 || len(read.Header) != 3 {
			return nil, errors.New("its header is not as it should be")
		}
		return key(t, set.Keys[i]), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

// events answers all that is in the store's events, as text.
func (w *world) events(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	records, err := w.store.Since(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		all.Write(r.Body)
		all.WriteByte('\n')
	}
	return all.String()
}
