package main_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tidegate-io/tidegate/cmd/tidegate/internal/journey"
	"github.com/tidegate-io/tidegate/libs/es"
	"github.com/tidegate-io/tidegate/libs/es/sqlitestore"
)

// What a dead secret left anywhere, sealed as it was, is gone from every file a
// minute later: the database and its log, the stream, the gateway's journal and
// snapshot.
func TestADeadSecretIsGoneFromEveryFileWithinAMinute(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	child := journey.Up(t, binary(t), dir)
	send := func(path, body string, want int) map[string]any {
		t.Helper()
		status, raw, answer := exchange(t, child, http.MethodPost, path, body, "Prefer: wait=10")
		if status != want {
			t.Fatalf("%s is answered %d: %s", path, status, raw)
		}
		return answer
	}
	send("/v1/consumers", `{"id":"acme","name":"Acme"}`, http.StatusCreated)
	issue := func(body string) string {
		t.Helper()
		id, _ := send("/v1/consumers/acme/credentials", body, http.StatusCreated)["id"].(string)
		return id
	}
	kept := issue(`{"name":"kept","type":"api_key"}`)
	doomed := map[string]string{
		issue(`{"name":"key","type":"api_key"}`):                                                               "/revoke",
		issue(`{"name":"chosen","type":"basic","config":{"username":"bob","password":"correct horse"}}`):       "/revoke",
		issue(`{"name":"hmac","type":"hmac"}`):                                                                 "/revoke",
		issue(`{"name":"jwt","type":"jwt","config":{"key":"issuer","secret":"a secret of thirty-two chars"}}`): "/rotate",
	}
	store, err := sqlitestore.Open(t.Context(), one(t, filepath.Join(dir, "*", "credential.db"), filepath.Join(dir, "credential.db")), es.Schema{Service: "credential"})
	if err != nil {
		t.Fatal(err)
	}
	traces := map[string][]byte{}
	for id := range doomed {
		traces[id+"'s sealed proof"], traces[id+"'s fingerprint"] = material(t, store, id)
	}
	staying, _ := material(t, store, kept)
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if held := files(t, dir, staying); len(held) < 3 { // database, stream, gateway
		t.Fatalf("what lives is in %v: the test looks for the wrong bytes", held)
	}

	began := time.Now()
	for id, how := range doomed {
		send("/v1/credentials/"+id+how, `{}`, http.StatusOK)
	}
	for {
		left := ""
		for what, trace := range traces {
			if len(trace) == 0 {
				continue // of some secrets there is no fingerprint
			}
			if held := files(t, dir, trace); len(held) > 0 {
				left = fmt.Sprintf("%s is still in %v", what, held)
			}
		}
		switch {
		case left == "":
			t.Logf("gone after %s", time.Since(began).Round(time.Second))
			if held := files(t, dir, staying); len(held) < 3 {
				t.Errorf("what lives is left in %v alone", held)
			}
			return
		case time.Since(began) > time.Minute:
			t.Fatal(left)
		}
		time.Sleep(time.Second)
	}
}

func material(t *testing.T, store es.Store, id string) (sealed, fingerprint []byte) {
	t.Helper()
	found, err := store.Material(t.Context(), id+".1")
	if err != nil || len(found[id+".1"].Sealed) < 32 {
		t.Fatalf("%s has no material: %v", id, err)
	}
	return found[id+".1"].Sealed, found[id+".1"].Kept
}

// files answers which files hold some bytes.
func files(t *testing.T, dir string, held []byte) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil // files come and go meanwhile
		}
		if content, err := os.ReadFile(path); err == nil && bytes.Contains(content, held) {
			names = append(names, strings.TrimPrefix(path, dir))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// one answers the one file that there is of some patterns.
func one(t *testing.T, patterns ...string) string {
	t.Helper()
	for _, pattern := range patterns {
		if found, err := filepath.Glob(pattern); err == nil && len(found) == 1 {
			return found[0]
		}
	}
	t.Fatalf("there is no %v", patterns)
	return ""
}
