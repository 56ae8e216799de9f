package access

import (
	"encoding/hex"
	"math"
	"time"

	"github.com/tidegate-io/tidegate/events"
)

// history is how far an aggregate's events have been folded. Something that was
// seen and not folded denies the aggregate: it is broken until the events from
// version+1 on have come.
type history struct {
	version uint32 // folded
	seen    uint32 // the highest that was met
	event   [16]byte
}

// broken: there is more than could be folded.
func (h *history) broken() bool { return h.seen > h.version }

// met says whether an event was folded already.
func (h *history) met(e events.Envelope) bool { return e.Version <= int64(h.version) }

// advance takes note of an event that was not met, and says whether to fold it.
func (h *history) advance(e events.Envelope, data events.Data) bool {
	version := uint32(e.Version)
	h.seen = max(h.seen, version)
	if data == nil || version != h.version+1 {
		return false
	}
	h.version = version
	return true
}

// rest notes the event that the state rests on from now on.
func (h *history) rest(e events.Envelope) { h.event = parseUUID(e.ID) }

// EventID answers the id of the last event that changed what the rule knows of
// the object; empty when its id was no UUID.
func (h *history) EventID() string {
	if h.event == [16]byte{} {
		return ""
	}
	var text [36]byte
	at := 0
	for i, part := range [...][]byte{h.event[0:4], h.event[4:6], h.event[6:8], h.event[8:10], h.event[10:16]} {
		if i > 0 {
			text[at] = '-'
			at++
		}
		at += hex.Encode(text[at:], part)
	}
	return string(text[:])
}

func parseUUID(text string) (id [16]byte) {
	if len(text) != 36 {
		return id
	}
	bare := text[0:8] + text[9:13] + text[14:18] + text[19:23] + text[24:36]
	if _, err := hex.Decode(id[:], []byte(bare)); err != nil {
		return [16]byte{}
	}
	return id
}

// moment is a time in microseconds since 1970.
type moment int64

const never moment = math.MaxInt64

// momentOf answers when something ends; nil is never.
func momentOf(t *time.Time) moment {
	if t == nil {
		return never
	}
	return moment(t.UnixMicro())
}

// momentAt answers the moment at which is judged. A zero time is one that
// somebody forgot: by then everything has ended that ever ends.
func momentAt(t time.Time) moment {
	if t.IsZero() {
		return never - 1
	}
	return moment(t.UnixMicro())
}

// time answers the moment for people and headers; the zero time for never.
func (m moment) time() time.Time {
	if m == never {
		return time.Time{}
	}
	return time.UnixMicro(int64(m)).UTC()
}
