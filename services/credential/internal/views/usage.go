package views

import (
	"encoding/json"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/libs/es"
)

// Used is what one gateway has counted of a credential in one report. It is
// folded like an event of another service and is none: nothing of it is written
// but the sum.
type Used struct {
	CredentialID string
	Count        int64
	Last         time.Time
}

// EventType is "credential.used".
func (Used) EventType() string { return "credential.used" }

// Usage is how often a credential was let through, by all gateways together, and
// when for the last time.
type Usage struct {
	Count int64
	Last  time.Time
}

// UsageKind is the kind of the facts about uses; each has a credential's id.
const UsageKind = "usage"

// UsageSource is the context of reports; each of those who report has a cursor.
const UsageSource = "usage"

// Usages are the uses of every credential that was ever used, of revoked ones
// too. Their version never changes: reports are not told again.
var Usages = usages()

func usages() es.Reference {
	key := func(_ events.Envelope, data events.Data) string {
		used, _ := data.(Used)
		return used.CredentialID
	}
	r := es.ReferenceOf(UsageKind, UsageSource, key, func(u Usage, _ events.Envelope, data events.Data) (Usage, bool) {
		if used, ok := data.(Used); ok {
			u.Count += used.Count
			if used.Last.After(u.Last) {
				u.Last = used.Last
			}
		}
		return u, true
	})
	r.Rank = func(body json.RawMessage) string {
		var u Usage
		if json.Unmarshal(body, &u) != nil {
			return ""
		}
		return Moment(u.Last)
	}
	return r
}
