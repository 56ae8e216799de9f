package httpapi

import "time"

// SetClock has an issuer take its time from now.
func (r *RemoteIssuer) SetClock(now func() time.Time) { r.now = now }

// PreferredWait is what Prefer asks for.
var PreferredWait = preferredWait
