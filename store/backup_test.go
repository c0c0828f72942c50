package store_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"letterlock/bridge"
	"letterlock/store"
	"letterlock/store/seal"
)

func restoreTo(dir string, keys *seal.Keyring) store.RestoreTo {
	return store.RestoreTo{Dir: dir, Database: "letterlock.db", Blobs: "letterlock.db.blobs", Keys: keys}
}

func never() error { return errors.New("it should not have begun anew") }

// backUp returns a backup.
func backUp(t *testing.T, d *store.DB) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := d.Backup(t.Context(), &b, never, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestBackupUnderLoad backs up while people write, and wants every thread of before in what is restored, and all of it whole.
func TestBackupUnderLoad(t *testing.T) {
	keys := keyring(t)
	path := filepath.Join(t.TempDir(), "letterlock.db")
	d := openAt(t, path, keys)
	c := newClinic(t, d, keys, 5)
	before := slices.Clone(c.threads)

	var ended atomic.Bool
	started, done := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		for ; !ended.Load(); n++ {
			c.thread("written meanwhile")
			if n == 0 {
				close(started)
			}
		}
		done <- n
	}()
	<-started
	backup := backUp(t, d)
	ended.Store(true)
	written := <-done
	t.Logf("%d threads were written meanwhile", written)

	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return strings.HasPrefix(e.Name(), ".backup") }) {
		t.Errorf("the backup left something beside the database: %v, %v", entries, err)
	}
	for _, secret := range []string{"Results no.", "ann@example.org", "SQLite format", "Harbour Clinic", "content-type"} {
		if bytes.Contains(backup, []byte(secret)) {
			t.Errorf("the backup shows %q", secret)
		}
	}
	dir := filepath.Join(t.TempDir(), "data")
	if _, err := store.VerifyBackup(t.Context(), bytes.NewReader(backup), keys, nil); err != nil {
		t.Fatal(err)
	}
	head, err := store.Restore(t.Context(), bytes.NewReader(backup), restoreTo(dir, keys), nil)
	if err != nil {
		t.Fatal(err)
	}
	if head.Files == 0 || head.Rows["thread"] < 5 {
		t.Errorf("got %+v", head)
	}
	restored := openAt(t, filepath.Join(dir, "letterlock.db"), keys)
	whole(t, restored)
	for _, id := range before {
		err := restored.View(t.Context(), func(tx bridge.Tx) error {
			was, err := tx.Thread(t.Context(), id)
			if err == nil && !strings.HasPrefix(was.Subject, "Results no.") {
				t.Errorf("got subject %q", was.Subject)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	whole(t, d)
}

// TestRestoreIsAllOrNothing gives restore every kind of wrong backup, and wants nothing left of any.
func TestRestoreIsAllOrNothing(t *testing.T) {
	keys := keyring(t)
	d := openAt(t, filepath.Join(t.TempDir(), "letterlock.db"), keys)
	newClinic(t, d, keys, 2)
	backup := backUp(t, d)
	changed := func(at int) []byte {
		b := bytes.Clone(backup)
		b[at] ^= 1
		return b
	}
	end := len(backup)
	wrong := map[string][]byte{
		"nothing": nil, "a line of something": []byte("hello\n"), "the head alone": backup[:bytes.IndexByte(backup, '\n')+1],
		"cut in the middle": backup[:end/2], "without its last octet": backup[:end-1], "without its last segment": backup[:end-end%65536],
		"a count in the head is another": bytes.Replace(bytes.Clone(backup), []byte(`"person":3`), []byte(`"person":4`), 1),
		"changed near the beginning":     changed(bytes.IndexByte(backup, '\n') + 60), "changed in the middle": changed(end / 2), "changed at the end": changed(end - 1),
		"longer than it was": append(bytes.Clone(backup), 0),
	}
	t.Run("changed anywhere", func(t *testing.T) {
		for i := range 300 {
			at := i * (end - 1) / 299
			b := changed(at)
			b[at] ^= 1 ^ 1<<(i%8) // each bit in its turn
			if _, err := store.VerifyBackup(t.Context(), bytes.NewReader(b), keys, nil); err == nil {
				t.Errorf("bit %d of octet %d: it was verified", i%8, at)
			}
			if _, err := store.VerifyBackup(t.Context(), bytes.NewReader(backup[:at]), keys, nil); err == nil {
				t.Errorf("cut at %d: it was verified", at)
			}
		}
	})
	try := func(t *testing.T, r io.Reader, keys *seal.Keyring, ctx context.Context) {
		t.Helper()
		parent := t.TempDir()
		if _, err := store.Restore(ctx, r, restoreTo(filepath.Join(parent, "data"), keys), nil); err == nil {
			t.Error("it was restored")
		}
		if left, err := os.ReadDir(parent); err != nil || len(left) > 0 {
			t.Errorf("it left %v, %v", left, err)
		}
	}
	for name, b := range wrong {
		t.Run(name, func(t *testing.T) {
			if bytes.Equal(b, backup) {
				t.Fatal("nothing was changed")
			}
			if _, err := store.VerifyBackup(t.Context(), bytes.NewReader(b), keys, nil); err == nil {
				t.Error("it was verified")
			}
			try(t, bytes.NewReader(b), keys, t.Context())
		})
	}
	t.Run("with other keys", func(t *testing.T) { try(t, bytes.NewReader(backup), keyring(t), t.Context()) })
	t.Run("interrupted", func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		try(t, io.MultiReader(bytes.NewReader(backup[:end/2]), readFunc(func([]byte) (int, error) { stop(); return 0, io.ErrUnexpectedEOF })), keys, ctx)
	})
	t.Run("into a folder with something in it", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "letter"), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := store.Restore(t.Context(), bytes.NewReader(backup), restoreTo(dir, keys), nil); err == nil || !strings.Contains(err.Error(), "something in it") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("into an empty folder", func(t *testing.T) {
		dir := t.TempDir()
		if _, err := store.Restore(t.Context(), bytes.NewReader(backup), restoreTo(dir, keys), nil); err != nil {
			t.Fatal(err)
		}
		whole(t, openAt(t, filepath.Join(dir, "letterlock.db"), keys))
	})
}

// TestBackupIsInterrupted stops a backup in the middle, and wants the next one to be as good as any.
func TestBackupIsInterrupted(t *testing.T) {
	keys := keyring(t)
	dir := t.TempDir()
	d := openAt(t, filepath.Join(dir, "letterlock.db"), keys)
	newClinic(t, d, keys, 3)
	ctx, stop := context.WithCancel(t.Context())
	_, err := d.Backup(ctx, io.Discard, never, func(part string, done, total int64) {
		if done > total/2 {
			stop()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := d.Backup(t.Context(), writeFunc(func([]byte) (int, error) { return 0, io.ErrShortWrite }), never, nil); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("a full disk: got %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".backup-*")); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
	if _, err := store.VerifyBackup(t.Context(), bytes.NewReader(backUp(t, d)), keys, nil); err != nil {
		t.Error(err)
	}
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

type writeFunc func([]byte) (int, error)

func (f writeFunc) Write(p []byte) (int, error) { return f(p) }
