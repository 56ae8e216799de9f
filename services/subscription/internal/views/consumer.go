package views

import (
	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/libs/es"
)

// Consumer is what is known here of a consumer: whose it is, and what its
// providers see of it.
type Consumer struct {
	Team   string
	Name   string
	Labels map[string]string
}

// ConsumerKind is the kind of the facts about consumers.
const ConsumerKind = "consumer"

// Consumers are live till they are deleted, suspended or not.
var Consumers = es.ReferenceOf(ConsumerKind, "consumer", es.ByAggregate, func(c Consumer, _ events.Envelope, data events.Data) (Consumer, bool) {
	switch data := data.(type) {
	case consumer.Registered:
		c = Consumer{Team: data.Team, Name: data.Name, Labels: data.Labels}
	case consumer.Updated:
		c.Name, c.Labels = data.Name.Apply(c.Name), data.Labels.Apply(c.Labels)
	case consumer.Deleted:
		return c, false
	}
	return c, true
})
