package seal

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestKeysChangeUnderARunningProgram(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	operator, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	gateway, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	old, signed := gateway.Seal([]byte("old"), "t", "c", nil), gateway.Sign("p", []byte("x"))
	lookup := gateway.Lookup("p", []byte("x"))
	stream := func(k *Keyring) []byte {
		var b bytes.Buffer
		w, err := k.SealStream(&b, []byte("n"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("a stream")); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	opens := func(k *Keyring, sealed []byte) bool {
		r, err := k.OpenStream(bytes.NewReader(sealed), []byte("n"))
		if err != nil {
			return false
		}
		got, err := io.ReadAll(r)
		return err == nil && string(got) == "a stream"
	}
	oldStream := stream(gateway)

	if err := operator.AddKey(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: got %v, %v", info.Mode(), err)
	}
	if operator.Keys() != 2 || operator.Current(old) {
		t.Errorf("after a key was added: %d keys, the old value is current: %t", operator.Keys(), operator.Current(old))
	}
	fresh := operator.Seal([]byte("fresh"), "t", "c", nil)
	// The gateway meets a value of a key that it does not know yet.
	if got, err := gateway.Open(fresh, "t", "c", nil); err != nil || string(got) != "fresh" {
		t.Errorf("a new value: got %q, %v", got, err)
	}
	if got, err := gateway.Open(old, "t", "c", nil); err != nil || string(got) != "old" {
		t.Errorf("an old value: got %q, %v", got, err)
	}
	if !gateway.Current(fresh) || gateway.KeyID() != operator.KeyID() || !gateway.Current(gateway.Seal(nil, "t", "c", nil)) {
		t.Error("the gateway does not seal with the new key")
	}
	if !opens(gateway, oldStream) || !opens(gateway, stream(operator)) {
		t.Error("a stream does not open")
	}
	if !gateway.Verify("p", []byte("x"), signed) || !bytes.Equal(gateway.Lookup("p", []byte("x")), lookup) || bytes.Equal(gateway.Sign("p", []byte("x")), signed) {
		t.Error("what was signed, or is looked up, changed with the keys; or the signing key did not")
	}

	if err := operator.Retire(); err != nil {
		t.Fatal(err)
	}
	if fresh, err := gateway.Refresh(); !fresh || err != nil || gateway.Keys() != 1 {
		t.Errorf("after the old key was retired: %t, %v, %d keys", fresh, err, gateway.Keys())
	}
	if _, err := gateway.Open(old, "t", "c", nil); err == nil {
		t.Error("a value of the retired key opens")
	}
	if _, err := gateway.Open(fresh, "t", "c", nil); err != nil || !gateway.Verify("p", []byte("x"), signed) || opens(gateway, oldStream) {
		t.Error("after retiring, the wrong things open")
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("beside the key file: %v, %v", left, err)
	}
}

func TestAKeyFileThatCannotBeReadChangesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	k, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	sealed := k.Seal([]byte("x"), "t", "c", nil)
	for _, harm := range []func() error{
		func() error { return os.WriteFile(path, []byte("half a file"), 0o600) },
		func() error { return os.Chmod(path, 0o644) },
		func() error { return os.Remove(path) },
	} {
		if err := harm(); err != nil {
			t.Fatal(err)
		}
		if fresh, err := k.Refresh(); fresh || err == nil {
			t.Errorf("got %t, %v", fresh, err)
		}
		if got, err := k.Open(sealed, "t", "c", nil); err != nil || string(got) != "x" {
			t.Errorf("got %q, %v", got, err)
		}
	}
	told := make(chan error, 10)
	go k.Follow(t.Context(), func(err error) { told <- err })
	select {
	case err := <-told:
		if err == nil {
			t.Error("a file that is gone was read")
		}
	case <-time.After(10 * time.Second):
		t.Error("nothing was told")
	}
}

// Somebody was killed who was about to change the keys: the next change leaves no other file with keys behind.
func TestNoKeysAreLeftBehind(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "keys.json")
	k, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".new-123", []byte("half of the ke"), 0o600); err != nil {
		t.Fatal(err)
	}
	copied, err := k.Copy()
	if err != nil {
		t.Fatal(err)
	}
	if err := copied.AddKey(); err != nil || copied.Keys() != 2 || k.Keys() != 1 {
		t.Fatalf("a copy has %d keys, the keyring %d, %v", copied.Keys(), k.Keys(), err)
	}
	if again, err := Load(path); err != nil || again.Keys() != 1 {
		t.Errorf("what is done to a copy came into the file: %v", err)
	}
	if err := k.AddKey(); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("got %v, %v", left, err)
	}
}
