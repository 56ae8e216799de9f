package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/tidegate-io/tidegate/events"
)

// Pages of lists, of the lengths that JetStream has.
const (
	namesPage = 1024
	listPage  = 256
)

// page is a part of a list, in the words of JetStream's API. One of the two
// lists is there.
type page struct {
	Type      string `json:"type"`
	Total     int    `json:"total"`
	Offset    int    `json:"offset"`
	Limit     int    `json:"limit"`
	Streams   *[]any `json:"streams,omitempty"`
	Consumers *[]any `json:"consumers,omitempty"`
}

// paged cuts the part of a list that a request asks for.
func paged(account bool, call string, all []any, offset int) ([]byte, error) {
	limit := listPage
	if call == doorNames {
		limit = namesPage
	}
	answer := page{Type: answerType(account, call), Total: len(all), Offset: max(offset, 0), Limit: limit}
	from := min(answer.Offset, len(all))
	part := slices.Concat([]any{}, all[from:min(from+limit, len(all))])
	if account {
		answer.Streams = &part
	} else {
		answer.Consumers = &part
	}
	return json.Marshal(answer)
}

// selection is what a request for a list may say.
type selection struct {
	Subject string `json:"subject"`
	Offset  int    `json:"offset"`
}

func selected(body []byte) (s selection, err error) {
	if len(body) > 0 && json.Unmarshal(body, &s) != nil {
		return s, errUnread
	}
	return s, nil
}

// aboutAccount tells of the streams of events, as if there were no others.
func (d *door) aboutAccount(ctx context.Context, call, _ string, body []byte) ([]byte, error) {
	asked, err := selected(body)
	if err != nil {
		return nil, err
	}
	if call != doorInfo && call != doorNames && call != doorList {
		return nil, errNoCall
	}
	var all []any
	for _, context := range Contexts {
		subject := events.SubjectPrefix + word(context) + ".>"
		if asked.Subject != "" && !overlap(asked.Subject, subject) {
			continue
		}
		info, err := d.streamInfo(ctx, Stream(context))
		if err != nil {
			return nil, err
		}
		switch {
		case info == nil: // it has not been made yet
		case call == doorNames:
			all = append(all, Stream(context))
		default:
			delete(info, "type")
			all = append(all, info)
		}
	}
	if call == doorInfo {
		unlimited := map[string]any{
			"max_memory": -1, "max_storage": -1, "max_streams": -1, "max_consumers": -1,
			"max_ack_pending": -1, "memory_max_stream_bytes": -1, "storage_max_stream_bytes": -1, "max_bytes_required": false,
		}
		return json.Marshal(map[string]any{
			"type": answerType(true, call), "memory": 0, "storage": 0, "reserved_memory": 0, "reserved_storage": 0,
			"streams": len(all), "consumers": 0, "limits": unlimited, "api": map[string]any{"total": 0, "errors": 0},
		})
	}
	return paged(true, call, all, asked.Offset)
}

// streamInfo answers what JetStream says of a stream; nil when there is none.
func (d *door) streamInfo(ctx context.Context, stream string) (map[string]json.RawMessage, error) {
	answer, err := d.nc.RequestWithContext(ctx, "$JS.API.STREAM.INFO."+stream, nil)
	if err != nil {
		return nil, errNoStream
	}
	var info map[string]json.RawMessage
	if err := json.Unmarshal(answer.Data, &info); err != nil {
		return nil, errNoStream
	}
	if info["error"] == nil {
		return info, nil
	}
	var fault struct {
		Code int `json:"code"`
	}
	if json.Unmarshal(info["error"], &fault) == nil && fault.Code == 404 {
		return nil, nil
	}
	return nil, errNoStream
}

// consumers tells of the readers' consumers on the stream.
func (d *door) consumers(ctx context.Context, call string, body []byte) ([]byte, error) {
	asked, err := selected(body)
	if err != nil {
		return nil, err
	}
	found, err := d.readers(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]any, len(found))
	for i, one := range found {
		if all[i] = one.name; call == doorList {
			if all[i], err = asReadersSee(one.info); err != nil {
				return nil, err
			}
		}
	}
	return paged(false, call, all, asked.Offset)
}

// theirs is a consumer that the door has made.
type theirs struct {
	name    string
	durable bool
	info    json.RawMessage
}

// readers answers the readers' consumers on the stream. The project's own are not
// among them: who knows a consumer's name may read from it and delete it.
func (d *door) readers(ctx context.Context) (all []theirs, err error) {
	for offset := 0; ; {
		answer, err := d.nc.RequestWithContext(ctx, "$JS.API.CONSUMER.LIST."+d.stream, fmt.Appendf(nil, `{"offset":%d}`, offset))
		if err != nil {
			return nil, errNoStream
		}
		var got struct {
			Total     int               `json:"total"`
			Consumers []json.RawMessage `json:"consumers"`
			Error     json.RawMessage   `json:"error"`
		}
		if err := json.Unmarshal(answer.Data, &got); err != nil || got.Error != nil {
			return nil, errNoStream
		}
		for _, info := range got.Consumers {
			var consumer struct {
				Name   string `json:"name"`
				Config struct {
					Durable  string            `json:"durable_name"`
					Metadata map[string]string `json:"metadata"`
				} `json:"config"`
			}
			if err := json.Unmarshal(info, &consumer); err != nil {
				return nil, errNoStream
			}
			if consumer.Config.Metadata[doorMark] != "" {
				all = append(all, theirs{consumer.Name, consumer.Config.Durable != "", info})
			}
		}
		if offset += len(got.Consumers); len(got.Consumers) == 0 || offset >= got.Total {
			return all, nil
		}
	}
}

// overlap says whether some subject matches both patterns.
func overlap(a, b string) bool {
	left, right := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(left), len(right)) {
		switch l, r := left[i], right[i]; {
		case l == ">" || r == ">":
			return true
		case l != "*" && r != "*" && l != r:
			return false
		}
	}
	return len(left) == len(right)
}
