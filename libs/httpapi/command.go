package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tidegate-io/tidegate/libs/es"
)

// Command runs one command and answers with what its append transaction saw.
//
// run gives opts to the Handler's Handle (or to an append of its own) and
// answers its error. opts pin the version that If-Match names, keep the answer
// for the Idempotency-Key, and call render in the transaction, after the views
// are folded. run may be called more than once, when If-Match names several
// versions, and render too, when the append is tried again.
//
// render never puts a secret into its answer: what it answers is kept for 24
// hours. A secret is a pointer left nil by render (`json:"secret"`, so that a
// replay says null) and set by the handler on what Command answers:
//
//	issued, err := httpapi.Command(ctx, run, render)
//	if err != nil {
//		return nil, err
//	}
//	issued.Body.Secret = &secret
//	return issued, nil
//
// Errors are those of run and render, and es.ErrVersion when If-Match cannot
// match. After an error nothing has changed.
func Command[T Answer](ctx context.Context, run func(opts ...es.Option) error, render func(context.Context, es.Reader) (T, error)) (T, error) {
	var answer, none T
	c, rendered := callFrom(ctx), false
	answering := es.Answering(c.lease, func(ctx context.Context, r es.Reader, _ es.Commit) (*es.Answer, error) {
		var err error
		if answer, err = render(ctx, r); err != nil {
			return nil, err
		}
		rendered = true
		if c.lease == nil {
			return nil, nil
		}
		return keep(c.status, answer)
	})
	if err := c.match.try(run, answering); err != nil {
		return none, err
	}
	if !rendered {
		return none, errors.New("the command made no append with the options that it was given")
	}
	c.kept = c.lease != nil
	return answer, nil
}

// keep makes the form in which an answer is kept for replays.
func keep(status int, answer Answer) (*es.Answer, error) {
	header, body := answer.parts()
	kept := &es.Answer{Status: status, Header: header}
	if body == nil {
		return kept, nil
	}
	encoded, err := encode(body)
	if err != nil {
		return nil, fmt.Errorf("keep the answer: %w", err)
	}
	kept.Body = encoded
	return kept, nil
}

// encode writes JSON as huma does, so that a replay has the same bytes.
func encode(body any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
