package bustest_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// copyDir reads a directory into memory.
func copyDir(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		files[name], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// replaceDir puts it back in place of what is there.
func replaceDir(t testing.TB, dir string, files map[string][]byte) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	for name, body := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// unprotect replaces a stream by an equal one from which messages can be taken,
// as no API lets one do with ours. It answers when that one was made.
func unprotect(t testing.TB, bare jetstream.JetStream, name string) (jetstream.Stream, time.Time) {
	t.Helper()
	ctx := t.Context()
	found, err := bare.Stream(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	var kept []*nats.Msg
	err = everyMessage(ctx, bare, name, func(m jetstream.Msg) error {
		kept = append(kept, &nats.Msg{Subject: m.Subject(), Header: m.Headers(), Data: m.Data()})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	config := found.CachedInfo().Config
	if !config.DenyDelete || !config.DenyPurge {
		t.Fatal("the stream is not protected")
	}
	if err := found.DeleteMsg(ctx, 1); err == nil {
		t.Fatal("a message could be deleted")
	}
	if err := found.Purge(ctx); err == nil {
		t.Fatal("the stream could be purged")
	}
	if err := bare.DeleteStream(ctx, name); err != nil {
		t.Fatal(err)
	}
	config.DenyDelete, config.DenyPurge = false, false
	made, err := bare.CreateStream(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range kept {
		if _, err := bare.PublishMsg(ctx, m); err != nil {
			t.Fatal(err)
		}
	}
	return made, made.CachedInfo().Created
}
