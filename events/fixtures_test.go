package events_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/catalog"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/events/subscription"
)

// Fixtures are frozen: -update writes those that are missing and never changes
// one that is there, since what was once published must be read for ever.
var update = flag.Bool("update", false, "write the fixtures that are missing")

var (
	noon    = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	evening = noon.Add(8 * time.Hour)
	ids     = []string{"cred_01kjm2x0v8e6hbqg4y5s8zq3wd"}
	limits  = &consumer.Limits{
		Rate:       &consumer.Rate{Requests: 100, PerSeconds: 60},
		Quota:      &consumer.Quota{Requests: 100000, Per: "day"},
		AllowedIPs: []string{"10.0.0.0/8"},
	}
)

func change[T any](before, after T) *events.Change[T] {
	return &events.Change[T]{Before: before, After: after}
}

// samples is one full payload of every event type, by context directory.
func samples() map[string][]events.Data {
	ofConsumer := events.Concerns{ConsumerID: "acme", Team: "payments"}
	ofCredential := ofConsumer
	ofCredential.CredentialID = ids[0]
	ofService := events.Concerns{ServiceID: "petstore", Team: "pets", ProviderTeam: "pets"}
	of := events.Concerns{
		ConsumerID: "acme", ServiceID: "petstore", SubscriptionID: "sub_01kjm2x0v8e6hbqg4y5s8zq3we",
		Team: "payments", ProviderTeam: "pets",
	}
	plans := []catalog.Plan{{
		ID: "default", Name: "Default", Rate: limits.Rate, Quota: limits.Quota,
		Approval: &catalog.Approval{Mode: "auto"},
	}}
	routes := []catalog.Route{{Host: "api.example.com", PathPrefix: "/petstore", Methods: []string{"GET"}, StripPrefix: true}}
	upstreams := []catalog.Upstream{{URL: "http://127.0.0.1:9000", Weight: 1}}
	placement := credential.Placement{In: "header", Name: "X-API-Key"}
	jwk := credential.JWK{
		Kty: "EC", Crv: "P-256", // of RFC 7515, appendix A.3
		X: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", Y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
	}

	return map[string][]events.Data{
		"consumer": {
			consumer.Registered{
				Concerns: ofConsumer, Name: "Acme", Description: "A partner", Labels: map[string]string{"tier": "gold"},
				ContactSealed: []byte{1, 2, 3}, Limits: limits,
			},
			consumer.Updated{
				Concerns: ofConsumer, Name: change("Acme", "Acme Ltd"), Description: change("", "A partner"),
				Labels: change(nil, map[string]string{"tier": "gold"}), ContactSealed: change(nil, []byte{1, 2, 3}),
				Limits: change(nil, limits),
			},
			consumer.Suspended{Concerns: ofConsumer, Reason: "unpaid"},
			consumer.Resumed{Concerns: ofConsumer, Reason: "paid"},
			consumer.Deleted{Concerns: ofConsumer, Name: "Acme"},
		},
		"credential": {
			credential.Issued{
				Concerns: ofCredential, Name: "production", Type: credential.TypeBasic, Placement: placement,
				Config: json.RawMessage(`{"username":"acme"}`), ExpiresAt: &evening, HideCredentials: true, SecretVersion: 1,
			},
			credential.Updated{
				Concerns: ofCredential, Name: change("production", "main"),
				Placement: change(placement, credential.Placement{In: "query", Name: "key"}),
				Config:    change(json.RawMessage(`{}`), json.RawMessage(`{"leeway_seconds":5}`)),
				ExpiresAt: change(nil, &evening), HideCredentials: change(false, true),
			},
			credential.Rotated{
				Concerns: ofCredential, SecretVersion: 3, RetiringVersion: 2, RetiringNotAfter: &evening,
				RetiredVersions: []int{1},
			},
			credential.SecretRetired{Concerns: ofCredential, SecretVersion: 2},
			credential.Suspended{Concerns: ofCredential, Reason: "leak suspected"},
			credential.Resumed{Concerns: ofCredential, Reason: "false alarm"},
			credential.Revoked{Concerns: ofCredential, Name: "production", Type: credential.TypeBasic, Reason: "leaked"},
			credential.Expired{Concerns: ofCredential, ExpiresAt: noon},
			credential.SigningKeysRotated{Keys: []credential.SigningKey{
				{KID: "2026-03-01", Status: credential.KeyNext, Since: noon, JWK: jwk},
				{KID: "2025-12-01", Status: credential.KeyCurrent, Since: noon, JWK: jwk},
				{KID: "2025-09-01", Status: credential.KeyPrevious, Since: noon, JWK: jwk, NotAfter: &evening},
			}},
			credential.TokenRevoked{Concerns: ofCredential, TokenID: "tok_01kjm2x0v8e6hbqg4y5s8zq3wf", ExpiresAt: evening},
			credential.Expiring{Concerns: ofCredential, Name: "production", ExpiresAt: evening, Days: 7},
		},
		"catalog": {
			catalog.Drafted{
				Concerns: ofService, Name: "Petstore", Description: "Pets", Kind: "rest", Tags: []string{"pets"},
				Category: "animals", Visibility: "public", Routes: routes, Upstreams: upstreams,
				Accepts: []string{"api_key"}, Approval: catalog.Approval{Mode: "manual"}, Plans: plans,
				Staleness: catalog.Staleness{Mode: "serve-stale", Seconds: 60}, TimeoutSeconds: 30, Documentation: "# Pets",
			},
			catalog.Updated{
				Concerns: ofService, Name: change("Petstore", "Pets"), Description: change("", "Pets"),
				Kind: change("rest", "ai"), Tags: change(nil, []string{"pets"}), Category: change("", "animals"),
				Visibility: change("public", "team"), Routes: change(nil, routes), Upstreams: change(nil, upstreams),
				Accepts:  change([]string{"api_key"}, []string{"basic"}),
				Approval: change(catalog.Approval{Mode: "manual"}, catalog.Approval{Mode: "policy", Expression: "true"}),
				Plans:    change(nil, plans),
				Staleness: change(catalog.Staleness{Mode: "serve-stale", Seconds: 60},
					catalog.Staleness{Mode: "fail-closed", Seconds: 5}),
				TimeoutSeconds: change(30, 10), Documentation: change("", "# Pets"),
			},
			catalog.Published{Concerns: ofService, Name: "Petstore"},
			catalog.Unpublished{Concerns: ofService, Name: "Petstore"},
			catalog.Deprecated{Concerns: ofService, Name: "Petstore", SunsetAt: &evening},
			catalog.Retired{Concerns: ofService, Name: "Petstore"},
		},
		"subscription": {
			subscription.Requested{
				Concerns: of, ConsumerName: "Acme", ServiceName: "Petstore", PlanID: "default", CredentialIDs: &ids,
				Reason: "for the shop", AsProvider: true,
			},
			subscription.Approved{Concerns: of, PlanID: "default", Mode: subscription.ApprovedManually, Comment: "welcome", ExpiresAt: &evening},
			subscription.Rejected{Concerns: of, Reason: "no contract"},
			subscription.Withdrawn{Concerns: of},
			subscription.Suspended{Concerns: of, Reason: "too many errors"},
			subscription.Resumed{Concerns: of},
			subscription.Cancelled{Concerns: of, Reason: "consumer_deleted"},
			subscription.Revoked{Concerns: of, Reason: "service_retired"},
			subscription.RenewalRequested{Concerns: of, ExpiresAt: evening},
			subscription.RenewalRejected{Concerns: of, Reason: "no contract"},
			subscription.Renewed{Concerns: of, Before: &noon, ExpiresAt: &evening, Comment: "one more day"},
			subscription.Expired{Concerns: of, ExpiresAt: noon},
			subscription.CredentialsAssigned{Concerns: of, Before: nil, CredentialIDs: &ids},
		},
	}
}

