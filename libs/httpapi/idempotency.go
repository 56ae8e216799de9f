package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/tidegate-io/tidegate/libs/es"
)

const (
	idempotencyKey      = "Idempotency-Key"
	idempotencyReplayed = "Idempotency-Replayed"
	maxIdempotencyKey   = 255
	abandonTimeout      = 5 * time.Second
)

// checkKey refuses a key that is empty, longer than 255 characters, or holds
// anything but visible ASCII and spaces, and more than one.
func checkKey(values []string) (string, error) {
	const location = "header." + idempotencyKey
	if len(values) != 1 {
		return "", Invalid(location, "expected one key")
	}
	key := values[0]
	if len(key) == 0 || len(key) > maxIdempotencyKey {
		return "", Invalid(location, "expected length between 1 and 255")
	}
	if strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "", Invalid(location, "expected printable ASCII")
	}
	return key, nil
}

// once runs a call under its Idempotency-Key: 1. it takes the lease, or answers
// what the first call was answered; 2. Command keeps the answer in its append;
// 3. an answer that no append kept is kept here, and a refusal gives the lease
// back, so that the same key may be tried again.
//
// Authentication and validation come before, so that a call that they refuse
// leaves no trace.
func once[O any](ctx context.Context, cfg Config, key string, run func() (*O, error)) (out *O, err error) {
	c, store := callFrom(ctx), cfg.Idempotency
	lease, first, err := begin(ctx, cfg, c, key)
	if err != nil {
		return nil, err
	}
	if first != nil {
		return nil, replay(*first)
	}
	c.lease = lease
	done := false
	defer func() { // also when run panics
		if !done {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abandonTimeout)
			defer cancel()
			// Nothing to do about a failure: the lease runs out by itself.
			_ = store.Abandon(ctx, lease)
		}
	}()
	if out, err = run(); err != nil {
		return nil, err
	}
	answer, keepable := any(out).(Answer)
	if !c.kept && keepable && out != nil {
		kept, err := keep(c.status, answer)
		if err != nil {
			return nil, err
		}
		if err := store.Complete(ctx, lease, *kept); err != nil {
			return nil, err
		}
		c.kept = true
	}
	done = c.kept
	return out, nil
}

// begin takes the lease of a call. A body that was kept by an older fingerprint
// is known by that.
func begin(ctx context.Context, cfg Config, c *call, key string) (lease *es.Lease, first *es.Answer, err error) {
	fingerprints := cfg.Fingerprints
	if fingerprints == nil {
		fingerprints = hashed
	}
	for _, fingerprint := range fingerprints(c.body) {
		lease, first, err = cfg.Idempotency.Begin(ctx, CallerFrom(ctx).Subject+"\n"+c.target, key, fingerprint)
		if !errors.Is(err, es.ErrIdempotencyMismatch) {
			break
		}
	}
	return lease, first, err
}

func hashed(body []byte) [][]byte {
	sum := sha256.Sum256(body)
	return [][]byte{sum[:]}
}

// replayed is a kept answer in the clothes of an error, which is how a handler
// answers something else than its output.
type replayed struct{ answer es.Answer }

func replay(a es.Answer) error { return &replayed{a} }

func (*replayed) Error() string                  { return "replayed" }
func (r *replayed) GetStatus() int               { return r.answer.Status }
func (*replayed) ContentType(string) string      { return "application/json" }
func (r *replayed) MarshalJSON() ([]byte, error) { return json.RawMessage(r.answer.Body).MarshalJSON() }
func (r *replayed) GetHeaders() http.Header {
	header := http.Header{idempotencyReplayed: {"true"}}
	for name, value := range r.answer.Header {
		if value != "" {
			header.Set(name, value)
		}
	}
	return header
}
