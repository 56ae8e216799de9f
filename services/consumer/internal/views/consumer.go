// Package views holds what the consumer service reads: its own consumers, folded
// in the append transaction, and what it knows of subscriptions.
package views

import (
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/services/consumer/internal/domain"
)

// Consumer is a consumer as it is read.
type Consumer struct {
	domain.State
	Version   int64
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Fields by which consumers are found.
const (
	Readers = "readers" // "team:<team>": as libs/httpapi.Visible asks
	Team    = "team"
	Status  = "status"
	Label   = "label" // "key:value"
)

// Consumers are all that ever were, by id.
var Consumers = es.ViewOf("consumers", 1, es.ByAggregate, func(c Consumer, e events.Envelope, data events.Data) Consumer {
	if c.Version == 0 {
		c.CreatedAt = e.Time
	}
	c.State = domain.Decider.Evolve(c.State, data)
	c.Version, c.UpdatedAt = e.Version, e.Time
	return c
})

// Index says how a consumer is found: by text in its id, name and description.
func (c Consumer) Index() es.Index {
	terms := map[string][]string{Status: {string(c.Status)}}
	if team := c.Concerns.Team; team != "" {
		terms[Team] = []string{team}
		terms[Readers] = []string{"team:" + team}
	}
	for key, value := range c.Profile.Labels {
		terms[Label] = append(terms[Label], key+":"+value)
	}
	return es.Index{Text: c.Concerns.ConsumerID + "\n" + c.Profile.Name + "\n" + c.Profile.Description, Terms: terms}
}
