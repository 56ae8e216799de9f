package httpapi_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/httpapi/httpapitest"
)

func TestAHistoryTellsWhatHappenedWithoutWhatIsSealed(t *testing.T) {
	t.Parallel()
	api, _ := start(t)
	red := api.Developer("red")
	red.Post(t, "/v1/notes", first).Want(t, 201)
	red.Post(t, "/v1/notes/first/close", `{"reason":"done"}`).Want(t, 200)
	answer := red.Get(t, "/v1/notes/first/history").Want(t, 200)
	if strings.Contains(string(answer.Body), "sealed") {
		t.Errorf("something sealed goes out: %s", answer.Body)
	}
	got := httpapitest.Read[struct{ Items []httpapi.Past }](t, answer).Items
	if len(got) != 2 || got[0].Type != "note.written" || got[1].Type != "note.closed" || got[1].Version != 2 || got[1].Actor != "developer@red" ||
		got[0].ID == "" || got[0].Time.IsZero() || string(got[1].Data) != `{"reason":"done"}` || string(got[0].Data) != `{"id":"first","team":"red","title":"Buy milk"}` {
		t.Errorf("history %s", answer.Body)
	}
	api.Developer("blue").Get(t, "/v1/notes/first/history").Refused(t, 404, "not_found")
	api.Auditor().Get(t, "/v1/notes/first/history").Want(t, 200)
	red.Get(t, "/v1/notes/none/history").Refused(t, 404, "not_found")
}

// lot is a parking lot.
type lot struct {
	messages []es.Parked
	retried  []int64
}

func (l *lot) Parked(_ context.Context, subscriber string) ([]es.Parked, error) {
	var found []es.Parked
	for _, p := range l.messages {
		if subscriber == "" || subscriber == p.Subscriber {
			found = append(found, p)
		}
	}
	return found, nil
}

func (l *lot) Retry(_ context.Context, _, _ string, position int64) error {
	l.retried = append(l.retried, position)
	if position == 8 {
		return errors.New("no such consumer")
	}
	return nil
}

func TestAdministratorsHandleParkedMessages(t *testing.T) {
	t.Parallel()
	parked := &lot{messages: []es.Parked{
		{Subscriber: "facts", Source: "consumer", Position: 7, EventID: "e7", Type: "consumer.deleted", Error: "bad data", Body: []byte("SECRET"), At: time.Unix(1, 0).UTC()},
		{Subscriber: "revoke", Source: "consumer", Position: 8, EventID: "e8", Type: "consumer.deleted", Error: "no such consumer"},
	}}
	api := httpapitest.Start(t, httpapi.Config{Service: "note", Idempotency: newSample(t).store}, func(s *httpapi.Server) {
		httpapi.RegisterParked(s, "note", parked, parked)
	})
	const path = "/v1/operations/note/parked"
	list := api.Admin().Get(t, path).Want(t, 200)
	if got := httpapitest.Read[struct{ Items []httpapi.Parked }](t, list).Items; len(got) != 2 || got[0].Error != "bad data" || strings.Contains(string(list.Body), "SECRET") {
		t.Errorf("list %s", list.Body)
	}
	if got := httpapitest.Read[struct{ Items []httpapi.Parked }](t, api.Admin().Get(t, path+"?subscriber=revoke")).Items; len(got) != 1 || got[0].Position != 8 {
		t.Errorf("filtered %+v", got)
	}
	for _, client := range []*httpapitest.Client{api.Developer("red"), api.Provider("red"), api.Auditor()} {
		client.Get(t, path).Refused(t, 403, "forbidden")
		client.Post(t, path+"/facts/consumer/7/retry", nil).Refused(t, 403, "forbidden")
	}
	retried := api.Admin().Idempotent("k").Post(t, path+"/facts/consumer/7/retry", nil).Want(t, 200)
	if got := httpapitest.Read[httpapi.Parked](t, retried); got.EventID != "e7" {
		t.Errorf("retried %s", retried.Body)
	}
	replayed := api.Admin().Idempotent("k").Post(t, path+"/facts/consumer/7/retry", nil).Want(t, 200)
	if string(replayed.Body) != string(retried.Body) || len(parked.retried) != 1 {
		t.Errorf("replayed %s; retried %v", replayed.Body, parked.retried)
	}
	failing := api.Admin().Post(t, path+"/revoke/consumer/8/retry", nil).Refused(t, 409, "still_failing")
	if !strings.Contains(failing.Detail, "no such consumer") {
		t.Errorf("detail %q", failing.Detail)
	}
	api.Admin().Post(t, path+"/facts/consumer/9/retry", nil).Refused(t, 404, "not_found")
	api.Admin().Post(t, path+"/facts/consumer/x/retry", nil).Refused(t, 422, "validation_failed")
	api.Admin().Post(t, path+"/facts/consumer/0/retry", nil).Refused(t, 422, "validation_failed")
}
