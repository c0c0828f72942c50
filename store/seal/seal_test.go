package seal

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

func keyring(t testing.TB) *Keyring {
	t.Helper()
	k, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSealBindsToItsPlace(t *testing.T) {
	k := keyring(t)
	plain, row := []byte("the results are in"), []byte("row-0001")
	sealed := k.Seal(plain, "message", "text", row)
	if bytes.Contains(sealed, plain[:4]) {
		t.Fatal("the plain value shows in the sealed one")
	}
	if got, want := len(sealed), len(plain)+Overhead; got != want {
		t.Errorf("sealed length: got %d, want %d", got, want)
	}
	got, err := k.Open(sealed, "message", "text", row)
	if err != nil || !bytes.Equal(got, plain) {
		t.Fatalf("open: got %q, %v", got, err)
	}
	flipped := bytes.Clone(sealed)
	flipped[len(flipped)-1] ^= 1
	for name, try := range map[string]func() ([]byte, error){
		"another table":     func() ([]byte, error) { return k.Open(sealed, "thread", "text", row) },
		"another column":    func() ([]byte, error) { return k.Open(sealed, "message", "html", row) },
		"another row":       func() ([]byte, error) { return k.Open(sealed, "message", "text", []byte("row-0002")) },
		"names run into":    func() ([]byte, error) { return k.Open(sealed, "messaget", "ext", row) },
		"row runs into":     func() ([]byte, error) { return k.Open(sealed, "message", "textr", []byte("ow-0001")) },
		"changed":           func() ([]byte, error) { return k.Open(flipped, "message", "text", row) },
		"cut off":           func() ([]byte, error) { return k.Open(sealed[:Overhead-1], "message", "text", row) },
		"empty":             func() ([]byte, error) { return k.Open(nil, "message", "text", row) },
		"another keyring":   func() ([]byte, error) { return keyring(t).Open(sealed, "message", "text", row) },
		"one octet of it":   func() ([]byte, error) { return k.Open(sealed[:1], "message", "text", row) },
		"plain, not sealed": func() ([]byte, error) { return k.Open(plain, "message", "text", row) },
	} {
		if got, err := try(); !errors.Is(err, ErrSealed) || got != nil {
			t.Errorf("%s: got %q, %v, want ErrSealed", name, got, err)
		}
	}
	if bytes.Equal(sealed, k.Seal(plain, "message", "text", row)) {
		t.Error("sealing twice gave the same octets")
	}
	if got, err := k.Open(k.Seal(nil, "a", "b", nil), "a", "b", nil); err != nil || len(got) != 0 {
		t.Errorf("an empty value: got %q, %v", got, err)
	}
}

func TestHashesAreKeyedAndApart(t *testing.T) {
	k := keyring(t)
	v := []byte("ann@example.com")
	a := k.Lookup("address", v)
	if len(a) != LookupSize || !bytes.Equal(a, k.Lookup("address", v)) {
		t.Fatalf("a look-up hash must be %d octets and stable: %x", LookupSize, a)
	}
	for name, other := range map[string][]byte{
		"another value":   k.Lookup("address", []byte("bob@example.com")),
		"another purpose": k.Lookup("message id", v),
		"purpose runs on": k.Lookup("addressa", v[1:]),
		"another key":     keyring(t).Lookup("address", v),
		"the signing key": k.Sign("address", v)[:LookupSize],
	} {
		if bytes.Equal(a, other) {
			t.Errorf("%s: the hash is the same", name)
		}
	}
}

func TestCodesAreKeyedAndApart(t *testing.T) {
	k, data := keyring(t), []byte("an id")
	code := k.Sign("reply address", data)
	for _, n := range []int{10, 16, 32} {
		if !k.Verify("reply address", data, code[:n]) {
			t.Errorf("the first %d octets of a code don't verify", n)
		}
	}
	flipped := bytes.Clone(code)
	flipped[9] ^= 1
	for name, ok := range map[string]bool{
		"too short":       k.Verify("reply address", data, code[:9]),
		"empty":           k.Verify("reply address", data, nil),
		"too long":        k.Verify("reply address", data, append(bytes.Clone(code), 0)),
		"changed":         k.Verify("reply address", data, flipped[:10]),
		"another purpose": k.Verify("link", data, code),
		"other data":      k.Verify("reply address", []byte("an iD"), code),
		"purpose runs on": k.Verify("reply addressa", data[1:], code),
		"another key":     keyring(t).Verify("reply address", data, code),
	} {
		if ok {
			t.Errorf("%s: it verifies", name)
		}
	}
	// A key that was rotated out still verifies, and signs no more.
	fresh := keyring(t)
	rotated, err := newKeyring(k.ring.Load().values, k.ring.Load().streams, k.ring.Load().lookup.key, [][]byte{fresh.ring.Load().sign[0].key, k.ring.Load().sign[0].key})
	if err != nil {
		t.Fatal(err)
	}
	text, err := rotated.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if rotated, err = Parse(text); err != nil {
		t.Fatal(err)
	}
	if !rotated.Verify("reply address", data, code[:10]) || bytes.Equal(rotated.Sign("reply address", data), code) {
		t.Error("after rotation the old key must verify and must not sign")
	}
}

func TestStream(t *testing.T) {
	k := keyring(t)
	for _, size := range []int{0, 1, segmentSize - 100, segmentSize, 3*segmentSize + 17} {
		plain := make([]byte, size)
		rand.Read(plain)
		var sealed bytes.Buffer
		w, err := k.SealStream(&sealed, []byte("blob-1"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(w, iotest.OneByteReader(bytes.NewReader(plain))); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		read := func(b []byte, name string) ([]byte, error) {
			r, err := k.OpenStream(bytes.NewReader(b), []byte(name))
			if err != nil {
				return nil, err
			}
			return io.ReadAll(r)
		}
		if got, err := read(sealed.Bytes(), "blob-1"); err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("%d octets: got %d octets, %v", size, len(got), err)
		}
		if _, err := read(sealed.Bytes(), "blob-2"); !errors.Is(err, ErrSealed) {
			t.Errorf("%d octets under another name: got %v, want ErrSealed", size, err)
		}
		for _, cut := range []int{0, 1, 40, sealed.Len() / 2, sealed.Len() - 1} {
			if cut >= sealed.Len() {
				continue
			}
			if _, err := read(sealed.Bytes()[:cut], "blob-1"); !errors.Is(err, ErrSealed) {
				t.Errorf("%d octets cut at %d: got %v, want ErrSealed", size, cut, err)
			}
		}
	}
	r, err := k.OpenStream(iotest.ErrReader(fs.ErrPermission), nil)
	if err == nil {
		_, err = io.ReadAll(r)
	}
	if !errors.Is(err, fs.ErrPermission) || errors.Is(err, ErrSealed) {
		t.Errorf("a fault of the disk: got %v, want it as it was", err)
	}
}

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	k, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode: got %v, %v, want 0600", info.Mode(), err)
	}
	if _, err := Create(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("create over it: got %v, want fs.ErrExist", err)
	}
	loaded, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := loaded.Open(k.Seal([]byte("x"), "t", "c", nil), "t", "c", nil); err != nil || string(got) != "x" {
		t.Errorf("open with the loaded keys: got %q, %v", got, err)
	}
	if !bytes.Equal(loaded.Lookup("p", nil), k.Lookup("p", nil)) || !bytes.Equal(loaded.Sign("p", nil), k.Sign("p", nil)) {
		t.Error("the loaded hash keys differ")
	}
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o660, 0o644} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %04o: got %v, want a refusal that says what to do", mode, err)
		}
	}
	if _, err := Load(filepath.Dir(path)); err == nil {
		t.Error("a folder was loaded as a key file")
	}
	if _, err := Load(path + ".none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: got %v, want fs.ErrNotExist", err)
	}
}

