package bus

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestWhatAReadersConsumerBecomes(t *testing.T) {
	request := func(config string) []byte {
		return []byte(`{"stream_name":"S","action":"update","config":` + config + `}`)
	}
	pass := func(t *testing.T, rest, config string) (wish, string, map[string]any) {
		t.Helper()
		passed, err := readerConsumer(rest, request(config))
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Action string
			Config map[string]any
		}
		if err := json.Unmarshal(passed.request, &got); err != nil {
			t.Fatal(err)
		}
		if marked, _ := got.Config["metadata"].(map[string]any); marked[doorMark] != "true" {
			t.Fatalf("it is not known for a reader's: %s", passed.request)
		}
		if got.Config["name"] != passed.name {
			t.Fatalf("its name is %q: %s", passed.name, passed.request)
		}
		return passed, got.Action, got.Config
	}
	t.Run("what it may ask for goes through, within bounds", func(t *testing.T) {
		passed, action, config := pass(t, "n.tidegate.events.>", `{"name":"n","deliver_policy":"by_start_sequence","opt_start_seq":7,"ack_policy":"none",
			"inactive_threshold":999999999999999,"num_replicas":5,"deliver_subject":"","flow_control":false,"metadata":{"mine":"1"}}`)
		if action != "create" || config["mem_storage"] != true || config["num_replicas"] != 1.0 ||
			config["inactive_threshold"] != float64(doorLife) || config["opt_start_seq"] != 7.0 || passed.durable || passed.rest != "n.tidegate.events.>" {
			t.Fatalf("%+v %s", passed, passed.request)
		}
		if _, there := config["deliver_subject"]; there {
			t.Fatalf("%s", passed.request)
		}
	})
	t.Run("one without a name is given one", func(t *testing.T) {
		passed, _, _ := pass(t, "", `{"ack_policy":"none"}`)
		if len(passed.name) < 16 || passed.rest != passed.name {
			t.Fatalf("%+v", passed)
		}
	})
	t.Run("a durable one is kept as its stream is", func(t *testing.T) {
		passed, action, config := pass(t, "d", `{"durable_name":"d","ack_policy":"explicit","mem_storage":true,"num_replicas":1}`)
		if !passed.durable || action != "update" || config["mem_storage"] != nil || config["num_replicas"] != nil || config["inactive_threshold"] != nil {
			t.Fatalf("%s", passed.request)
		}
	})
	t.Run("what it pushes goes to readers", func(t *testing.T) {
		passed, _, config := pass(t, "", `{"deliver_subject":"_INBOX.a.b","idle_heartbeat":100000000,"flow_control":true}`)
		if config["deliver_subject"] != "tidegate.delivery.a.b" || config["inactive_threshold"] != float64(doorLife) || config["flow_control"] != true {
			t.Fatalf("%s", passed.request)
		}
	})
	for name, config := range map[string]string{
		"push to events":               `{"deliver_subject":"tidegate.events.x"}`,
		"push to a private subject":    `{"deliver_subject":"tidegate.delivery.x"}`,
		"push to another's inbox":      `{"deliver_subject":"_INBOX_gateway.x"}`,
		"push to all inboxes":          `{"deliver_subject":"_INBOX.>"}`,
		"push to no inbox":             `{"deliver_subject":"_INBOX."}`,
		"push to an empty token":       `{"deliver_subject":"_INBOX.a..b"}`,
		"push to two lines":            `{"deliver_subject":"_INBOX.a\nb"}`,
		"push to something else":       `{"deliver_subject":7}`,
		"push, another spelling":       `{"Deliver_Subject":"tidegate.events.x"}`,
		"push, an escaped spelling":    `{"deliver\u005fsubject":"tidegate.events.x"}`,
		"push, said twice":             `{"deliver_subject":"","deliver_subject":"tidegate.events.x"}`,
		"push to a group":              `{"deliver_subject":"_INBOX.a","deliver_group":"g"}`,
		"push and durable":             `{"deliver_subject":"_INBOX.a","durable_name":"d"}`,
		"durable, under another name":  `{"name":"n","durable_name":"d"}`,
		"paused":                       `{"pause_until":"2999-01-01T00:00:00Z"}`,
		"direct":                       `{"direct":true}`,
		"a setting that nobody knows":  `{"something_new":1}`,
		"one with a metadata of lists": `{"metadata":[1]}`,
		"not an object":                `[]`,
		"nothing":                      `null`,
	} {
		t.Run("it may not be: "+name, func(t *testing.T) {
			if passed, err := readerConsumer("", request(config)); err == nil {
				t.Errorf("it passed as %s", passed.request)
			}
		})
	}
	t.Run("it may not be: of another name than its subject's", func(t *testing.T) {
		for _, config := range []string{`{"name":"n"}`, `{"durable_name":"n"}`} {
			if passed, err := readerConsumer("other", request(config)); err == nil {
				t.Errorf("it passed as %s", passed.request)
			}
		}
	})
}

func TestAReaderSeesItsInboxInWhatJetStreamSays(t *testing.T) {
	for said, want := range map[string]string{
		`{"name":"n","config":{"deliver_subject":"tidegate.delivery.a.b"}}`: `_INBOX.a.b"`,
		`{"name":"n","config":{"durable_name":"d"}}`:                        `"durable_name":"d"`,
		`{"error":{"code":400}}`:                                            `{"error":{"code":400}}`,
	} {
		if got, err := asReadersSee([]byte(said)); err != nil || !strings.Contains(string(got), want) || strings.Contains(string(got), delivery) {
			t.Errorf("%s became %s, %v", said, got, err)
		}
	}
}

func TestSubjectsOverlap(t *testing.T) {
	for pair, want := range map[[2]string]bool{
		{"tidegate.events.consumer.deleted", "tidegate.events.consumer.>"}: true,
		{"tidegate.events.>", "tidegate.events.consumer.>"}:                true,
		{"tidegate.events.*.deleted", "tidegate.events.consumer.>"}:        true,
		{">", "tidegate.events.consumer.>"}:                                true,
		{"tidegate.events.consumer", "tidegate.events.consumer.>"}:         false,
		{"tidegate.events.service.>", "tidegate.events.consumer.>"}:        false,
		{"tidegate.material.>", "tidegate.events.consumer.>"}:              false,
		{"a.*", "a.b.c"}: false,
	} {
		if overlap(pair[0], pair[1]) != want || overlap(pair[1], pair[0]) != want {
			t.Errorf("%v", pair)
		}
	}
}
