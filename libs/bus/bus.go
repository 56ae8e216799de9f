// Package bus carries events: it relays each service's SQL records to its
// JetStream stream, replays streams to whoever folds them, folds other services'
// events into references and policies, and tells services and gateways how far
// everybody has come. It is the project's only import of nats.go.
//
// SQL is the truth and JetStream a copy of it that readers can follow. NATS
// being away is never an error here: connecting, relaying, replaying and
// subscribing wait for it and go on where they were. What the package does not
// promise: an order across services, delivery at most once (sinks see a message
// again after a fault and skip by position), and a fact before the service that
// owns it has relayed it.
package bus

import (
	"slices"
	"strings"
	"time"
)

// Contexts are the services that publish events.
var Contexts = []string{"consumer", "credential", "catalog", "subscription"}

// MaterialOwner is the context whose relay fills the material stream.
const MaterialOwner = "credential"

// Names on the wire. They never carry the organisation: one organisation is one
// NATS account.
const (
	streamPrefix    = "TIDEGATE_"
	materialStream  = "TIDEGATE_MATERIAL"
	fleetStream     = "TIDEGATE_FLEET"
	rebuildPrefix   = "REBUILD_"
	materialSubject = "tidegate.material."
	rebuildSubject  = "tidegate.rebuild."
	headSubject     = "tidegate.head."
	pulseSubject    = "tidegate.heartbeat.gateway."
	serviceSubject  = "tidegate.heartbeat.service."
	rosterSubject   = "tidegate.fleet.member."
	helloSubject    = "tidegate.heartbeat.hello"
	doorSubject     = "tidegate.door."
)

// Headers of a message beside those of NATS and traceparent.
const (
	HeaderEpoch    = "Tidegate-Epoch"
	HeaderPosition = "Tidegate-Position"
)

// Times that the contract and the design fix.
const (
	// LiveTime is how long a gateway counts as live after it was last heard.
	LiveTime = 3 * time.Second
	// CatchUpTime is how long CatchUp waits for another service's events.
	CatchUpTime = 2 * time.Second

	beatInterval = time.Second
	coalesceTime = 5 * time.Millisecond
)

// Stream answers the name of a context's stream: "TIDEGATE_CONSUMER".
func Stream(context string) string { return streamPrefix + strings.ToUpper(context) }

// MaterialStream is the name of the stream of material.
const MaterialStream = materialStream

// word is the first token of a context's event types: the catalogue's speak of
// services.
func word(context string) string {
	if context == "catalog" {
		return "service"
	}
	return context
}

// ContextOf answers the context that publishes an event type: "catalog" for
// "service.retired". Empty when there is none.
func ContextOf(eventType string) string {
	first, _, _ := strings.Cut(eventType, ".")
	i := slices.IndexFunc(Contexts, func(context string) bool { return word(context) == first })
	if i < 0 {
		return ""
	}
	return Contexts[i]
}
