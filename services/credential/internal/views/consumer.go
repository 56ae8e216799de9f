package views

import (
	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/libs/es"
)

// Consumer is what is known here of a consumer: whose it is.
type Consumer struct {
	Team string
}

// ConsumerKind is the kind of the facts about consumers.
const ConsumerKind = "consumer"

// Consumers are live till they are deleted, suspended or not.
var Consumers = es.ReferenceOf(ConsumerKind, "consumer", es.ByAggregate, func(c Consumer, _ events.Envelope, data events.Data) (Consumer, bool) {
	if registered, ok := data.(consumer.Registered); ok {
		c.Team = registered.Team
	}
	_, deleted := data.(consumer.Deleted)
	return c, !deleted
})
