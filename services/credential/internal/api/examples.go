package api

import (
	"encoding/json"
	"time"
)

var exampleInput = map[string]any{"name": "production", "type": "api_key", "hide_credentials": true}

var exampleReason = map[string]any{"reason": "leaked"}

var exampleAt = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func example() Credential {
	return Credential{
		ID:              "cred_01m80abz2dfz9t0d1k3v7xq5rj",
		ConsumerID:      "acme",
		Name:            "production",
		Type:            "api_key",
		Placement:       Placement{In: "header", Name: "X-API-Key"},
		Config:          map[string]json.RawMessage{},
		HideCredentials: true,
		Status:          "active",
		Secrets:         []Secret{{Version: 1, Hint: "tg_k_003a...qAxl", Status: "live", CreatedAt: exampleAt}},
		LastUsedAt:      &exampleUsed,
		UseCount:        1041,
		Version:         1,
		CreatedAt:       exampleAt,
		UpdatedAt:       exampleAt,
	}
}

func exampleIssued() Issued {
	issued := example()
	issued.LastUsedAt, issued.UseCount = nil, 0
	return Issued{Credential: issued, Secret: map[string]string{"api_key": "tg_k_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf2XqAxl"}}
}

func exampleRotated() Issued {
	until := exampleAt.Add(24 * time.Hour)
	rotated := exampleIssued()
	rotated.Version = 2
	rotated.Secrets = []Secret{
		{Version: 1, Hint: "tg_k_0000...Xd45", Status: "retiring", NotAfter: &until, CreatedAt: exampleAt},
		{Version: 2, Hint: "tg_k_003a...qAxl", Status: "live", CreatedAt: exampleAt},
	}
	return rotated
}
