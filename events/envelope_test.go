package events_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
)

func envelope() events.Envelope {
	return events.Envelope{
		ID: "0195514f-1a00-7000-8000-000000000001", Type: "consumer.suspended", Schema: 1,
		Source: "/tidegate/default/consumer", Stream: "consumer-a-b_C", Version: 2, Position: 7,
		Time: time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC), Actor: "alice",
		CorrelationID: "c", CausationID: "b", TraceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		Data: json.RawMessage(`{"consumer_id":"a-b_C"}`),
	}
}

func TestAnEnvelopeSurvivesTheWire(t *testing.T) {
	want := envelope()
	body, err := events.Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := events.Decode(body)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	if got.Aggregate() != "a-b_C" {
		t.Errorf("the aggregate is %q", got.Aggregate())
	}
}

func TestTheWireIsCloudEvents(t *testing.T) {
	body, err := events.Encode(envelope())
	if err != nil {
		t.Fatal(err)
	}
	want := `{"specversion":"1.0","id":"0195514f-1a00-7000-8000-000000000001","source":"/tidegate/default/consumer",` +
		`"type":"consumer.suspended","subject":"a-b_C","time":"2026-03-01T12:00:00.123456Z",` +
		`"dataschema":"https://tidegate.io/schemas/consumer.suspended.v1.json","datacontenttype":"application/json",` +
		`"sequence":"7","version":2,"actor":"alice","correlationid":"c","causationid":"b",` +
		`"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","data":{"consumer_id":"a-b_C"}}`
	if string(body) != want {
		t.Errorf("got\n%s\nwant\n%s", body, want)
	}
}

func TestAnEnvelopeOfAnotherStreamIsNotEncoded(t *testing.T) {
	for _, stream := range []string{"", "consumer", "consumer-", "service-a"} {
		e := envelope()
		e.Stream = stream
		if _, err := events.Encode(e); err == nil {
			t.Errorf("stream %q was accepted for %s", stream, e.Type)
		}
	}
}

func FuzzDecode(f *testing.F) {
	body, err := events.Encode(envelope())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body)
	f.Add([]byte(`{"specversion":"1.0","id":"1","type":"a.b","subject":"","time":"","sequence":"x"}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := events.Decode(body)
		if err != nil {
			if !errors.Is(err, events.ErrMalformed) {
				t.Fatalf("%v is not ErrMalformed", err)
			}
			return
		}
		if e.ID == "" || e.Type == "" || e.Aggregate() == "" || e.Schema < 1 {
			t.Fatalf("a body without identity was accepted: %+v", e)
		}
	})
}
