package app

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"github.com/tidegate-io/tidegate/libs/secret"
)

func TestABodyIsKnownByAKeyedFingerprint(t *testing.T) {
	file := t.TempDir() + "/keyring.json"
	ring, err := secret.LoadOrCreate(file)
	if err != nil {
		t.Fatal(err)
	}
	body := []byte(`{"config":{"password":"guess me"}}`)
	before := fingerprints(ring)(body)
	if sum := sha256.Sum256(body); len(before) != 1 || bytes.Equal(before[0], sum[:]) {
		t.Errorf("it has %d fingerprints, and can be guessed without a key", len(before))
	}
	if digest := ring.Digest(body); bytes.Equal(before[0], digest.Sum[:]) {
		t.Error("a body is digested as a secret is")
	}
	id, err := ring.Add(secret.Pepper)
	if err != nil {
		t.Fatal(err)
	}
	if err := ring.Activate(id); err != nil {
		t.Fatal(err)
	}
	after := fingerprints(ring)(body)
	if len(after) != 2 || bytes.Equal(after[0], before[0]) || !bytes.Equal(after[1], before[0]) {
		t.Error("what was kept under the older pepper is not known while both live")
	}
}
