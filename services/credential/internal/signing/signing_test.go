package signing_test

import (
	"slices"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/events"
	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/es/estest"
	"github.com/tidegate-io/tidegate/services/credential/internal/signing"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func at(d time.Duration) time.Time { return noon.Add(d) }

func made(kid string) signing.Key {
	return signing.Key{KID: kid, JWK: credential.JWK{Kty: "EC", X: kid}}
}

func published(kid, status string, since time.Duration, end ...time.Duration) credential.SigningKey {
	k := credential.SigningKey{KID: kid, Status: status, Since: at(since), JWK: made(kid).JWK}
	for _, d := range end {
		notAfter := at(d)
		k.NotAfter = &notAfter
	}
	return k
}

func set(keys ...credential.SigningKey) events.Data { return credential.SigningKeysRotated{Keys: keys} }

// begun is the set that there is at noon.
var begun = set(published("n1", credential.KeyNext, 0), published("c1", credential.KeyCurrent, 0))

func TestKeys(t *testing.T) {
	const hour = time.Hour
	t.Run("the first are a current and a next one", func(t *testing.T) {
		estest.For(t, signing.Decider).Given().When(signing.Begin{Current: made("c1"), Next: made("n1"), Now: noon}).Then(begun)
	})
	t.Run("begin once", func(t *testing.T) {
		estest.For(t, signing.Decider).Given(begun).When(signing.Begin{Current: made("c2"), Next: made("n2"), Now: noon}).Refused(signing.ErrBegun)
	})
	t.Run("are not rotated before there are any", func(t *testing.T) {
		estest.For(t, signing.Decider).Given().When(signing.Rotate{Now: noon}).Refused(signing.ErrNone)
	})
	t.Run("move up when they are rotated", func(t *testing.T) {
		estest.For(t, signing.Decider).Given(begun).
			When(signing.Rotate{Replacing: "c1", Next: made("n2"), Overlap: 2 * hour, Now: at(hour)}).
			Then(set(published("n2", credential.KeyNext, hour), published("n1", credential.KeyCurrent, hour), published("c1", credential.KeyPrevious, hour, 3*hour)))
	})
	t.Run("that were previous stay until their own end", func(t *testing.T) {
		given := set(
			published("n1", credential.KeyNext, 0), published("c1", credential.KeyCurrent, 0),
			published("p2", credential.KeyPrevious, 0, 3*hour), published("p1", credential.KeyPrevious, -hour, hour),
		)
		estest.For(t, signing.Decider).Given(given).
			When(signing.Rotate{Replacing: "c1", Next: made("n2"), Overlap: 2 * hour, Now: at(hour)}).
			Then(set(
				published("n2", credential.KeyNext, hour), published("n1", credential.KeyCurrent, hour),
				published("c1", credential.KeyPrevious, hour, 3*hour), published("p2", credential.KeyPrevious, 0, 3*hour),
			))
	})
	t.Run("all end at once without an overlap", func(t *testing.T) {
		given := set(published("n1", credential.KeyNext, 0), published("c1", credential.KeyCurrent, 0), published("p1", credential.KeyPrevious, 0, 3*hour))
		estest.For(t, signing.Decider).Given(given).
			When(signing.Rotate{Replacing: "c1", Next: made("n2"), Now: at(hour)}).
			Then(set(published("n2", credential.KeyNext, hour), published("n1", credential.KeyCurrent, hour)))
	})
	t.Run("are rotated by the faster of two alone", func(t *testing.T) {
		estest.For(t, signing.Decider).Given(begun).When(signing.Rotate{Replacing: "c0", Next: made("n2"), Now: at(hour)}).Refused(signing.ErrRotated)
	})
	t.Run("do not sign the moment they are published", func(t *testing.T) {
		estest.For(t, signing.Decider).Given(begun).
			When(signing.Rotate{Replacing: "c1", Next: made("n2"), Overlap: hour, Now: at(signing.Notice - 1)}).Refused(signing.ErrTooSoon)
	})
	t.Run("verify for no longer than a day and an hour after they signed", func(t *testing.T) {
		for _, overlap := range []time.Duration{-1, signing.MaxOverlap + 1} {
			estest.For(t, signing.Decider).Given(begun).
				When(signing.Rotate{Replacing: "c1", Next: made("n2"), Overlap: overlap, Now: at(hour)}).Refused(signing.ErrOverlap)
		}
	})
	t.Run("are of a bounded number", func(t *testing.T) {
		keys := []credential.SigningKey{published("n1", credential.KeyNext, 0), published("c1", credential.KeyCurrent, 0)}
		for range 14 {
			keys = append(keys, published("p", credential.KeyPrevious, 0, 9*hour))
		}
		rotate := signing.Rotate{Replacing: "c1", Next: made("n2"), Overlap: hour, Now: at(hour)}
		estest.For(t, signing.Decider).Given(set(keys...)).When(rotate).Refused(signing.ErrTooMany)
		rotate.Overlap = 0
		estest.For(t, signing.Decider).Given(set(keys...)).When(rotate).
			Then(set(published("n2", credential.KeyNext, hour), published("n1", credential.KeyCurrent, hour)))
	})
	t.Run("that are lost are replaced, and what they signed still counts", func(t *testing.T) {
		estest.For(t, signing.Decider).Given(begun).
			When(signing.Replace{Replacing: "c1", Current: made("c2"), Next: made("n2"), Now: at(hour)}).
			Then(set(published("n2", credential.KeyNext, hour), published("c2", credential.KeyCurrent, hour), published("c1", credential.KeyPrevious, hour, 26*hour)))
	})
	t.Run("go when their time is over, to the second", func(t *testing.T) {
		given := set(published("n1", credential.KeyNext, 0), published("c1", credential.KeyCurrent, 0), published("p1", credential.KeyPrevious, -hour, hour))
		estest.For(t, signing.Decider).Given(given).When(signing.Elapse{Now: at(hour - 1)}).Then()
		estest.For(t, signing.Decider).Given(given).When(signing.Elapse{Now: at(hour)}).Then(begun)
	})
}

func TestPrivateHalvesAreErasedWhenTheySignNoMore(t *testing.T) {
	before := signing.Decider.Fold(signing.State{}, begun)
	after := signing.Decider.Fold(before, set(
		published("n2", credential.KeyNext, 0), published("n1", credential.KeyCurrent, 0), published("c1", credential.KeyPrevious, 0, time.Hour)))
	erased := func(before, after signing.State) (keys []string) {
		for _, m := range signing.Effects(before, after).Material {
			if !m.Erase {
				t.Errorf("%s is put", m.Key)
			}
			keys = append(keys, m.Key)
		}
		return keys
	}
	if got := erased(before, after); !slices.Equal(got, []string{"signing_keys.c1"}) {
		t.Errorf("erased %v", got)
	}
	if got := erased(after, before); !slices.Equal(got, []string{"signing_keys.n2"}) {
		t.Errorf("erased %v", got)
	}
	if got := erased(signing.State{}, before); got != nil {
		t.Errorf("erased %v", got)
	}
}
