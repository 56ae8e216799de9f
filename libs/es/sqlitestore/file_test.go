package sqlitestore_test

import (
	"bytes"
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/es/sqlitestore"
	"github.com/tidegate-io/tidegate/libs/es/storetest"
)

func open(t *testing.T, path string) es.Store {
	t.Helper()
	store, err := sqlitestore.Open(t.Context(), path, storetest.Schema())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

func TestTheFilesAreTheOwnersAlone(t *testing.T) {
	dir := t.TempDir()
	store := open(t, filepath.Join(dir, "thing.db"))
	if _, err := store.Append(t.Context(), es.Batch{Inbox: "x"}); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) < 2 {
		t.Fatalf("files: %v, %v", files, err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %s", f.Name(), info.Mode())
		}
	}
}

func TestErasedMaterialIsNotInTheFileOnceItIsClosed(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "thing.db")
	store := open(t, path)
	secret := []byte(strings.Repeat("very secret ", 20))
	change := func(m es.Material) {
		t.Helper()
		if _, err := store.Append(t.Context(), es.Batch{Material: []es.Material{m}}); err != nil {
			t.Fatal(err)
		}
	}
	change(es.Material{Key: "a.1", Sealed: secret, Kept: secret})
	change(es.Material{Key: "a.1", Erase: true})
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(path + "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, []byte("very secret")) {
			t.Errorf("%s still holds it", name)
		}
	}
}

func TestAPathMayHoldOddCharacters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?c#d%41&e.db")
	if err := open(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		t.Errorf("the file is not where it should be: %v", err)
	}
}

func TestAFolderThatIsNotThereIsSaid(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none", "thing.db")
	if _, err := sqlitestore.Open(t.Context(), path, storetest.Schema()); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error: %v", err)
	}
}

func TestAFileThatIsNoDatabaseIsRefusedAndLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "thing.db")
	content := []byte(strings.Repeat("not a database. ", 100))
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlitestore.Open(context.Background(), path, storetest.Schema()); err == nil {
		t.Error("it was opened")
	}
	if left, err := os.ReadFile(path); err != nil || !bytes.Equal(left, content) {
		t.Errorf("it was changed: %v", err)
	}
}

func TestAnswersAreSweptAfterADay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "thing.db")
	now := time.Now()
	store, err := sqlitestore.Open(t.Context(), path, storetest.Schema(), sqlitestore.WithClock(func() time.Time { return now }))
	if err != nil {
		t.Fatal(err)
	}
	begin := func(key string) {
		t.Helper()
		if _, _, err := store.Begin(t.Context(), "scope", key, nil); err != nil {
			t.Fatal(err)
		}
	}
	begin("in flight when its replica died")
	lease, _, err := store.Begin(t.Context(), "scope", "answered", nil)
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(es.AnswerTime / 2)
	if err := store.Complete(t.Context(), lease, es.Answer{Status: 200}); err != nil {
		t.Fatal(err)
	}
	now = now.Add(es.AnswerTime/2 + time.Hour)
	begin("fresh")
	if err := store.Close(); err != nil { // it waits for the sweep
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var left string
	if err := db.QueryRowContext(t.Context(), "SELECT group_concat(key, ', ') FROM (SELECT key FROM idempotency ORDER BY key)").Scan(&left); err != nil {
		t.Fatal(err)
	}
	if left != "answered, fresh" {
		t.Errorf("left: %s", left)
	}
}
