package events

// Change is a field before and after an update. A nil *Change means that the
// field was left as it was.
type Change[T any] struct {
	Before T `json:"before"`
	After  T `json:"after"`
}

// Apply answers the field's value after the change.
func (c *Change[T]) Apply(field T) T {
	if c == nil {
		return field
	}
	return c.After
}

// Concerns names what an event is about, so that a reader can filter and judge
// visibility years later without asking anybody. Every payload embeds it and
// fills what applies.
type Concerns struct {
	ConsumerID     string `json:"consumer_id,omitempty"`
	CredentialID   string `json:"credential_id,omitempty"`
	ServiceID      string `json:"service_id,omitempty"`
	SubscriptionID string `json:"subscription_id,omitempty"`
	Team           string `json:"team,omitempty"`          // the consumer's team
	ProviderTeam   string `json:"provider_team,omitempty"` // the service's team
}

// Concerned answers the ids of a payload that embeds Concerns.
func (c Concerns) Concerned() Concerns { return c }
