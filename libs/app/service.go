// Package app turns a service, which is a value, into a running process.
//
// A process is one service (Main) or several (Run). Either way each service has
// its own store, its own connection to the bus, its own relay and its own fold of
// the others' facts: sharing a process shares an address, a signal handler and a
// metrics page, and nothing that a service knows.
//
// The life of a process:
//
//  1. the configuration is read; every fault in it is told in one message;
//  2. each service opens its store, connects to the bus (which may be down) and
//     builds its API, its policies and its background work;
//  3. it listens, and says so once its readiness checks pass;
//  4. on a signal, or when a part fails, it drains: readiness turns to "no", calls
//     in flight are answered, what was committed is still relayed, connections and
//     stores close. This takes at most DrainTime.
package app

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/bus"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/httpapi"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/libs/telemetry"
)

// Service is everything that one service is. All fields but Name are optional;
// what is absent is not opened or run.
type Service struct {
	// Name is the service's and its context's: "subscription". It names the
	// database file or schema, the JetStream stream and the connection.
	Name string
	// Writes are the event types that the service owns. With them it has a store,
	// a relay and a head that others can ask for.
	Writes events.Set
	// Reads are the contexts whose events it folds into References or reacts to
	// with Policies.
	Reads []string
	// Views are folded in the append transaction, References from what is read.
	Views      []es.View
	References []es.Reference
	// Ring says that the service seals, opens or digests secrets.
	Ring bool
	// Resealer answers what knows how the service's rows under the key ring are
	// made again under other keys. It needs Ring and Routes.
	Resealer func(Deps) httpapi.Resealer
	// Dir says that the service keeps files of its own: Deps.Dir exists.
	Dir bool
	// Policies answers the reactions to others' events.
	Policies func(Deps) []es.Reactor
	// Routes registers operations on Deps.API. With it the service has an
	// address, unless another one of its process serves it (Front).
	Routes func(Deps) error
	// Front says that the service serves the others: it is built last, has their
	// handlers in Deps.Peers, and is the only one of its process that listens on
	// Config.Listen.
	Front bool
	// Prepare opens what Start needs, such as listeners of its own, and registers
	// readiness checks: what is registered here counts before the process says
	// that it is ready. An error ends the process before it serves anything.
	Prepare func(context.Context, Deps) error
	// Reclaim has the objects with these ids hold what they claim, no more and no
	// less: after `tidegate epoch bump` has taken in their events. Of Deps it has
	// Config, Registry, Store, Ring and Clock.
	Reclaim func(ctx context.Context, d Deps, ids []string) error
	// Start is background work, such as expiry clocks or the gateway's listeners.
	// It returns when ctx ends; returning an error earlier ends the process. It
	// must drain what it serves within DrainTime.
	Start func(context.Context, Deps) error
	// Back is background work that others rely on while they drain: it ends once
	// every Start of the process has. The rest is as of Start.
	Back func(context.Context, Deps) error
}

// stored says whether the service keeps events, facts or cursors.
func (s Service) stored() bool {
	return len(s.Writes) > 0 || len(s.Reads) > 0 || len(s.Views) > 0 || len(s.References) > 0
}

// Deps is what a service is given. A field is nil when the service did not ask
// for it: Store and Subscriber without Writes or Reads, API without Routes, Ring
// without Ring.
type Deps struct {
	Config   Config
	Log      *slog.Logger
	Clock    func() time.Time
	Registry *events.Registry // the events of every context

	Store      es.Store
	Bus        *bus.Conn
	Subscriber *bus.Subscriber
	API        *httpapi.Server
	Ring       *secret.Ring
	Fleet      *bus.Fleet
	Issuer     *httpapi.Issuer // the built-in one; nil when tokens come from elsewhere

	// Peers are the handlers of the other services of this process, by name. Only
	// a Front has them.
	Peers map[string]fasthttp.RequestHandler

	Health    *Health
	Telemetry *telemetry.Telemetry
	// Dir is the service's own folder below the data directory.
	Dir string

	process *process
}

// Listen answers the listener of an address that the service serves by itself:
// GatewayListener, GatewayAdminListener or ExtAuthzListener. It fails when the address is taken.
func (d Deps) Listen(name string) (net.Listener, error) { return d.process.listen(name) }

// Path answers a path in the service's own folder.
func (d Deps) Path(name string) string { return filepath.Join(d.Dir, name) }
