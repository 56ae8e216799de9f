package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
)

type rawForm struct {
	Name string `json:"name"`
}

type rawAnswer struct {
	Name   string `json:"name"`
	Caller string `json:"caller"`
	Base   string `json:"base"`
}

type patience struct{ asked int }

func (p *patience) Wait(context.Context, time.Duration) (applied, live, unconfirmed int) {
	p.asked++
	return 1, 2, 3
}

func register(s *httpapi.Server) {
	httpapi.RegisterRaw(s, httpapi.Raw{
		ID: "raw", Method: http.MethodPost, Path: "/raw", Summary: "An operation with rules of its own", Form: rawForm{Name: "ada"}, JSON: rawForm{Name: "ada"},
		Security: []string{httpapi.SecurityClient, httpapi.SecurityBearer}, Waits: true,
		Answers: []httpapi.RawAnswer{
			{Status: 200, Description: "Fine", Body: rawAnswer{Name: "ada"}, Media: "application/raw+json"}, {Status: 418, Description: "A teapot"},
		},
	}, func(ctx context.Context, in *httpapi.RawRequest) *httpapi.RawResponse {
		if string(in.Body) == "teapot" {
			return &httpapi.RawResponse{Status: http.StatusTeapot, Header: map[string]string{"Cache-Control": "public"}}
		}
		ctx, err := in.Caller(ctx)
		if err != nil && !errors.Is(err, httpapi.ErrUnauthenticated) {
			return &httpapi.RawResponse{Status: http.StatusServiceUnavailable}
		}
		return &httpapi.RawResponse{Status: http.StatusOK, Media: "application/raw+json", Body: rawAnswer{
			Name: strings.Join(in.Header("X-Name"), ","), Caller: httpapi.CallerFrom(ctx).Subject, Base: in.Base,
		}}
	})
}

func TestAnOperationWithRulesOfItsOwn(t *testing.T) {
	t.Parallel()
	waiter := &patience{}
	api := httpapitest.Start(t, httpapi.Config{Service: "raw", Waiter: waiter}, register)
	answer := api.Admin().With("X-Name", "ada").With("Content-Type", "text/plain").With("Prefer", "wait=2").Post(t, "/raw", "name=ada").Want(t, 200)
	got := httpapitest.Read[rawAnswer](t, answer)
	if want := (rawAnswer{Name: "ada", Caller: "admin", Base: api.URL}); got != want || answer.Header.Get("Content-Type") != "application/raw+json" {
		t.Errorf("got %+v as %s", got, answer.Header.Get("Content-Type"))
	}
	if answer.Header.Get("X-Request-Id") == "" || answer.Header.Get("Cache-Control") != "no-store" || answer.Header.Get("Tidegate-Applied") != "1/2" || waiter.asked != 1 {
		t.Errorf("its headers are %v", answer.Header)
	}
	if got := httpapitest.Read[rawAnswer](t, api.Anonymous().Post(t, "/raw", nil).Want(t, 200)); got.Caller != "" {
		t.Errorf("nobody is %q", got.Caller)
	}
	refused := api.Admin().With("Prefer", "wait=2").Post(t, "/raw", "teapot").Want(t, 418)
	if len(refused.Body) > 0 || refused.Header.Get("Cache-Control") != "public" || refused.Header.Get("Tidegate-Applied") != "" || waiter.asked != 1 {
		t.Errorf("%v %s", refused.Header, refused.Body)
	}
	api.Admin().Get(t, "/raw").Refused(t, 405, "method_not_allowed")
}

func TestAnOperationWithRulesOfItsOwnIsDescribed(t *testing.T) {
	t.Parallel()
	server := httpapi.New(httpapi.Config{Service: "raw", Version: "1"})
	register(server)
	raw, err := server.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	var read struct {
		Paths map[string]map[string]struct {
			Security    []map[string][]string
			RequestBody struct {
				Content map[string]struct {
					Example map[string]any
					Schema  map[string]any
				}
			}
			Responses map[string]struct{ Content map[string]any }
		}
		Components struct {
			SecuritySchemes map[string]struct{ Scheme string }
		}
	}
	if err := json.Unmarshal(raw, &read); err != nil {
		t.Fatal(err)
	}
	op := read.Paths["/raw"]["post"]
	form := op.RequestBody.Content["application/x-www-form-urlencoded"]
	if form.Example["name"] != "ada" || form.Schema["$ref"] != "#/components/schemas/RawForm" || len(op.RequestBody.Content) != 2 {
		t.Errorf("its body is described as %v", op.RequestBody)
	}
	if len(op.Security) != 3 || read.Components.SecuritySchemes["client"].Scheme != "basic" || read.Components.SecuritySchemes["bearer"].Scheme != "bearer" {
		t.Errorf("its security is described as %v, %v", op.Security, read.Components.SecuritySchemes)
	}
	if op.Responses["200"].Content["application/raw+json"] == nil || op.Responses["418"].Content != nil {
		t.Errorf("its answers are described as %v", op.Responses)
	}
}
