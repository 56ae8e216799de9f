package secret_test

import (
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/libs/secret"
)

func TestMountedFiles(t *testing.T) {
	path := ringFile(t)
	must[*secret.Ring](t)(secret.LoadOrCreate(path))
	for mode, accepted := range map[os.FileMode]bool{
		0o600: true, 0o400: true, 0o440: true, 0o444: false, 0o404: false, 0o460: false,
	} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := secret.Load(path); accepted != (err == nil) || !accepted && !errors.Is(err, secret.ErrPermissions) {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
}

func TestKeysTellTheirStates(t *testing.T) {
	ring := secret.New()
	first := ring.Active(secret.Pepper)
	added := must[string](t)(ring.Add(secret.Pepper))
	states := func() map[string]secret.State {
		told := map[string]secret.State{}
		for _, k := range ring.Keys() {
			if k.Use == secret.Pepper {
				told[k.ID] = k.State
			}
		}
		return told
	}
	if got := states(); got[first] != secret.InUse || got[added] != secret.Next {
		t.Fatalf("added: %v", got)
	}
	if err := ring.Activate(added); err != nil {
		t.Fatal(err)
	}
	if got := states(); got[first] != secret.Old || got[added] != secret.InUse || !slices.Contains(ring.ActiveIDs(), added) {
		t.Fatalf("activated: %v", got)
	}
}

func TestWatch(t *testing.T) {
	path := ringFile(t)
	ring := must[*secret.Ring](t)(secret.LoadOrCreate(path))
	running := must[*secret.Ring](t)(secret.Load(path))
	type news struct {
		changed bool
		err     error
	}
	heard := make(chan news, 16)
	go func() {
		_ = running.Watch(t.Context(), 5*time.Millisecond, func(changed bool, err error) { heard <- news{changed, err} })
	}()
	next := func() news {
		select {
		case n := <-heard:
			return n
		case <-time.After(5 * time.Second):
			t.Fatal("nothing was heard")
			return news{}
		}
	}
	t.Run("hears of a new key by itself", func(t *testing.T) {
		added := must[string](t)(ring.Add(secret.Pepper))
		if n := next(); !n.changed || n.err != nil || !slices.Contains(running.KeyIDs(), added) {
			t.Fatalf("heard %+v", n)
		}
	})
	t.Run("keeps its keys when the file is spoilt, says so once, and recovers", func(t *testing.T) {
		good := must[[]byte](t)(os.ReadFile(path))
		before := running.KeyIDs()
		for _, content := range [][]byte{good[:10], nil} {
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if n := next(); n.changed || !errors.Is(n.err, secret.ErrRing) || !slices.Equal(before, running.KeyIDs()) {
			t.Fatalf("heard %+v", n)
		}
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
		if n := next(); n.err != nil || !slices.Equal(before, running.KeyIDs()) {
			t.Fatalf("heard %+v", n)
		}
	})
}

func TestARetiredKeyIsWrittenOver(t *testing.T) {
	path := ringFile(t)
	ring := must[*secret.Ring](t)(secret.LoadOrCreate(path))
	old := ring.Active(secret.Sealing)
	added := must[string](t)(ring.Add(secret.Sealing))
	if err := ring.Activate(added); err != nil {
		t.Fatal(err)
	}
	before := must[*os.File](t)(os.Open(path))
	defer func() { _ = before.Close() }()
	if err := ring.Retire(old); err != nil {
		t.Fatal(err)
	}
	content := make([]byte, 64)
	n, err := before.Read(content)
	if err != nil || n == 0 || slices.ContainsFunc(content[:n], func(b byte) bool { return b != 0 }) {
		t.Fatalf("the file before still holds %d bytes of the key, %v", n, err)
	}
}
