package access_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/consumer"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/access"
)

// furnished has something of everything that is saved.
func furnished() *access.Snapshot {
	all := admitted(
		fact{"acme", consumer.Updated{Limits: &events.Change[*consumer.Limits]{After: &consumer.Limits{
			Rate: &consumer.Rate{Requests: 1, PerSeconds: 2}, AllowedIPs: []string{"10.0.0.0/8", "nonsense"}}}}},
		key("cred_2", "basic", "header", "Authorization", `{"username":"ada"}`),
		fact{"cred_2", credential.Rotated{SecretVersion: 2, RetiringVersion: 1, RetiringNotAfter: in(0)}},
	)
	all = append(all,
		fact{credential.SigningKeysID, credential.SigningKeysRotated{Keys: []credential.SigningKey{{KID: "one", JWK: exampleKey, NotAfter: in(0)}}}},
		fact{"tok_1", credential.TokenRevoked{TokenID: "tok_1", ExpiresAt: noon.Add(time.Hour)}})
	s := fold(log(all...))
	s.Apply(events.Envelope{Stream: "consumer-broken", Version: 1, Position: 9}, nil)
	return s
}

func TestSaving(t *testing.T) {
	t.Run("an empty snapshot", func(t *testing.T) {
		s, err := access.Load(bytes.NewReader(saved(t, access.New())))
		if err != nil || s.Hash() != access.New().Hash() {
			t.Fatal(err)
		}
	})
	t.Run("keeps that something was unreadable", func(t *testing.T) {
		s := furnished()
		s.Apply(events.Envelope{}, nil)
		loaded, err := access.Load(bytes.NewReader(saved(t, s)))
		if err != nil || !loaded.Unreadable() || loaded.Hash() != s.Hash() {
			t.Fatalf("%v, %v", err, loaded)
		}
	})
	t.Run("keeps what is broken broken, and everything else as it was", func(t *testing.T) {
		s := furnished()
		loaded, err := access.Load(bytes.NewReader(saved(t, s)))
		if err != nil {
			t.Fatal(err)
		}
		if loaded.Hash() != s.Hash() || len(loaded.Broken()) != 1 {
			t.Fatalf("broken: %v", loaded.Broken())
		}
		if c, ok := loaded.BasicUser("ada"); !ok || c.ID != "cred_2" || loaded.SecretDead("cred_2", 1) {
			t.Fatal("another credential")
		}
		if d := call(loaded); !d.Allowed() || len(d.Consumer.Limits.AllowedIPs) != 1 || d.Consumer.Limits.Rate.PerSeconds != 2 {
			t.Fatalf("%+v", d)
		}
	})
	t.Run("says when it cannot write", func(t *testing.T) {
		if err := furnished().Save(broken{}); !errors.Is(err, io.ErrClosedPipe) {
			t.Fatalf("got %v", err)
		}
	})
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestLoadingRefusesWhatIsNotWhole(t *testing.T) {
	whole := saved(t, furnished())
	for n := range whole {
		if _, err := access.Load(bytes.NewReader(whole[:n])); !errors.Is(err, access.ErrSnapshot) {
			t.Fatalf("cut after %d bytes: %v", n, err)
		}
	}
	for what, b := range map[string]string{
		"a record is missing":             "tidegate access snapshot 1\n\x00\x02\x01\x00",
		"something follows in the end":    "tidegate access snapshot 1\n\x00\x03\x00\x00\x00",
		"a record is of no known kind":    "tidegate access snapshot 1\nx\x00\x00\x02\x01\x00",
		"a record is larger than any":     "tidegate access snapshot 1\nk\xff\xff\xff\xff\x0f",
		"a record is longer than its own": "tidegate access snapshot 1\nc\x01\x05\x00\x02\x01\x00",
	} {
		if _, err := access.Load(strings.NewReader(b)); !errors.Is(err, access.ErrSnapshot) {
			t.Errorf("%s: %v", what, err)
		}
	}
	newer := bytes.Replace(whole, []byte("snapshot 1"), []byte("snapshot 2"), 1)
	if _, err := access.Load(bytes.NewReader(newer)); !errors.Is(err, access.ErrSnapshot) {
		t.Fatalf("a newer format: %v", err)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(saved(f, furnished()))
	f.Add(saved(f, access.New()))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := access.Load(bytes.NewReader(b))
		if err != nil {
			if !errors.Is(err, access.ErrSnapshot) {
				t.Fatal(err)
			}
			return
		}
		// What is accepted is whole: it decides, and is saved and loaded again.
		call(s)
		s.Explain(request(s))
		again, err := access.Load(bytes.NewReader(saved(t, s)))
		if err != nil || again.Hash() != s.Hash() {
			t.Fatalf("it does not come back: %v", err)
		}
	})
}