// additions are payloads with members that came later, by the file of their
// fixture. The type's first fixture is frozen without them.
func additions() map[string]events.Data {
	ofCredential := events.Concerns{ConsumerID: "acme", CredentialID: ids[0], Team: "payments"}
	return map[string]events.Data{
		"credential/testdata/credential.rotated.v1.config.json": credential.Rotated{
			Concerns: ofCredential, SecretVersion: 2, RetiredVersions: []int{1},
			Config: change(json.RawMessage(`{"key":"billing"}`), json.RawMessage(`{"key":"billing","leeway_seconds":5}`)),
		},
	}
}

var sets = map[string]events.Set{
	"consumer": consumer.Events, "credential": credential.Events,
	"catalog": catalog.Events, "subscription": subscription.Events,
}

func everything(t *testing.T) *events.Registry {
	t.Helper()
	registry, err := events.NewRegistry(consumer.Events, credential.Events, catalog.Events, subscription.Events)
	if err != nil {
		t.Fatal(err)
	}
	return registry
}

func TestEveryEventTypeHasAFrozenFixtureThatIsStillRead(t *testing.T) {
	registry := everything(t)
	for context, set := range sets {
		byType := map[string]events.Data{}
		for _, sample := range samples()[context] {
			byType[sample.EventType()] = sample
		}
		for _, spec := range set {
			t.Run(spec.Type, func(t *testing.T) {
				want, ok := byType[spec.Type]
				if !ok {
					t.Fatalf("samples has no %s", spec.Type)
				}
				path := filepath.Join(context, "testdata", spec.Type+".v"+strconv.Itoa(spec.Schema)+".json")
				readsAs(t, registry, fixture(t, registry, path, want), want)
			})
		}
	}
	for path, want := range additions() {
		t.Run(path, func(t *testing.T) { readsAs(t, registry, fixture(t, registry, filepath.FromSlash(path), want), want) })
	}
}

