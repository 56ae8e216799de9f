package transit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/tidegate-io/tidegate/libs/secret"
)

// call asks the engine for one operation with its key. No error holds the
// request, the answer or the token: an error of the server's own words could.
func (t *Transit) call(ctx context.Context, operation string, body map[string]string, answer any) error {
	what := fmt.Sprintf("%s by the transit engine at %s", operation, t.base.Host)
	token, err := t.token()
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	target := t.base.JoinPath("v1", t.cfg.Mount, operation, t.cfg.Key)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), bytes.NewReader(encoded))
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Vault-Token", token)
	request.Header.Set("X-Vault-Request", "true")
	if t.cfg.Namespace != "" {
		request.Header.Set("X-Vault-Namespace", t.cfg.Namespace)
	}
	got, err := t.client.Do(request)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err
			if wrapped.Timeout() {
				err = fmt.Errorf("it did not answer within %s", t.cfg.Timeout)
			}
		}
		return fmt.Errorf("%s: %w: %w", what, secret.ErrUnavailable, err)
	}
	defer func() { _ = got.Body.Close() }() // it was only read
	content, err := io.ReadAll(io.LimitReader(got.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("%s: %w: %w", what, secret.ErrUnavailable, err)
	}
	if fault := t.fault(got.StatusCode, operation); fault != nil {
		return fmt.Errorf("%s: %w", what, fault)
	}
	envelope := struct {
		Data any `json:"data"`
	}{answer}
	if json.Unmarshal(content, &envelope) != nil {
		return fmt.Errorf("%s: %w: its answer is no JSON; is this the address of Vault or OpenBao?", what, secret.ErrRing)
	}
	return nil
}

// fault says what a status means here, and what to do.
func (t *Transit) fault(status int, operation string) error {
	switch {
	case status == http.StatusOK:
		return nil
	case status == http.StatusServiceUnavailable:
		return fmt.Errorf("%w: it answers 503; it is sealed, or in maintenance: unseal it", secret.ErrUnavailable)
	case status == http.StatusTooManyRequests || status >= http.StatusInternalServerError || status == http.StatusPreconditionFailed:
		return fmt.Errorf("%w: it answers %d", secret.ErrUnavailable, status)
	case status == http.StatusForbidden || status == http.StatusUnauthorized:
		return fmt.Errorf("%w: it answers %d; the token has expired, or its policy lacks \"update\" on %s/%s/%s",
			secret.ErrRefused, status, t.cfg.Mount, operation, t.cfg.Key)
	case status == http.StatusNotFound:
		return fmt.Errorf("%w: it answers 404; is a transit engine mounted at %q, in this namespace?", secret.ErrRefused, t.cfg.Mount)
	case status == http.StatusBadRequest:
		return fmt.Errorf("%w: it answers 400; is there a key %q, is it the one that the file was wrapped with, and is its min_decryption_version low enough?",
			secret.ErrRefused, t.cfg.Key)
	}
	return fmt.Errorf("%w: it answers %d", secret.ErrRefused, status)
}
