package app_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/libs/app/apptest"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
)

// named is the document of the service under test.
type named struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// registry is a service as small as one can be: a consumer is registered, and
// shown.
func registry() app.Service {
	return app.Service{
		Name: "consumer", Writes: consumer.Events,
		Views: []es.View{es.ViewOf("consumers", 1, es.ByAggregate, func(doc named, e events.Envelope, data events.Data) named {
			if registered, ok := data.(consumer.Registered); ok {
				return named{ID: e.Aggregate(), Name: registered.Name}
			}
			return doc
		})},
		Routes: registryRoutes,
	}
}

type registerInput struct {
	Body struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
}

type showInput struct {
	ID string `path:"id"`
}

func registryRoutes(d app.Deps) error {
	handler := es.NewHandler(d.Store, d.Registry, es.Decider[bool, named]{
		Category: "consumer",
		Decide: func(there bool, c named) ([]events.Data, error) {
			if there {
				return nil, es.Refuse(es.Taken, "consumer_exists", "it is there")
			}
			return []events.Data{consumer.Registered{Concerns: events.Concerns{ConsumerID: c.ID}, Name: c.Name}}, nil
		},
		Evolve: func(bool, events.Data) bool { return true },
	}, nil)
	httpapi.Register(d.API, httpapi.Operation{ID: "register", Method: http.MethodPost, Path: "/v1/consumers", Summary: "Register", Status: http.StatusCreated},
		func(ctx context.Context, in *registerInput) (*httpapi.Created[named], error) {
			return httpapi.Command(ctx, func(opts ...es.Option) error {
				_, err := handler.Handle(ctx, in.Body.ID, named(in.Body), opts...)
				return err
			}, func(ctx context.Context, r es.Reader) (*httpapi.Created[named], error) {
				doc, err := es.Get[named](ctx, r, "consumers", in.Body.ID)
				return httpapi.NewCreated("/v1/consumers/"+in.Body.ID, 1, doc), err
			})
		})
	httpapi.Register(d.API, httpapi.Operation{ID: "show", Method: http.MethodGet, Path: "/v1/consumers/{id}", Summary: "Show"},
		func(ctx context.Context, in *showInput) (*httpapi.Object[named], error) {
			doc, err := es.Get[named](ctx, d.Store, "consumers", in.ID)
			return httpapi.NewObject(1, doc), err
		})
	return nil
}

func TestAServiceKeepsWhatItAnsweredOverARestart(t *testing.T) {
	h := apptest.Start(t, registry())
	h.Admin().Post("/v1/consumers", named{"acme", "Acme"}).Want(http.StatusCreated)
	h.Stop()
	h.Run()
	if got := h.Admin().Get("/v1/consumers/acme").Want(http.StatusOK).Text("name"); got != "Acme" {
		t.Errorf("after a restart it is called %q", got)
	}
}

func TestCommandsAreAcceptedWhileNATSIsDown(t *testing.T) {
	h := apptest.Start(t, registry())
	h.Stop()
	h.StopNATS()
	h.Run() // a service starts without NATS too
	h.Admin().Post("/v1/consumers", named{"acme", "Acme"}).Want(http.StatusCreated)
	if got := h.Anonymous().Get("/readyz").Want(http.StatusOK).Text("impaired.consumer bus"); got == "" {
		t.Error("/readyz does not tell that NATS is down")
	}
	h.StartNATS()
	h.Eventually("the event is published", func() bool {
		return h.Admin().Get("/v1/operations/consumer").Want(http.StatusOK).Text("published") == "1"
	})
}

func TestEveryAddressHasHealthMetricsAndItsDocument(t *testing.T) {
	h := apptest.Start(t, registry())
	h.Anonymous().Get("/livez").Want(http.StatusOK)
	h.Anonymous().Get("/readyz").Want(http.StatusOK)
	if page := h.Anonymous().Get("/metrics").Want(http.StatusOK).Body; !strings.Contains(string(page), "http_server_request_duration") {
		t.Errorf("/metrics has no durations of requests: %.300s", page)
	}
	if h.Anonymous().Get("/openapi.json").Want(http.StatusOK).Value("paths") == nil {
		t.Error("/openapi.json describes nothing")
	}
	h.Admin().Get("/v1/operations/consumer").Want(http.StatusOK)
	h.Developer("payments").Get("/v1/operations/consumer").Refused(http.StatusForbidden, "forbidden")
}

