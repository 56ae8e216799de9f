package httpapi_test

import (
	"encoding/json"
	"maps"
	"testing"

	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
)

func TestAPatchChangesWhatItNames(t *testing.T) {
	t.Parallel()
	const whole = `{"id":"first","title":"Buy milk","team":"red","labels":{"a":"1","b":"2"},"limits":{"requests":5,"per_seconds":60}}`
	tests := []struct {
		name, patch string
		want        note
	}{
		{"nothing", `{}`, note{Title: "Buy milk", Labels: map[string]string{"a": "1", "b": "2"}, Limits: &limits{5, 60}, Version: 1}},
		{"one field", `{"title":"Buy bread"}`, note{Title: "Buy bread", Labels: map[string]string{"a": "1", "b": "2"}, Limits: &limits{5, 60}, Version: 2}},
		{"a member of a map", `{"labels":{"b":"3","c":"4"}}`, note{Title: "Buy milk", Labels: map[string]string{"a": "1", "b": "3", "c": "4"}, Limits: &limits{5, 60}, Version: 2}},
		{"a member of a map away", `{"labels":{"b":null,"z":null}}`, note{Title: "Buy milk", Labels: map[string]string{"a": "1"}, Limits: &limits{5, 60}, Version: 2}},
		{"a whole map away", `{"labels":null}`, note{Title: "Buy milk", Limits: &limits{5, 60}, Version: 2}},
		{"a member of an object", `{"limits":{"requests":7}}`, note{Title: "Buy milk", Labels: map[string]string{"a": "1", "b": "2"}, Limits: &limits{7, 60}, Version: 2}},
		{"an object away", `{"limits":null}`, note{Title: "Buy milk", Labels: map[string]string{"a": "1", "b": "2"}, Version: 2}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			api, _ := start(t)
			red := api.Developer("red")
			red.Post(t, "/v1/notes", whole).Want(t, 201)
			red.Patch(t, "/v1/notes/first", test.patch).Want(t, 200)
			got := httpapitest.Read[note](t, red.Get(t, "/v1/notes/first"))
			same := got.Title == test.want.Title && maps.Equal(got.Labels, test.want.Labels) && (got.Limits == nil) == (test.want.Limits == nil)
			if same && got.Limits != nil {
				same = *got.Limits == *test.want.Limits
			}
			if !same {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestAPatchIsJudged(t *testing.T) {
	t.Parallel()
	api, _ := start(t)
	red := api.Developer("red")
	red.Post(t, "/v1/notes", first).Want(t, 201)
	for patch, location := range map[string]string{
		`{"title":null}`:                 "body.title",
		`{"title":""}`:                   "body.title",
		`{"title":5}`:                    "body.title",
		`{"team":"blue"}`:                "body.team",
		`{"limits":{"burst":1}}`:         "body.limits.burst",
		`{"limits":{"requests":0}}`:      "body.limits.requests",
		`{"limits":{"requests":"many"}}`: "body.limits.requests",
		`{"limits":[]}`:                  "body.limits",
		`{"labels":{"a":5}}`:             "body.labels.a",
		`{"labels":{"a":"1","a":null}}`:  "body.labels.a",
		`[]`:                             "body",
	} {
		problem := red.Patch(t, "/v1/notes/first", patch).Refused(t, 422, "validation_failed")
		if len(problem.Errors) == 0 || problem.Errors[0].Location != location {
			t.Errorf("%s: %+v, want %s", patch, problem.Errors, location)
		}
	}
	if tag := red.Get(t, "/v1/notes/first").ETag(); tag != `"1"` {
		t.Errorf("it was changed: ETag %q", tag)
	}
}

// The examples of RFC 7396, appendix A, for objects.
func TestMergingFollowsTheStandard(t *testing.T) {
	t.Parallel()
	for _, test := range [][3]string{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`{"e":null}`, `{"a":1}`, `{"a":1,"e":null}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
	} {
		var target map[string]any
		var patch httpapi.Optional[map[string]any]
		if err := json.Unmarshal([]byte(test[0]), &target); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(test[1]), &patch); err != nil {
			t.Fatal(err)
		}
		merged, err := patch.Apply(target)
		got, _ := json.Marshal(merged)
		if err != nil || string(got) != test[2] {
			t.Errorf("%s onto %s: %s, error %v, want %s", test[1], test[0], got, err, test[2])
		}
	}
}

func TestAnOptionalSaysWhatItIs(t *testing.T) {
	t.Parallel()
	var patch struct {
		Absent httpapi.Optional[int] `json:"absent,omitzero"`
		Null   httpapi.Optional[int] `json:"null,omitzero"`
		Value  httpapi.Optional[int] `json:"value,omitzero"`
	}
	const text = `{"null":null,"value":3}`
	if err := json.Unmarshal([]byte(text), &patch); err != nil {
		t.Fatal(err)
	}
	if patch.Absent.Set || !patch.Null.Set || !patch.Null.Null || !patch.Value.Set || patch.Value.Null || patch.Value.Value != 3 {
		t.Errorf("%+v", patch)
	}
	if back, err := json.Marshal(patch); err != nil || string(back) != text {
		t.Errorf("written back as %s, error %v", back, err)
	}
	if some, err := httpapi.Some(7).Apply(3); some != 7 || err != nil {
		t.Errorf("some %d, error %v", some, err)
	}
}