func TestParseRefusesWhatIsNoKeyFile(t *testing.T) {
	text, err := keyring(t).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(text)-2; i += 37 {
		if _, err := Parse(text[:i]); err == nil {
			t.Errorf("a file cut at %d was read", i)
		}
	}
	for _, s := range []string{
		"", "{}", "null", "[]", `{"version":2}`, `{"version":1}`, `{"version":1,"values":{},"streams":{}}`,
		strings.Replace(string(text), `"lookup": "`, `"lookup": "AAAA`, 1),
		strings.Repeat(" ", maxKeyFile+1),
	} {
		if _, err := Parse([]byte(s)); err == nil {
			t.Errorf("%.40q was read", s)
		}
	}
}

func FuzzParse(f *testing.F) {
	k, err := Generate()
	if err != nil {
		f.Fatal(err)
	}
	text, err := k.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"version":1,"values":{"primaryKeyId":1,"key":[]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if k, err := Parse(b); err == nil {
			k.Seal(b, "t", "c", nil)
		}
	})
}

func FuzzOpen(f *testing.F) {
	k, err := Generate()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(k.Seal([]byte("plain"), "t", "c", []byte("r")), "t", "d", []byte("r"))
	f.Fuzz(func(t *testing.T, b []byte, table, column string, row []byte) {
		if _, err := k.Open(b, table, column, row); err == nil {
			t.Fatal("a value that nobody sealed there opened")
		}
		if got, err := k.Open(k.Seal(b, table, column, row), table, column, row); err != nil || !bytes.Equal(got, b) {
			t.Fatalf("round trip: got %q, %v", got, err)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	k, plain, row := keyring(b), bytes.Repeat([]byte("a"), 500), make([]byte, 16)
	b.ReportAllocs()
	b.SetBytes(int64(len(plain)))
	for b.Loop() {
		k.Seal(plain, "message_content", "text", row)
	}
}

func BenchmarkOpen(b *testing.B) {
	k, plain, row := keyring(b), bytes.Repeat([]byte("a"), 500), make([]byte, 16)
	sealed := k.Seal(plain, "message_content", "text", row)
	b.ReportAllocs()
	b.SetBytes(int64(len(plain)))
	for b.Loop() {
		if _, err := k.Open(sealed, "message_content", "text", row); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	k, v := keyring(b), []byte("ann@example.com")
	b.ReportAllocs()
	for b.Loop() {
		k.Lookup("address", v)
	}
}