func TestAServiceSaysWhyItIsNotReady(t *testing.T) {
	broken := registry()
	broken.Start = func(ctx context.Context, d app.Deps) error {
		time.AfterFunc(50*time.Millisecond, func() {
			d.Health.Require("oven", func(context.Context) error { return errors.New("it is cold") })
		})
		<-ctx.Done()
		return nil
	}
	h := apptest.Start(t, broken)
	h.Eventually("it is not ready", func() bool { return h.Anonymous().Get("/readyz").Status == http.StatusServiceUnavailable })
	if got := h.Anonymous().Get("/readyz").Text("failed.oven"); got != "it is cold" {
		t.Errorf("/readyz says %q", got)
	}
}

// run runs services without the harness.
func run(t *testing.T, cfg app.Config, services ...app.Service) error {
	t.Helper()
	cfg.DataDir, cfg.NATSURL = t.TempDir(), "nats://127.0.0.1:1"
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	return app.Run(ctx, cfg, services...)
}

func TestAPartThatFailsStopsTheProcessAndIsNamed(t *testing.T) {
	failing := registry()
	failing.Start = func(context.Context, app.Deps) error { return errors.New("the clock has stopped") }
	err := run(t, app.Config{Listen: "127.0.0.1:0"}, failing)
	if err == nil || !strings.Contains(err.Error(), "consumer") || !strings.Contains(err.Error(), "the clock has stopped") {
		t.Errorf("the process ended with %v", err)
	}
}

func TestAnAddressThatIsTakenStopsTheProcess(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	if err := run(t, app.Config{Listen: taken.Addr().String()}, registry()); err == nil || !strings.Contains(err.Error(), taken.Addr().String()) {
		t.Errorf("the process ended with %v", err)
	}
}

func TestCallsInFlightAreAnsweredWhileTheProcessEnds(t *testing.T) {
	slow := registry()
	entered := make(chan struct{})
	slow.Routes = func(d app.Deps) error {
		httpapi.Register(d.API, httpapi.Operation{ID: "slow", Method: http.MethodGet, Path: "/v1/consumers/slow", Summary: "Slow", Public: true},
			func(ctx context.Context, _ *struct{}) (*httpapi.Object[string], error) {
				close(entered)
				select {
				case <-ctx.Done():
				case <-time.After(300 * time.Millisecond):
				}
				return httpapi.NewObject(1, "done"), nil
			})
		return nil
	}
	h := apptest.Start(t, slow)
	status := make(chan int, 1)
	go func() {
		answer, err := http.Get(h.URL("consumer") + "/v1/consumers/slow")
		if err != nil {
			status <- 0
			return
		}
		_ = answer.Body.Close()
		status <- answer.StatusCode
	}()
	<-entered
	h.Stop()
	if got := <-status; got != http.StatusOK {
		t.Errorf("a call in flight was answered %d", got)
	}
}

func TestWhatOthersRelyOnEndsAfterThem(t *testing.T) {
	ended := make(chan string, 2)
	h := apptest.Start(t,
		app.Service{Name: "taker", Back: func(ctx context.Context, _ app.Deps) error {
			<-ctx.Done()
			ended <- "taker"
			return ctx.Err()
		}},
		app.Service{Name: "giver", Start: func(ctx context.Context, _ app.Deps) error {
			<-ctx.Done()
			time.Sleep(200 * time.Millisecond) // its last words
			ended <- "giver"
			return nil
		}},
	)
	h.Stop()
	if first, second := <-ended, <-ended; first != "giver" || second != "taker" {
		t.Errorf("first ended the %s, then the %s", first, second)
	}
}
