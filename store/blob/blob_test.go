package blob_test

import (
	"bytes"
	"crypto/rand"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"letterlock/store/blob"
	"letterlock/store/blob/blobtest"
	"letterlock/store/seal"
)

func TestDir(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blobtest.Place { return dirPlace(t) })
}

func dirPlace(t testing.TB) blobtest.Place {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "blobs")
	d, err := blob.NewDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	file := func(name string) string { return filepath.Join(folder, name[:2], name) }
	return blobtest.Place{
		Shelf: d, Staging: filepath.Join(folder, "staging"),
		Raw: func(name string) []byte {
			b, err := os.ReadFile(file(name))
			if err != nil {
				t.Error(err)
			}
			return b
		},
		Replace: func(name string, sealed []byte) {
			if err := os.MkdirAll(filepath.Dir(file(name)), 0o700); err != nil {
				t.Error(err)
			}
			if err := os.WriteFile(file(name), sealed, 0o600); err != nil {
				t.Error(err)
			}
		},
		Names: func() (names []string) {
			err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
				if err == nil && e.Type().IsRegular() && filepath.Base(filepath.Dir(path)) != "staging" {
					names = append(names, e.Name())
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
			return names
		},
	}
}

func TestDirsFilesAreTheOwners(t *testing.T) {
	p := dirPlace(t)
	k := keeper(t, p)
	if _, err := k.Stage(t.Context(), bytes.NewReader(make([]byte, 100_000))); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(filepath.Dir(p.Staging), func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestRemovedWhileRead: whoever began to read a file reads it to its end.
func TestRemovedWhileRead(t *testing.T) {
	k := keeper(t, dirPlace(t))
	want := random(500_000)
	b, err := k.Stage(t.Context(), bytes.NewReader(want))
	if err != nil {
		t.Fatal(err)
	}
	r, err := k.Open(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := k.Remove(t.Context(), b.Key); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %d octets, %v", len(got), err)
	}
}

func keeper(t testing.TB, p blobtest.Place) *blob.Keeper {
	t.Helper()
	keys, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	k, err := blob.New(p.Staging, p.Shelf, keys)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

func BenchmarkStage(b *testing.B) {
	for name, size := range map[string]int{"8KB": 8 << 10, "1MB": 1 << 20, "25MB": 25 << 20} {
		b.Run(name, func(b *testing.B) {
			k, content := keeper(b, dirPlace(b)), random(size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := k.Stage(b.Context(), bytes.NewReader(content)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func staged(b *testing.B, size int) (*blob.Keeper, blob.Blob) {
	k := keeper(b, dirPlace(b))
	s, err := k.Stage(b.Context(), bytes.NewReader(random(size)))
	if err != nil {
		b.Fatal(err)
	}
	return k, s
}

func BenchmarkOpen25MB(b *testing.B) {
	k, s := staged(b, 25<<20)
	b.SetBytes(s.Size)
	b.ReportAllocs()
	for b.Loop() {
		r, err := k.Open(b.Context(), s)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			b.Fatal(err)
		}
		r.Close()
	}
}

// A range costs the same wherever it is.
func BenchmarkRange64KBOf25MB(b *testing.B) {
	k, s := staged(b, 25<<20)
	p := make([]byte, 64<<10)
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	for b.Loop() {
		r, err := k.Open(b.Context(), s)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := r.Seek(20_000_000, io.SeekStart); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(r, p); err != nil {
			b.Fatal(err)
		}
		r.Close()
	}
}
