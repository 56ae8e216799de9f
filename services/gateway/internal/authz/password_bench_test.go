package authz_test

import (
	"encoding/base64"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/access"
	"github.com/tidegate-io/tidegate/libs/secret"
	"github.com/tidegate-io/tidegate/services/gateway/internal/header"
	"github.com/tidegate-io/tidegate/services/gateway/internal/material"
)

// The first call with a chosen password costs a slow hash, those after it do not.
func BenchmarkDecisionAboutAChosenPassword(b *testing.B) {
	c := million()
	id := "cred_of_a_chosen_password"
	data := credential.Issued{
		Concerns: events.Concerns{CredentialID: id, ConsumerID: "con_7"}, Type: "basic", SecretVersion: 1,
		Placement: credential.Placement{In: "header", Name: "Authorization"}, Config: []byte(`{"username":"ada"}`),
	}
	c.state.Rule.Apply(events.Envelope{ID: events.NewID(time.Now()), Type: data.EventType(), Stream: "credential-" + id, Version: 1, Position: 1, Time: time.Now()}, data)
	hash := secret.HashPassword("correct horse")
	for name, forget := range map[string]bool{"first_among_1000000": true, "after_among_1000000": false} {
		b.Run(name, func(b *testing.B) {
			c.state.Proofs.Put(id, material.Proof{Version: 1, Hash: hash})
			d, call := c.decider(), c.call("")
			call.At = time.Now()
			call.Fields[4] = header.Field{Name: "Authorization", Value: "Basic " + base64.StdEncoding.EncodeToString([]byte("ada:correct horse"))}
			if d.Decide(call); call.Code != access.Allowed {
				b.Fatal(call.Code)
			}
			b.ReportAllocs()
			began := cpu()
			for b.Loop() {
				if forget {
					c.state.Proofs.Remove(id, 1)
					c.state.Proofs.Put(id, material.Proof{Version: 1, Hash: hash})
				}
				if d.Decide(call); call.Code != access.Allowed {
					b.Fatal(call.Code)
				}
			}
			b.ReportMetric(float64(cpu()-began)/float64(b.N), "cpu-ns/op")
		})
	}
}
