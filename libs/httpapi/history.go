package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/tidegate-io/tidegate/libs/es"
)

// Past is one event of an object's history.
type Past struct {
	ID      string          `json:"id" doc:"The event's id."`
	Type    string          `json:"type" doc:"What happened." example:"consumer.registered"`
	Time    time.Time       `json:"time"`
	Actor   string          `json:"actor" doc:"The caller's subject, or policy:<name>."`
	Version int64           `json:"version" doc:"The object's version after it."`
	Data    json.RawMessage `json:"data" doc:"The event's payload, without what is sealed."`
}

// History is an object's events, oldest first.
type History struct {
	Body struct {
		Items []Past `json:"items"`
	}
}

// HistoryConfig is what RegisterHistory needs.
type HistoryConfig struct {
	Path     string // "/v1/consumers/{id}/history"
	Category string // of its streams: "consumer"
	Streams  es.Streams
	// May judges whether the caller may read the object: usually it gets the
	// document and asks Authorize. Its error is the answer.
	May func(ctx context.Context, id string) error
}

type historyInput struct {
	ID string `path:"id" maxLength:"512" doc:"The object's id."`
}

// RegisterHistory adds GET <collection>/{id}/history.
func RegisterHistory(s *Server, cfg HistoryConfig) {
	Register(s, Operation{
		ID: "list-" + cfg.Category + "-history", Method: http.MethodGet, Path: cfg.Path,
		Summary: fmt.Sprintf("List what happened to a %s", cfg.Category),
	}, func(ctx context.Context, in *historyInput) (*History, error) {
		if err := cfg.May(ctx, in.ID); err != nil {
			return nil, err
		}
		stored, err := cfg.Streams.Load(ctx, cfg.Category+"-"+in.ID, 0)
		if err != nil {
			return nil, err
		}
		if len(stored) == 0 {
			return nil, es.ErrNotFound
		}
		history := &History{}
		history.Body.Items = make([]Past, len(stored))
		for i, e := range stored {
			data, err := unsealed(e.Data)
			if err != nil {
				return nil, fmt.Errorf("show event %s: %w", e.ID, err)
			}
			history.Body.Items[i] = Past{ID: e.ID, Type: e.Type, Time: e.Time, Actor: e.Actor, Version: e.Version, Data: data}
		}
		return history, nil
	})
}

// sealedSuffix ends the names of members that hold sealed bytes, in every
// payload.
const sealedSuffix = "_sealed"

// unsealed answers a payload without its sealed members, at any depth.
func unsealed(data json.RawMessage) (json.RawMessage, error) {
	if !bytes.Contains(data, []byte(sealedSuffix)) {
		return data, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber() // numbers go out as they came in
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	return json.Marshal(dropSealed(value))
}

func dropSealed(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			if strings.HasSuffix(name, sealedSuffix) {
				delete(v, name)
				continue
			}
			v[name] = dropSealed(member)
		}
	case []any:
		for i := range v {
			v[i] = dropSealed(v[i])
		}
	}
	return value
}
