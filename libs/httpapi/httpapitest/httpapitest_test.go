package httpapitest_test

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
)

type box struct {
	ID    string `json:"id"`
	Count int    `json:"count"`
}

type boxInput struct {
	ID string `path:"id" maxLength:"20"`
}

type fillInput struct {
	ID   string `path:"id" maxLength:"20"`
	Body struct {
		Count int    `json:"count" minimum:"1" maximum:"9"`
		Note  string `json:"note,omitempty" maxLength:"10"`
	}
}

// boxes registers one box, "a", of team red. A forgetful one asks nobody who they are.
func boxes(forgetful bool) func(*httpapi.Server) {
	count := 1
	may := func(ctx context.Context, id string, verb httpapi.Verb) error {
		if id != "a" {
			return es.ErrNotFound
		}
		if forgetful {
			return nil
		}
		return httpapi.Authorize(ctx, httpapi.Access{Object: httpapi.Consumer, Verb: verb, Team: "red"})
	}
	return func(s *httpapi.Server) {
		httpapi.Register(s, httpapi.Operation{ID: "get-box", Method: http.MethodGet, Path: "/v1/boxes/{id}", Summary: "Get a box"},
			func(ctx context.Context, in *boxInput) (*httpapi.Object[box], error) {
				if err := may(ctx, in.ID, httpapi.Read); err != nil {
					return nil, err
				}
				return httpapi.NewObject(int64(count), box{"a", count}), nil
			})
		httpapi.Register(s, httpapi.Operation{
			ID: "fill-box", Method: http.MethodPut, Path: "/v1/boxes/{id}", Summary: "Fill a box", Body: map[string]any{"count": 3, "note": "x"},
		}, func(ctx context.Context, in *fillInput) (*httpapi.Object[box], error) {
			if err := may(ctx, in.ID, httpapi.Write); err != nil {
				return nil, err
			}
			return httpapi.Command(ctx, func(...es.Option) error { return es.ErrVersion }, // every version is stale
				func(context.Context, es.Reader) (*httpapi.Object[box], error) { return nil, nil })
		})
	}
}

func walk(t *testing.T, forgetful bool) httpapitest.Walk {
	t.Helper()
	api := httpapitest.Start(t, httpapi.Config{Service: "box"}, boxes(forgetful))
	document, err := api.Server.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	return httpapitest.Walk{
		Document: document, Client: api.Developer("red"), Stranger: api.Developer("blue"),
		Examples: map[string]httpapitest.Example{"get-box": {Path: "/v1/boxes/a"}, "fill-box": {Path: "/v1/boxes/a"}},
	}
}

func TestWalkPassesAnAPIThatRefusesWhatItMust(t *testing.T) {
	t.Parallel()
	walk(t, false).Run(t)
}

// sloppy is set in the process in which an API that forgets its rules is walked.
const sloppy = "HTTPAPITEST_SLOPPY"

func TestWalkFailsAnAPIThatForgetsItsRules(t *testing.T) {
	t.Parallel()
	if os.Getenv(sloppy) != "" {
		w := walk(t, true)
		delete(w.Examples, "fill-box")
		w.Run(t)
		return
	}
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
	command.Env = append(os.Environ(), sloppy+"=1")
	output, err := command.CombinedOutput()
	if err == nil {
		t.Fatalf("it passed: %s", output)
	}
	for _, want := range []string{"--- FAIL: " + t.Name() + "/get-box/a_stranger", "operation fill-box has no example"} {
		if !strings.Contains(string(output), want) {
			t.Errorf("no %q in: %s", want, output)
		}
	}
}
