package access_test

import (
	"testing"

	"github.com/tidegate-io/tidegate/events/credential"
	"github.com/tidegate-io/tidegate/libs/access"
)

func TestACredentialThatWasReplacedMeanwhileIsLookedUpAgain(t *testing.T) {
	all := log(admitted(key("cred_2", "basic", "header", "Authorization", ""), fact{"cred_1", credential.Revoked{}})...)
	s := fold(all[:len(all)-1])
	known, _ := s.Credential("cred_1")
	other, _ := s.Credential("cred_2")
	with := func(c *access.Credential) func(*access.Request) { return func(q *access.Request) { q.Known = c } }
	if d := call(s, with(known)); !d.Allowed() || d.Credential != known {
		t.Errorf("what is current is answered %q", d.Code)
	}
	if d := call(s, with(other)); !d.Allowed() || d.Credential != known {
		t.Errorf("another credential is taken for it: %q", d.Code)
	}
	revoked := all[len(all)-1]
	s.Apply(revoked.Envelope, revoked.data)
	if d := call(s, with(known)); d.Code != access.CredentialInvalid || d.Credential == known {
		t.Errorf("what was replaced is used: %q", d.Code)
	}
}
