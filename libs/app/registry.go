package app

import (
	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/events/subscription"
)

// Registry answers a registry of the events of every context.
func Registry() *events.Registry {
	return events.MustRegistry(consumer.Events, credential.Events, catalog.Events, subscription.Events)
}
