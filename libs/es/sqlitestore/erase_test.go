package sqlitestore_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/es/sqlitestore"
)

func TestWhatIsErasedLeavesTheFileAndItsLog(t *testing.T) {
	dir := t.TempDir()
	store, err := sqlitestore.Open(t.Context(), filepath.Join(dir, "credential.db"), es.Schema{Service: "credential"},
		sqlitestore.WithTidying(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	sealed := bytes.Repeat([]byte("sealed material that nobody may keep "), 40) // more than fits beside other rows
	kept, hint := []byte("a fingerprint that nobody may keep"), "a hint that nobody may keep"
	put := func(m es.Material) {
		t.Helper()
		if _, err := store.Append(t.Context(), es.Batch{Stream: "credential-1", Expect: es.Any, Material: []es.Material{m}}); err != nil {
			t.Fatal(err)
		}
	}
	there := func(text []byte) bool {
		t.Helper()
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(raw, text) {
				return true
			}
		}
		return false
	}
	put(es.Material{Key: "cred_1.1", Sealed: sealed, Kept: kept, Hint: hint})
	for _, text := range [][]byte{sealed[:200], kept, []byte(hint)} {
		if !there(text) {
			t.Fatalf("%q is not on disk: the test looks for the wrong bytes", text)
		}
	}
	put(es.Material{Key: "cred_1.1", Erase: true})
	for deadline := time.Now().Add(10 * time.Second); there(sealed[:200]) || there(kept) || there([]byte(hint)); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("erased bytes are still on disk")
		}
	}
	if found, err := store.Material(t.Context(), "cred_1.1"); err != nil || len(found) != 0 {
		t.Errorf("%v, %v", found, err)
	}
}
