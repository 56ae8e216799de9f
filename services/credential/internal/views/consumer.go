package views

import (
	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/libs/es"
)

// Consumer is what is known here of a consumer: whose it is, and whether its
// calls are refused for now.
type Consumer struct {
	Team      string
	Suspended bool
}

// ConsumerKind is the kind of the facts about consumers.
const ConsumerKind = "consumer"

// Consumers are live till they are deleted, suspended or not.
var Consumers = consumers()

func consumers() es.Reference {
	known := es.ReferenceOf(ConsumerKind, "consumer", es.ByAggregate, func(c Consumer, _ events.Envelope, data events.Data) (Consumer, bool) {
		switch data := data.(type) {
		case consumer.Registered:
			c.Team = data.Team
		case consumer.Suspended:
			c.Suspended = true
		case consumer.Resumed:
			c.Suspended = false
		}
		_, deleted := data.(consumer.Deleted)
		return c, !deleted
	})
	known.Version = 1 // who is suspended was not folded at first
	return known
}
