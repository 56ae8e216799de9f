package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/es"
)

// revocations are the event types that take access away. An update may too; it
// is not counted, because it also gives.
var revocations = []string{
	"consumer.suspended", "consumer.deleted",
	"credential.suspended", "credential.revoked", "credential.secret_retired", "credential.expired", "credential.rotated",
	"credential.token_revoked", "credential.signing_keys_rotated",
	"service.unpublished", "service.retired",
	"subscription.rejected", "subscription.withdrawn", "subscription.suspended", "subscription.cancelled",
	"subscription.revoked", "subscription.expired", "subscription.credentials_assigned",
}

func takesAway(e events.Envelope) bool { return slices.Contains(revocations, e.Type) }

var credentialEvents = events.MustRegistry(credential.Events)

// deadSecrets are the secret versions that credential events have ended, by
// credential id; version 0 stands for all.
type deadSecrets map[string][]int

func (d deadSecrets) see(e events.Envelope) error {
	if events.Word(e.Type) != MaterialOwner {
		return nil
	}
	data, err := credentialEvents.Decode(e)
	if err != nil {
		return err
	}
	id := e.Aggregate()
	switch data := data.(type) {
	case credential.Revoked:
		d[id] = append(d[id], 0)
	case credential.SecretRetired:
		d[id] = append(d[id], data.SecretVersion)
	case credential.Rotated:
		d[id] = append(d[id], data.RetiredVersions...)
	}
	return nil
}

func (d deadSecrets) covers(key string) bool {
	id, version := splitKey(key)
	return slices.Contains(d[id], 0) || slices.Contains(d[id], version)
}

// splitKey answers the credential id and the version of a material key.
func splitKey(key string) (id string, version int) {
	i := strings.LastIndexByte(key, '.')
	if i < 0 {
		return key, 0
	}
	version, err := strconv.Atoi(key[i+1:])
	if err != nil {
		return key, 0
	}
	return key[:i], version
}

// erase answers the keys of SQL's material that dead secrets had.
func (b *bump) erase(ctx context.Context, dead deadSecrets) ([]string, error) {
	var keys []string
	err := eachMaterial(ctx, b.store, func(m es.MaterialRecord) error {
		if len(m.Sealed) > 0 && dead.covers(m.Key) {
			keys = append(keys, m.Key)
		}
		return nil
	})
	return keys, err
}

// carriedMaterial answers the material of the stream that SQL knows nothing of,
// by key.
func (b *bump) carriedMaterial(ctx context.Context, discard bool) (map[string][]byte, error) {
	if discard || b.context != MaterialOwner {
		return nil, nil
	}
	carried := map[string][]byte{}
	err := b.conn.readAll(ctx, materialStream, func(found seen, m jetstream.Msg) error {
		if header(m, HeaderEpoch) == found.epoch() && len(m.Data()) > 0 {
			carried[strings.TrimPrefix(m.Subject(), materialSubject)] = slices.Clone(m.Data())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = eachMaterial(ctx, b.store, func(m es.MaterialRecord) error {
		delete(carried, m.Key)
		return nil
	})
	return carried, err
}

// importMaterial puts into SQL what carriedMaterial found, as far as its secret
// is live by all events. What the owner alone had kept of it is lost with the
// restore; a new pepper needs those secrets rotated.
func (b *bump) importMaterial(ctx context.Context, carried map[string][]byte) (int, error) {
	if len(carried) == 0 {
		return 0, nil
	}
	issued, dead := map[string]bool{}, deadSecrets{}
	err := eachRecord(ctx, b.store, 0, func(record es.Record) error {
		e, err := events.Decode(record.Body)
		if err != nil {
			return fmt.Errorf("read position %d: %w", record.Position, err)
		}
		data, err := credentialEvents.Decode(e)
		if err != nil {
			return fmt.Errorf("read position %d: %w", record.Position, err)
		}
		switch data := data.(type) {
		case credential.Issued:
			issued[fmt.Sprintf("%s.%d", e.Aggregate(), data.SecretVersion)] = true
		case credential.Rotated:
			issued[fmt.Sprintf("%s.%d", e.Aggregate(), data.SecretVersion)] = true
		}
		return dead.see(e)
	})
	if err != nil {
		return 0, err
	}
	count := 0
	for key, sealed := range carried {
		if !issued[key] || dead.covers(key) {
			continue
		}
		id, _ := splitKey(key)
		_, err := b.store.Append(ctx, es.Batch{
			Stream: MaterialOwner + "-" + id, Expect: es.Any, Material: []es.Material{{Key: key, Sealed: sealed}},
		})
		if err != nil {
			return count, fmt.Errorf("import material: %w", err)
		}
		count++
	}
	return count, nil
}

// readAll gives every message that a stream holds right now. A stream that does
// not exist has none.
func (c *Conn) readAll(ctx context.Context, name string, each func(seen, jetstream.Msg) error) error {
	found, err := c.look(ctx, name)
	if errors.Is(err, errMissing) || err == nil && found.tail == nil {
		return nil
	}
	if err != nil {
		return err
	}
	consumer, err := found.stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, Replicas: 1, InactiveThreshold: consumerLife,
	})
	if err != nil {
		return fmt.Errorf("read stream %s: %w", name, err)
	}
	defer c.discard(ctx, found.stream, consumer.CachedInfo().Name)
	messages, err := consumer.Messages(jetstream.PullMaxMessages(pullMessages), jetstream.PullHeartbeat(idleBeat))
	if err != nil {
		return fmt.Errorf("read stream %s: %w", name, err)
	}
	defer messages.Stop()
	for expected := uint64(1); ; expected++ {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("read stream %s: %w", name, err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return fmt.Errorf("read stream %s: %w", name, err)
		}
		if meta.Sequence.Consumer != expected {
			return fmt.Errorf("read stream %s: a message was lost on the way: run it again", name)
		}
		if err := each(found, m); err != nil {
			return err
		}
		if meta.Sequence.Stream >= found.tail.Sequence {
			return nil
		}
	}
}

// eachRecord gives every event above a position.
func eachRecord(ctx context.Context, feed es.Feed, after int64, each func(es.Record) error) error {
	for {
		page, err := feed.Since(ctx, after, relayPage)
		if err != nil {
			return fmt.Errorf("read events: %w", err)
		}
		for _, record := range page {
			after = record.Position
			if err := each(record); err != nil {
				return err
			}
		}
		if len(page) == 0 {
			return nil
		}
	}
}

// eachMaterial gives the newest change of every key.
func eachMaterial(ctx context.Context, feed es.Feed, each func(es.MaterialRecord) error) error {
	for after := int64(0); ; {
		page, err := feed.MaterialSince(ctx, after, relayPage)
		if err != nil {
			return fmt.Errorf("read material: %w", err)
		}
		for _, record := range page {
			after = record.Position
			if err := each(record); err != nil {
				return err
			}
		}
		if len(page) == 0 {
			return nil
		}
	}
}

// sqlReader answers records by rising position.
type sqlReader struct {
	feed es.Feed
	page []es.Record
	end  bool
}

func (s *sqlReader) at(ctx context.Context, position int64) (es.Record, bool, error) {
	for {
		for len(s.page) > 0 && s.page[0].Position < position {
			s.page = s.page[1:]
		}
		if len(s.page) > 0 {
			return s.page[0], s.page[0].Position == position, nil
		}
		if s.end {
			return es.Record{}, false, nil
		}
		page, err := s.feed.Since(ctx, position-1, relayPage)
		if err != nil {
			return es.Record{}, false, fmt.Errorf("read events: %w", err)
		}
		s.page, s.end = page, len(page) == 0
	}
}
