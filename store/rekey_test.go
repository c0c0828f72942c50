package store_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"letterlock/store"
	"letterlock/store/seal"
)

// TestRekeyBesideAGateway changes the keys from another process, as it were, while people write, is stopped in the middle, and goes on.
func TestRekeyBesideAGateway(t *testing.T) {
	dir := t.TempDir()
	keyFile, path := filepath.Join(dir, "letterlock.key"), filepath.Join(dir, "letterlock.db")
	gatewayKeys, err := seal.Create(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	gateway := openAt(t, path, gatewayKeys)
	c := newClinic(t, gateway, gatewayKeys, 25)
	oldKey := gatewayKeys.KeyID()
	before := backUp(t, gateway)

	keys, err := seal.Load(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	operator := openAt(t, path, keys)
	lock, err := operator.BeginRekey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gateway.BeginRekey(t.Context()); err == nil {
		t.Error("two change the keys at once")
	}
	if n, err := operator.SealedWithOld(t.Context(), nil); n != 0 || err != nil {
		t.Errorf("before: %d values of old keys, %v", n, err)
	}
	if err := keys.AddKey(); err != nil {
		t.Fatal(err)
	}
	all, err := operator.SealedWithOld(t.Context(), nil)
	if all < 100 || err != nil {
		t.Errorf("after a key was added: %d values of old keys, %v", all, err)
	}

	// People write meanwhile, at first with the old key: their gateway looks at the key file only when it must, here.
	var ended atomic.Bool
	started, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for n := 0; !ended.Load(); n++ {
			c.thread("written meanwhile")
			if n == 0 {
				close(started)
			}
		}
	}()
	<-started
	ctx, stop := context.WithCancel(t.Context())
	steps := 0
	first, err := operator.Reseal(ctx, func(string, int64, int64) {
		if steps++; steps == 8 {
			stop()
		}
	})
	if !errors.Is(err, context.Canceled) || first.Values == 0 {
		t.Fatalf("stopped in the middle: got %+v, %v", first, err)
	}
	var places, behind int
	raw := plainSQLite(t, path)
	if err := raw.QueryRow("select count(*), sum(rows_done) from rekey where key_id = ?", keys.KeyID()).Scan(&places, &behind); err != nil || places == 0 || behind < 64 {
		t.Errorf("it wrote down %d places with %d rows behind them, %v", places, behind, err)
	}
	second, err := operator.Reseal(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if first.Values+second.Values < all {
		t.Errorf("%d and %d values were sealed anew, of at least %d", first.Values, second.Values, all)
	}
	ended.Store(true)
	<-done
	if _, err := operator.Reseal(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d values before it was stopped, %d after, in %d passes", first.Values, second.Values, second.Passes)
	if gatewayKeys.KeyID() == oldKey {
		t.Error("the gateway has not seen the new key")
	}
	if err := lock.End(t.Context()); err != nil {
		t.Fatal(err)
	}

	if n, err := operator.SealedWithOld(t.Context(), nil); n != 0 || err != nil {
		t.Fatalf("after: %d values of old keys, %v", n, err)
	}
	if err := keys.Retire(); err != nil {
		t.Fatal(err)
	}
	whole(t, operator)
	fresh, err := seal.Load(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(gateway.Close(), operator.Close()); err != nil {
		t.Fatal(err)
	}
	again := openAt(t, path, fresh)
	if found := whole(t, again); found.Rows < 100 {
		t.Errorf("only %d rows were checked", found.Rows)
	}
	// The file holds no value of the old key, freed pages included.
	if err := again.Scrub(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	prefix := binary.BigEndian.AppendUint32([]byte{1}, oldKey)
	for name, content := range filesIn(t, dir) {
		if !strings.HasSuffix(name, ".key") && bytes.Contains(content, prefix) {
			t.Errorf("%s has values of the old key in it", name)
		}
	}
	if _, err := store.VerifyBackup(t.Context(), bytes.NewReader(before), fresh, nil); err == nil {
		t.Error("a backup of before opens with the new keys alone")
	}
}

// TestRekeyFilesOfTheFirstFormat stores a file as the first release did, and wants it to open after its key was retired.
func TestRekeyFilesOfTheFirstFormat(t *testing.T) {
	dir := t.TempDir()
	keyFile, path := filepath.Join(dir, "letterlock.key"), filepath.Join(dir, "letterlock.db")
	keys, err := seal.Create(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	d := openAt(t, path, keys)
	c := newClinic(t, d, keys, 1)
	large := noise(200_000) // the same content as the thread's large file
	const old = "00112233445566778899aabbccddeeff"
	file := filepath.Join(path+".blobs", old[:2], old)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w, err := keys.SealStream(&b, []byte(old))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(large); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), os.WriteFile(file, b.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := d.Exec("insert into blob (key, size, used_at, idle) values (?, ?, 0, false)", old, len(large)); err != nil {
		t.Fatal(err)
	}
	if err := d.Exec("update attachment set blob_key = ? where size = ?", old, len(large)); err != nil {
		t.Fatal(err)
	}
	whole(t, d)
	if n, err := d.SealedWithOld(t.Context(), nil); n != 1 || err != nil {
		t.Errorf("%d of the first format, %v, want 1", n, err)
	}
	if err := keys.AddKey(); err != nil {
		t.Fatal(err)
	}
	if done, err := d.Reseal(t.Context(), nil); done.Files != 1 || err != nil {
		t.Fatalf("got %+v, %v", done, err)
	}
	if err := keys.Retire(); err != nil {
		t.Fatal(err)
	}
	whole(t, d)
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the old file is there still: %v", err)
	}
	e, err := c.g.ExportThread(t.Context(), c.staff, c.threads[0], false)
	if err != nil {
		t.Fatal(err)
	}
	r, err := d.OpenBlob(t.Context(), e.Messages[0].Attachments[1].Blob)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, large) {
		t.Errorf("got %d octets, %v", len(got), err)
	}
}
