package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"letterlock/bridge"
	"letterlock/bridge/query"
	"letterlock/store"
)

func indexAll(t testing.TB, d *store.DB) {
	t.Helper()
	for {
		n, err := d.Index(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

// writeTexts adds a thread with a message for each text.
func writeTexts(t testing.TB, d *store.DB, texts ...string) bridge.Thread {
	t.Helper()
	now := time.Now()
	th := bridge.Thread{ID: bridge.NewID(), Subject: "Subject", Status: bridge.Open, CreatedAt: now, LastAt: now}
	err := d.Update(t.Context(), func(tx bridge.Tx) error {
		if err := tx.AddThread(t.Context(), th); err != nil {
			return err
		}
		for _, text := range texts {
			m := bridge.Message{ID: bridge.NewID(), Thread: th.ID, Kind: bridge.Public, AuthorKind: bridge.ByProgram, At: now, Text: text}
			if err := tx.AddMessage(t.Context(), &m); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return th
}

func find(ctx context.Context, d *store.DB, typed string, limit int) (found []bridge.Found, err error) {
	q, err := query.Parse(typed)
	if err != nil {
		return nil, err
	}
	err = d.View(ctx, func(tx bridge.Tx) error {
		found, err = tx.SearchMessages(ctx, bridge.SearchQuery{Terms: q.Terms, Limit: limit})
		return err
	})
	return found, err
}

func finds(t testing.TB, d *store.DB, typed string, want int) {
	t.Helper()
	found, err := find(t.Context(), d, typed, 10_000)
	if err != nil || len(found) != want {
		t.Errorf("%s: found %d (%v), want %d", typed, len(found), err, want)
	}
}

func TestNoWordShowsInTheIndex(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "letterlock.db")
	d := openAt(t, path, keyring(t))
	writeCanaries(t, d)
	writeTexts(t, d, canary+" and "+canary+"s", strings.ToUpper(canary))
	indexAll(t, d)
	finds(t, d, strings.ToLower(canary), 2)
	finds(t, d, canary[:5]+"*", 2)
	if found := hits(t, folder); len(found) != 0 {
		t.Errorf("while it is open: %q", found)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b"} { // keep the count of files
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if found := hits(t, folder); len(found) != 0 {
		t.Errorf("after it was closed: %q", found)
	}
}

// tokensOnDisk counts the tokens of words that stand in the database's files.
func tokensOnDisk(t *testing.T, d *store.DB, folder string, words ...string) (n int) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		for _, w := range words {
			// A token may share its beginning with the one before it, which is then written once.
			if bytes.Contains(content, []byte(d.Token(w)[3:])) {
				n++
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestSearchTurnedOff(t *testing.T) {
	folder := t.TempDir()
	path, keys := filepath.Join(folder, "letterlock.db"), keyring(t)
	words := []string{"harbour", "lantern", "meadow"}
	config := store.Config{Path: path, Keys: keys}
	reopen := func(off bool) *store.DB {
		config.NoSearch = off
		d, err := store.Open(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		})
		return d
	}
	d := reopen(false)
	writeTexts(t, d, strings.Join(words, " "), "harbour")
	indexAll(t, d)
	finds(t, d, "harbour", 2)
	if n := tokensOnDisk(t, d, folder, words...); n == 0 {
		t.Error("no token is on the disk: the test sees nothing")
	}
	writeTexts(t, d, "harbour") // waits in the queue
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}

	d = reopen(true)
	writeTexts(t, d, "harbour at last")
	indexAll(t, d)
	if _, err := find(t.Context(), d, "harbour", 10); !errors.Is(err, bridge.ErrSearchOff) {
		t.Errorf("a search: got %v, want ErrSearchOff", err)
	}
	for _, table := range []string{"index_task", "search_entry", "search_text_docsize", "search_text_idx"} {
		if n := d.Count(t, table); n != 0 {
			t.Errorf("%s has %d rows", table, n)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if n := tokensOnDisk(t, d, folder, words...); n != 0 {
		t.Errorf("%d tokens are still on the disk", n)
	}

	d = reopen(false)
	finds(t, d, "harbour", 0)
	indexAll(t, d)
	finds(t, d, "harbour", 4)
}

// TestIndexingIsCutOff copies the files of a database at many moments while it is indexed, as a crash would leave them, and goes on
// from each copy.
func TestIndexingIsCutOff(t *testing.T) {
	folder := t.TempDir()
	path, keys := filepath.Join(folder, "letterlock.db"), keyring(t)
	d := openAt(t, path, keys)
	const threads, each = 6, 50
	for i := range threads {
		texts := make([]string, each)
		for j := range texts {
			texts[j] = fmt.Sprintf("common t%d m%d", i, j)
		}
		writeTexts(t, d, texts...)
	}
	for round := 0; ; round++ {
		copied := filepath.Join(t.TempDir(), "letterlock.db")
		for _, end := range []string{"", "-wal"} {
			content, err := os.ReadFile(path + end)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(copied+end, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		after := openAt(t, copied, keys)
		indexAll(t, after)
		finds(t, after, "common", threads*each)
		finds(t, after, "t3", each)
		finds(t, after, `"t5 m7"`, 1)
		if err := after.CheckIndex(); err != nil {
			t.Errorf("round %d: %v", round, err)
		}
		n, err := d.Index(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
	}
}

func TestRemovedMessagesAreNotFound(t *testing.T) {
	d := open(t)
	th := writeTexts(t, d, "gone soon")
	writeTexts(t, d, "gone never")
	indexAll(t, d)
	finds(t, d, "gone", 2)
	other := writeTexts(t, d, "gone before it was indexed")
	for _, id := range []bridge.ID{th.ID, other.ID} {
		if err := d.Exec("delete from thread where id = ?", id); err != nil {
			t.Fatal(err)
		}
	}
	finds(t, d, "gone", 1)
	indexAll(t, d)
	finds(t, d, "gone", 1)
	finds(t, d, "never", 1)
}

// TestSealedMessagesDontBlock: one message that doesn't open is not found, and holds up nothing.
func TestSealedMessagesDontBlock(t *testing.T) {
	d := open(t)
	writeTexts(t, d, "first")
	broken := writeTexts(t, d, "second")
	writeTexts(t, d, "third")
	if err := d.Exec("update message_content set sealed_text = ? where message in (select id from message where thread = ?)", []byte("nonsense"), broken.ID); err != nil {
		t.Fatal(err)
	}
	indexAll(t, d)
	finds(t, d, "third", 1)
	finds(t, d, "second", 0)

	many := writeTexts(t, d, "fourth", "fourth", "broken", "fourth")
	if err := d.Exec("update message_content set sealed_text = ? where message in (select id from message where thread = ? and seq = 3)", []byte("nonsense"), many.ID); err != nil {
		t.Fatal(err)
	}
	if err := d.Reindex(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := d.Exec("delete from index_task where first_seq = last_seq and id <> thread"); err != nil {
		t.Fatal(err)
	}
	indexAll(t, d)
	finds(t, d, "fourth", 3)
	finds(t, d, "broken", 0)
}

func TestIndexerRuns(t *testing.T) {
	d := open(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.RunIndexer(ctx, slog.New(slog.DiscardHandler)) }()
	writeTexts(t, d, "soon there")
	for deadline := time.Now().Add(10 * time.Second); ; {
		found, err := find(t.Context(), d, "soon", 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(found) == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it was not indexed")
		}
		time.Sleep(10 * time.Millisecond)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// TestScrubbedIndex: after a scrub no token of what was deleted is on the disk.
func TestScrubbedIndex(t *testing.T) {
	folder := t.TempDir()
	path, keys := filepath.Join(folder, "letterlock.db"), keyring(t)
	d := openAt(t, path, keys)
	gone := []string{"harbour", "lantern", "meadow"}
	th := writeTexts(t, d, strings.Join(gone, " "))
	for i := range 200 {
		writeTexts(t, d, fmt.Sprintf("kept w%d", i))
	}
	indexAll(t, d)
	if err := d.Exec("delete from thread where id = ?", th.ID); err != nil {
		t.Fatal(err)
	}
	if err := d.Scrub(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	finds(t, d, "kept", 200)
	finds(t, d, "w77", 1)
	finds(t, d, "harbour", 0)
	if err := d.CheckIndex(); err != nil {
		t.Error(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if n := tokensOnDisk(t, d, folder, gone...); n != 0 {
		t.Errorf("%d tokens of what was deleted are on the disk", n)
	}
	if n := tokensOnDisk(t, d, folder, "kept", "w77", "w78"); n == 0 {
		t.Error("no token is on the disk: the test sees nothing")
	}
}
