package secret

import (
	"fmt"
	"log/slog"
)

const redacted = "[secret]"

func redact(f fmt.State) { _, _ = f.Write([]byte(redacted)) }

// LogValue keeps keys out of structured logs.
func (r *Ring) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format keeps the key out of logs, whatever the verb.
func (k DataKey) Format(f fmt.State, _ rune) { redact(f) }

// LogValue keeps the key out of structured logs.
func (k DataKey) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format keeps the proof out of logs, whatever the verb.
func (p Proof) Format(f fmt.State, _ rune) { redact(f) }

// LogValue keeps the proof out of structured logs.
func (p Proof) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON refuses: a proof is written sealed, by Ring.SealProof, or not at
// all.
func (p Proof) MarshalJSON() ([]byte, error) { return nil, ErrPlain }

// Format keeps the digest out of logs, whatever the verb.
func (d Digest) Format(f fmt.State, _ rune) { redact(f) }

// LogValue keeps the digest out of structured logs.
func (d Digest) LogValue() slog.Value { return slog.StringValue(redacted) }
