package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tidegate-io/tidegate/libs/es"
)

// wipers bounds how many messages are overwritten at once.
const wipers = 16

// wipe overwrites, where they lie, the messages that erasures are about to
// replace: a message that is only replaced stays in the server's files until these
// are tidied. It comes first, because what was replaced can no longer be found.
// Deleting twice, or what is not there, is fine.
func (r *Relay) wipe(ctx context.Context, records []es.MaterialRecord) error {
	var erased []string
	for _, record := range records {
		if len(record.Sealed) == 0 {
			erased = append(erased, record.Key)
		}
	}
	if len(erased) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, ackTime)
	defer cancel()
	stream, err := r.conn.js.Stream(ctx, materialStream)
	if err != nil {
		return fmt.Errorf("overwrite erased material: %w", err)
	}
	turns, failed := make(chan struct{}, wipers), make(chan error, len(erased))
	for _, key := range erased {
		turns <- struct{}{}
		go func() {
			defer func() { <-turns }()
			if err := wipe(ctx, stream, materialSubject+key); err != nil {
				cancel()
				failed <- fmt.Errorf("overwrite erased material %s: %w", key, err)
				return
			}
			failed <- nil
		}()
	}
	err = nil
	for range erased {
		if e := <-failed; err == nil {
			err = e
		}
	}
	return err
}

func wipe(ctx context.Context, stream jetstream.Stream, subject string) error {
	message, err := stream.GetLastMsgForSubject(ctx, subject)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return nil
	case err != nil:
		return err
	case len(message.Data) == 0: // another relay was faster
		return nil
	}
	if err = stream.SecureDeleteMsg(ctx, message.Sequence); err == nil {
		return nil
	}
	// The server's refusal does not say whether the message was gone already.
	if _, gone := stream.GetMsg(ctx, message.Sequence); errors.Is(gone, jetstream.ErrMsgNotFound) {
		return nil
	}
	return err
}