func readsAs(t *testing.T, registry *events.Registry, body []byte, want events.Data) {
	t.Helper()
	envelope, err := events.Decode(body)
	if err != nil {
		t.Fatal(err)
	}
	got, err := registry.Decode(envelope)
	if err != nil {
		t.Fatal(err)
	}
	var plain bytes.Buffer // a fixture is indented, raw members too
	if err := json.Compact(&plain, []byte(payload(t, got))); err != nil {
		t.Fatal(err)
	}
	if got, want := plain.String(), payload(t, want); got != want {
		t.Errorf("the fixture reads as\n%s\nwant\n%s", got, want)
	}
}

func TestEveryFixtureOfEveryEarlierSchemaIsStillRead(t *testing.T) {
	registry := everything(t)
	seen := 0
	for context := range sets {
		paths, err := filepath.Glob(filepath.Join(context, "testdata", "*.json"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			body, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			envelope, err := events.Decode(body)
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			if _, err := registry.Decode(envelope); err != nil {
				t.Errorf("%s: %v", path, err)
			}
			seen++
		}
	}
	if want := len(registry.Types()); seen < want {
		t.Errorf("%d fixtures for %d event types", seen, want)
	}
}

func payload(t *testing.T, data events.Data) string {
	t.Helper()
	raw, err := json.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func fixture(t *testing.T, registry *events.Registry, path string, data events.Data) []byte {
	t.Helper()
	body, err := os.ReadFile(path)
	if err == nil {
		return body
	}
	if !errors.Is(err, fs.ErrNotExist) || !*update {
		t.Fatalf("%v (run the test with -update to write missing fixtures)", err)
	}
	raw, schema, err := registry.Encode(data)
	if err != nil {
		t.Fatal(err)
	}
	concerns := data.(interface{ Concerned() events.Concerns }).Concerned()
	aggregate := map[string]string{
		"consumer": concerns.ConsumerID, "credential": concerns.CredentialID,
		"service": concerns.ServiceID, "subscription": concerns.SubscriptionID,
	}[events.Word(data.EventType())]
	switch data := data.(type) {
	case credential.SigningKeysRotated:
		aggregate = credential.SigningKeysID
	case credential.TokenRevoked:
		aggregate = data.TokenID
	}
	body, err = events.Encode(events.Envelope{
		ID: "0195514f-1a00-7000-8000-000000000001", Type: data.EventType(), Schema: schema,
		Source: "/tidegate/default/" + filepath.Dir(filepath.Dir(path)), Stream: events.Word(data.EventType()) + "-" + aggregate,
		Version: 1, Position: 1, Time: noon, Actor: "alice", CorrelationID: "0195514f-1a00-7000-8000-000000000002",
		CausationID: "0195514f-1a00-7000-8000-000000000003",
		TraceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", Data: raw,
	})
	if err != nil {
		t.Fatal(err)
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, body, "", "  "); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(pretty.Bytes(), '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
	return pretty.Bytes()
}
