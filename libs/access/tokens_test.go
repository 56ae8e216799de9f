package access_test

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/access"
)

// exampleKey is the key of RFC 7515, appendix A.3.
var exampleKey = credential.JWK{
	Kty: "EC", Crv: "P-256",
	X: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", Y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}

func rotated(keys ...credential.SigningKey) fact {
	return fact{credential.SigningKeysID, credential.SigningKeysRotated{Keys: keys}}
}

func TestSigningKeys(t *testing.T) {
	t.Run("of every place verify, a previous one until its end", func(t *testing.T) {
		s := fold(log(rotated(
			credential.SigningKey{KID: "n", Status: credential.KeyNext, JWK: exampleKey},
			credential.SigningKey{KID: "c", Status: credential.KeyCurrent, JWK: exampleKey},
			credential.SigningKey{KID: "p", Status: credential.KeyPrevious, JWK: exampleKey, NotAfter: in(time.Hour)},
		)))
		for kid, after := range map[string]bool{"n": true, "c": true, "p": false} {
			k, ok := s.SigningKey(kid)
			if !ok || k.KID != kid || k.Public == nil || !k.Verifies(noon) || k.Verifies(noon.Add(time.Hour)) != after {
				t.Errorf("%s: %+v", kid, k)
			}
		}
		if _, ok := s.SigningKey("other"); ok {
			t.Error("a key that nobody published")
		}
	})
	t.Run("that are replaced verify no more", func(t *testing.T) {
		s := fold(log(rotated(credential.SigningKey{KID: "one", JWK: exampleKey}), rotated(credential.SigningKey{KID: "two", JWK: exampleKey})))
		if _, ok := s.SigningKey("one"); ok {
			t.Error("the first set still counts")
		}
		if _, ok := s.SigningKey("two"); !ok {
			t.Error("the second set does not count")
		}
	})
	t.Run("that cannot be read verify nothing, and do not keep others from it", func(t *testing.T) {
		bad := exampleKey
		bad.Y = bad.X // not on the curve
		s := fold(log(rotated(credential.SigningKey{KID: "bad", JWK: bad}, credential.SigningKey{KID: "good", JWK: exampleKey})))
		if _, ok := s.SigningKey("bad"); ok {
			t.Error("a point that is not on the curve verifies")
		}
		if _, ok := s.SigningKey("good"); !ok {
			t.Error("the other key does not")
		}
	})
	t.Run("are none while an event about them cannot be read", func(t *testing.T) {
		all := log(rotated(credential.SigningKey{KID: "one", JWK: exampleKey}), rotated(credential.SigningKey{KID: "two", JWK: exampleKey}))
		s := fold([]event{all[0], all[1].unreadable()})
		if _, ok := s.SigningKey("one"); ok || !slices.Equal(s.Broken(), []string{"credential-signing_keys"}) {
			t.Fatalf("broken: %v", s.Broken())
		}
		s.Apply(all[1].Envelope, all[1].data)
		if _, ok := s.SigningKey("two"); !ok || s.Broken() != nil || s.Hash() != fold(all).Hash() {
			t.Fatal("not healed")
		}
	})
}

// revocation is the event that revokes a token at a time.
func revocation(id string, at, expires time.Duration) event {
	e := log(fact{id, credential.TokenRevoked{TokenID: id, ExpiresAt: noon.Add(expires)}})[0]
	e.Time = noon.Add(at)
	return e
}

func TestRevokedTokens(t *testing.T) {
	t.Run("are refused, and others are not", func(t *testing.T) {
		s := fold([]event{revocation("tok_1", 0, time.Hour), revocation("grant_1", 0, time.Hour)})
		if !s.TokenRevoked("tok_1") || !s.TokenRevoked("grant_1") || s.TokenRevoked("tok_2") || s.TokenRevoked("") {
			t.Fatal("another answer")
		}
		if _, ok := s.Credential("tok_1"); ok {
			t.Fatal("a token is no credential")
		}
	})
	t.Run("that cannot be read are refused till they can", func(t *testing.T) {
		e := revocation("tok_1", 0, time.Hour)
		s := fold([]event{e.unreadable(), revocation("tok_2", 100*24*time.Hour, 101*24*time.Hour)})
		if !s.TokenRevoked("tok_1") || !slices.Equal(s.Broken(), []string{"credential-tok_1"}) {
			t.Fatalf("broken: %v", s.Broken())
		}
		s.Apply(e.Envelope, e.data)
		if s.TokenRevoked("tok_1") || s.Broken() != nil {
			t.Fatal("not healed, and then forgotten")
		}
	})
	t.Run("are refused for a day beyond their expiry, and then forgotten", func(t *testing.T) {
		first := revocation("tok_1", 0, time.Hour)
		s := fold([]event{first, revocation("tok_2", 24*time.Hour, 48*time.Hour)})
		if !s.TokenRevoked("tok_1") {
			t.Fatal("forgotten too early")
		}
		last := revocation("tok_3", 25*time.Hour, 48*time.Hour)
		s.Apply(last.Envelope, last.data)
		if s.TokenRevoked("tok_1") || !s.TokenRevoked("tok_2") || !s.TokenRevoked("tok_3") {
			t.Fatal("not forgotten, or others with it")
		}
		hash := s.Hash()
		s.Apply(first.Envelope, first.data)
		if s.TokenRevoked("tok_1") || s.Hash() != hash {
			t.Fatal("what was forgotten comes back when it is applied again")
		}
	})
	t.Run("are not forgotten early by events that were written with a clock ahead", func(t *testing.T) {
		s := fold([]event{revocation("tok_1", 1000*time.Hour, time.Hour), revocation("tok_2", 1001*time.Hour, time.Hour)})
		if !s.TokenRevoked("tok_1") || !s.TokenRevoked("tok_2") {
			t.Fatal("forgotten as soon as it was revoked")
		}
	})
	t.Run("may be revoked again, after they were forgotten too", func(t *testing.T) {
		again := log(fact{"tok_1", credential.TokenRevoked{TokenID: "tok_1", ExpiresAt: noon}}, fact{"tok_1", credential.TokenRevoked{TokenID: "tok_1", ExpiresAt: noon.Add(101 * time.Hour)}})[1]
		again.Time = noon.Add(100 * time.Hour)
		s := fold([]event{revocation("tok_1", 0, time.Hour), again})
		if !s.TokenRevoked("tok_1") || s.Broken() != nil {
			t.Fatalf("broken: %v", s.Broken())
		}
	})
	t.Run("leave no trace in what is saved once they are forgotten", func(t *testing.T) {
		s := fold([]event{revocation("tok_1", 0, time.Hour), revocation("tok_2", 100*time.Hour, 101*time.Hour)})
		other := fold([]event{revocation("tok_2", 100*time.Hour, 101*time.Hour)})
		if bytes.Contains(saved(t, s), []byte("tok_1")) || len(saved(t, s)) != len(saved(t, other)) {
			t.Fatal("tok_1 is still there")
		}
	})
}

func TestMemoryOfRevokedTokensIsBounded(t *testing.T) {
	s := access.New()
	const each, rounds = 1000, 60
	var first uint64
	for round := range rounds {
		for i := range each {
			at := time.Duration(round)*24*time.Hour + time.Duration(i)*time.Second
			e := revocation(fmt.Sprintf("tok_%d_%d", round, i), at, at+time.Hour)
			s.Apply(e.Envelope, e.data)
		}
		if round == 5 {
			first = heap()
		}
	}
	if last := heap(); last > first+1<<20 {
		t.Errorf("%d bytes after 5 days, %d after %d", first, last, rounds)
	}
	if size := len(saved(t, s)); size > 3*each*64 {
		t.Errorf("it is saved in %d bytes", size)
	}
	for round, want := range map[int]bool{0: false, rounds - 3: false, rounds - 1: true} {
		if got := s.TokenRevoked(fmt.Sprintf("tok_%d_%d", round, 7)); got != want {
			t.Errorf("round %d is remembered: %v", round, got)
		}
	}
	runtime.KeepAlive(s)
}

func TestAskingForATokenAllocatesNothing(t *testing.T) {
	s := fold([]event{revocation("tok_1", 0, time.Hour)})
	s.Apply(log(rotated(credential.SigningKey{KID: "one", JWK: exampleKey}))[0].Envelope,
		credential.SigningKeysRotated{Keys: []credential.SigningKey{{KID: "one", JWK: exampleKey}}})
	for name, ask := range map[string]func(){
		"revoked": func() { s.TokenRevoked("tok_1") },
		"not":     func() { s.TokenRevoked("tok_2") },
		"the key": func() { s.SigningKey("one") },
	} {
		if n := testing.AllocsPerRun(100, ask); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestReadersSeeARevokedTokenWhileOthersAreForgotten(t *testing.T) {
	s := access.New()
	told, done := make(chan string, 64), make(chan struct{})
	go func() {
		defer close(done)
		for id := range told {
			if !s.TokenRevoked(id) {
				t.Errorf("%s is accepted after it was revoked", id)
			}
		}
	}()
	for i := range 5000 {
		at := time.Duration(i) * time.Minute
		id := fmt.Sprintf("tok_%d", i)
		e := revocation(id, at, at+time.Hour)
		s.Apply(events.Envelope{ID: e.ID, Type: e.Type, Stream: e.Stream, Version: 1, Time: e.Time}, e.data)
		if i%10 == 0 {
			told <- id
		}
	}
	close(told)
	<-done
}
