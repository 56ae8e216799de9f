package api

import "time"

var exampleInput = map[string]any{
	"id":      "acme",
	"name":    "Acme",
	"labels":  map[string]string{"tier": "gold", "custom_id": "4711"},
	"contact": map[string]string{"name": "Wile E. Coyote", "email": "wile@acme.example"},
	"limits":  map[string]any{"rate": map[string]any{"requests": 100, "per_seconds": 60}, "allowed_ips": []string{"10.0.0.0/8"}},
}

var exampleReason = map[string]any{"reason": "unpaid"}

var exampleAt = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func example() Consumer {
	return Consumer{
		ID:          "acme",
		Name:        "Acme",
		Description: "Supplier of everything",
		Labels:      map[string]string{"tier": "gold", "custom_id": "4711"},
		Contact:     &Contact{Name: "Wile E. Coyote", Email: "wile@acme.example"},
		Team:        "payments",
		Status:      "active",
		Limits:      Limits{Rate: &Rate{Requests: 100, PerSeconds: 60}, AllowedIPs: []string{"10.0.0.0/8"}},
		Version:     1,
		CreatedAt:   exampleAt,
		UpdatedAt:   exampleAt,
	}
}
