package usage

import (
	"encoding/json"
	"errors"
	"os"
	"time"

	"github.com/tidegate-io/tidegate/libs/bus"
)

// left is what a process leaves to the next one: the batch that may have been
// taken without our knowing, as it was sent, and what was never sent.
type left struct {
	Sending *bus.UsageBatch `json:"sending,omitempty"`
	Waiting []bus.Use       `json:"waiting,omitempty"`
}

// keep writes down what was not reported. Nothing more is sent of it until the
// file is gone (forget), but the batch that it has under a number of its own: so
// nothing that the file says is counted twice.
func (r *Reporter) keep() {
	r.keptAt = time.Now()
	if r.sending == nil {
		if len(r.waiting) == 0 {
			return
		}
		r.sending = r.cut()
	}
	rest := left{Sending: r.sending}
	for id, u := range r.waiting {
		rest.Waiting = append(rest.Waiting, use(id, u))
	}
	body, err := json.Marshal(rest)
	if err == nil {
		err = os.WriteFile(r.cfg.Path+".new", body, 0o600)
	}
	if err == nil {
		err = os.Rename(r.cfg.Path+".new", r.cfg.Path)
	}
	if err != nil {
		r.cfg.Log.Warn("uses that were not reported are not on disk", "error", err)
		return
	}
	r.kept = true
}

// forget removes the file.
func (r *Reporter) forget() error {
	if !r.kept {
		return nil
	}
	if err := os.Remove(r.cfg.Path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	r.kept = false
	return nil
}

// takeUp goes on with what an earlier process kept.
func (r *Reporter) takeUp() {
	body, err := os.ReadFile(r.cfg.Path)
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	var rest left
	if err == nil {
		err = json.Unmarshal(body, &rest)
	}
	if err != nil {
		r.cfg.Log.Warn("uses of an earlier process are lost", "error", err)
		return
	}
	r.kept, r.sending = rest.Sending != nil, rest.Sending
	for _, u := range rest.Waiting {
		r.add(u.Credential, u.Count, u.Last.UnixMilli())
	}
}
