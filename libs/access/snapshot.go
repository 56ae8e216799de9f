// Package access is the rule: who may call what.
//
// A Snapshot folds the events of the four contexts and decides. It is used live
// by the gateway, as of a moment by audit, and dry by the command line: one
// rule, three uses. It is pure: no I/O, no clock of its own, the standard
// library and events alone.
//
// What it promises:
//   - Streams may arrive interleaved in any way; the same events make the same
//     decisions and the same hash. Facts are joined by id when a decision is
//     made, and what is not known is denied.
//   - An event that is applied again changes nothing.
//   - One goroutine applies, any number decide, and they never wait for each
//     other. A decision about an API key allocates nothing.
//
// What it does not promise: the facts that one decision rests on are each whole,
// but an Apply that runs at the same time may fall between two of them. Secrets
// are not its business: whoever asks has verified the caller's secret.
package access

import (
	"hash/maphash"
	"math"
	"strings"
	"sync/atomic"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/credential"
)

// Snapshot is what follows from the events applied so far.
//
//  1. New makes an empty one, Load one that was saved.
//  2. Apply folds events, each aggregate's in order.
//  3. Route finds the service of a call, Placements where its credential may
//     be, Decide judges it, Explain says why.
//  4. Save writes it, while all that goes on.
//
// Apply is for one goroutine; every other method is for any. Pointers that a
// Snapshot answers are to immutable values: they stay as they were when newer
// events are applied.
type Snapshot struct {
	seed maphash.Seed

	credentials   table[Credential]
	consumers     table[party]
	services      table[provider]
	subscriptions table[Subscription]
	pairs         table[Subscription] // the newest of each consumer and service

	routes             table[binding]
	depth              atomic.Int64 // segments of the longest prefix ever routed
	names              table[holders]
	places             places
	moves              [len(order)]atomic.Uint64
	parties, providers uint32 // the writer's: how many there are

	signing atomic.Pointer[signing] // nil: none yet
	tokens  tokens

	settings map[settingsKey]*Settings // the writer's: equal settings are one
	words    map[string]string         // the writer's: teams and plans are few

	unreadable atomic.Bool
	sum        sum
}

// New answers a snapshot that knows nothing and admits nobody.
func New() *Snapshot {
	return &Snapshot{
		seed:     maphash.MakeSeed(),
		settings: map[settingsKey]*Settings{},
		words:    map[string]string{},
	}
}

// Apply folds one event. data is nil when it could not be decoded: its subject
// is then denied until its missing events have been applied. Within one
// aggregate events come in order of version: one that was applied before is
// ignored, and one that leaves a gap denies the subject like one that cannot be
// decoded.
func (s *Snapshot) Apply(e events.Envelope, data events.Data) {
	word, id, _ := strings.Cut(e.Stream, "-")
	if id == "" || e.Version < 1 || e.Version > math.MaxUint32 {
		s.unreadable.Store(true)
		return
	}
	switch word {
	case "consumer":
		s.applyConsumer(id, e, data)
	case "credential":
		s.applyOfCredential(id, e, data)
	case "service":
		s.applyService(id, e, data)
	case "subscription":
		s.applySubscription(id, e, data)
	default:
		if data == nil {
			s.unreadable.Store(true)
		}
	}
}

// applyOfCredential folds an event of the credential context, by what it is of.
func (s *Snapshot) applyOfCredential(id string, e events.Envelope, data events.Data) {
	switch {
	case credential.IsCredential(id):
		s.applyCredential(id, e, data)
	case credential.IsToken(id):
		s.applyToken(id, e, data)
	default:
		s.applySigning(e, data)
	}
	s.pass(momentOf(&e.Time))
}

// Unreadable says that an event was met of which not even the subject could be
// read. Nothing can be denied for it, so whoever decides with this snapshot must
// say that it is not ready. Only a new one, built from the first event, heals it.
func (s *Snapshot) Unreadable() bool { return s.unreadable.Load() }

// Broken answers the streams of which an event could not be read or was missed,
// in order: what is denied until their histories are applied again. It looks at
// everything, so it is for starts and for people.
func (s *Snapshot) Broken() []string { return s.broken() }

// hash keys the tables. Seeded, for ids are chosen by those whom the rule judges.
func (s *Snapshot) hash(text string) uint64 { return maphash.String(s.seed, text) | hashed }

// word answers a text of a small vocabulary as the one copy of it.
func (s *Snapshot) word(text string) string {
	if one, ok := s.words[text]; ok {
		return one
	}
	text = strings.Clone(text)
	s.words[text] = text
	return text
}
