package domain

import "github.com/tidegate-io/tidegate/libs/es"

// ContactKey names the row that keeps the key under which a consumer's contact
// is sealed. It is never published.
func ContactKey(consumerID string) string { return consumerID + ".contact" }

// Effects erases the key of a contact that is no longer there, and with it
// every copy of the contact in the log.
func Effects(before, after State) es.Effects {
	if len(before.ContactSealed) > 0 && len(after.ContactSealed) == 0 {
		return es.Effects{Material: []es.Material{{Key: ContactKey(before.ID), Erase: true}}}
	}
	return es.Effects{}
}
