package api

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/tidegate-io/tidegate/services/consumer/internal/domain"
	"github.com/tidegate-io/tidegate/services/consumer/internal/views"
)

// Consumer is a consumer as callers see it.
type Consumer struct {
	ID          string            `json:"id" doc:"Chosen or generated; never changes and is never used again."`
	Name        string            `json:"name" doc:"Plain in events: put no personal data here."`
	Description string            `json:"description" doc:"Plain in events: put no personal data here."`
	Labels      map[string]string `json:"labels" doc:"Plain in events. custom_id travels upstream as X-Consumer-Custom-Id."`
	Contact     *Contact          `json:"contact" doc:"Sealed in events, erased when the consumer is deleted."`
	Team        string            `json:"team" doc:"Whose it is; empty: administrators' alone."`
	Status      string            `json:"status" enum:"active,suspended,deleted"`
	Limits      Limits            `json:"limits"`
	Version     int64             `json:"version"`
	CreatedAt   time.Time         `json:"created_at"`
	UpdatedAt   time.Time         `json:"updated_at"`

	// ContactSealed is the contact in a kept answer, where it is never plain.
	ContactSealed []byte `json:"contact_sealed,omitempty" hidden:"true"`

	glimpse bool
}

// Contact is the one place for personal data.
type Contact struct {
	Name  string `json:"name" required:"false" maxLength:"256"`
	Email string `json:"email" required:"false" maxLength:"320" pattern:"^([^\\s@<>]+@[^\\s@<>]+)?$" patternDescription:"an address"`
}

// Limits hold for all calls of the consumer together, on every gateway.
type Limits struct {
	Rate       *Rate    `json:"rate"`
	Quota      *Quota   `json:"quota"`
	AllowedIPs []string `json:"allowed_ips" doc:"Addresses and CIDR blocks in their shortest spelling; empty: from anywhere."`
}

// Rate admits requests in any span of seconds (GCRA).
type Rate struct {
	Requests   int64 `json:"requests" minimum:"1" maximum:"1000000000000" doc:"May all be used at once, then come back evenly."`
	PerSeconds int64 `json:"per_seconds" minimum:"1" maximum:"86400"`
}

// Quota admits requests in each calendar day or month, UTC.
type Quota struct {
	Requests int64  `json:"requests" minimum:"1" maximum:"1000000000000"`
	Per      string `json:"per" enum:"day,month"`
}

// MarshalJSON leaves to a provider what it may see of its subscriber.
func (c Consumer) MarshalJSON() ([]byte, error) {
	type whole Consumer
	if !c.glimpse {
		return json.Marshal(whole(c))
	}
	return json.Marshal(struct {
		ID     string            `json:"id"`
		Name   string            `json:"name"`
		Labels map[string]string `json:"labels"`
	}{c.ID, c.Name, c.Labels})
}

// consumerOf answers a consumer with its contact still sealed.
func consumerOf(c views.Consumer) Consumer {
	return Consumer{
		ID:            c.Concerns.ConsumerID,
		Name:          c.Profile.Name,
		Description:   c.Profile.Description,
		Labels:        labelled(c.Profile.Labels),
		Team:          c.Concerns.Team,
		Status:        string(c.Status),
		Limits:        limitsOf(c.Profile.Limits),
		Version:       c.Version,
		CreatedAt:     c.CreatedAt,
		UpdatedAt:     c.UpdatedAt,
		ContactSealed: c.Profile.ContactSealed,
	}
}

func glimpse(c views.Consumer) Consumer {
	return Consumer{ID: c.Concerns.ConsumerID, Name: c.Profile.Name, Labels: labelled(c.Profile.Labels), glimpse: true}
}

func labelled(labels map[string]string) map[string]string {
	if labels == nil {
		return map[string]string{}
	}
	return maps.Clone(labels)
}

func limitsOf(l *domain.Limits) Limits {
	shown := Limits{AllowedIPs: []string{}}
	if l == nil {
		return shown
	}
	shown.Rate, shown.Quota = (*Rate)(l.Rate), (*Quota)(l.Quota)
	shown.AllowedIPs = append(shown.AllowedIPs, l.AllowedIPs...)
	return shown
}

// LimitsInput is Limits as they are asked for.
type LimitsInput struct {
	Rate       *Rate    `json:"rate,omitempty"`
	Quota      *Quota   `json:"quota,omitempty"`
	AllowedIPs []string `json:"allowed_ips,omitempty" maxItems:"256" doc:"Addresses and CIDR blocks; empty: from anywhere."`
}

func (l *LimitsInput) domain() *domain.Limits {
	if l == nil {
		return nil
	}
	return &domain.Limits{Rate: (*domain.Rate)(l.Rate), Quota: (*domain.Quota)(l.Quota), AllowedIPs: slices.Clone(l.AllowedIPs)}
}

func inputOf(l *domain.Limits) LimitsInput {
	if l == nil {
		return LimitsInput{}
	}
	return LimitsInput{Rate: (*Rate)(l.Rate), Quota: (*Quota)(l.Quota), AllowedIPs: l.AllowedIPs}
}
