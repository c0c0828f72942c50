package blob

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"letterlock/store/seal"
)

func open(t testing.TB) *Dir {
	t.Helper()
	k, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(filepath.Join(t.TempDir(), "blobs"), k)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// files returns every file in the folder.
func files(t testing.TB, d *Dir) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(d.path, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func read(d *Dir, key string) ([]byte, error) {
	r, err := d.Open(context.Background(), key)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func TestSmallContentStaysInMemory(t *testing.T) {
	d := open(t)
	for _, size := range []int{0, 1, InlineLimit - 1, InlineLimit} {
		want := random(size)
		b, err := d.Stage(t.Context(), iotest.HalfReader(bytes.NewReader(want)))
		if err != nil {
			t.Fatal(err)
		}
		if b.Key != "" || !bytes.Equal(b.Inline, want) || b.Size != int64(size) || b.SHA256 != sha256.Sum256(want) {
			t.Errorf("%d octets: got key %q, %d octets inline, size %d", size, b.Key, len(b.Inline), b.Size)
		}
	}
	if got := files(t, d); len(got) != 0 {
		t.Errorf("files were written: %v", got)
	}
}

func TestBigContentIsSealedInAFile(t *testing.T) {
	d := open(t)
	for _, size := range []int{InlineLimit + 1, 200_000, 3 << 20} {
		want := bytes.Repeat([]byte("letter! "), size/8+1)[:size]
		b, err := d.Stage(t.Context(), bytes.NewReader(want))
		if err != nil {
			t.Fatal(err)
		}
		if b.Key == "" || b.Inline != nil || b.Size != int64(size) || b.SHA256 != sha256.Sum256(want) {
			t.Fatalf("%d octets: got %q, %d inline, size %d", size, b.Key, len(b.Inline), b.Size)
		}
		if got, err := read(d, b.Key); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d octets: read %d octets, %v", size, len(got), err)
		}
		raw, err := os.ReadFile(d.file(b.Key))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(raw, []byte("letter!")) {
			t.Error("the file shows the content")
		}
		if err := d.Remove(t.Context(), b.Key); err != nil {
			t.Fatal(err)
		}
		if err := d.Remove(t.Context(), b.Key); err != nil {
			t.Errorf("removing twice: %v", err)
		}
		if _, err := read(d, b.Key); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("after removal: got %v, want fs.ErrNotExist", err)
		}
	}
	if got := files(t, d); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
}

func TestFailedStageLeavesNothing(t *testing.T) {
	d := open(t)
	broken := errors.New("the line went dead")
	_, err := d.Stage(t.Context(), io.MultiReader(bytes.NewReader(random(300_000)), iotest.ErrReader(broken)))
	if err != broken {
		t.Errorf("got %v, want the reader's error", err)
	}
	for _, broken := range []error{broken, io.ErrUnexpectedEOF} {
		if _, err := d.Stage(t.Context(), io.MultiReader(bytes.NewReader(random(10)), iotest.ErrReader(broken))); err != broken {
			t.Errorf("got %v, want the reader's error", err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = d.Stage(ctx, io.MultiReader(bytes.NewReader(random(300_000)), readerFunc(func([]byte) (int, error) {
		cancel()
		return 1, nil
	})))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if got := files(t, d); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestTamperedFilesDoNotOpen(t *testing.T) {
	d := open(t)
	var keys [2]string
	for i := range keys {
		b, err := d.Stage(t.Context(), bytes.NewReader(random(200_000)))
		if err != nil {
			t.Fatal(err)
		}
		keys[i] = b.Key
	}
	raw, err := os.ReadFile(d.file(keys[0]))
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(raw)
	flipped[len(flipped)/2] ^= 1
	for name, content := range map[string][]byte{"empty": nil, "cut": raw[:len(raw)-1], "cut at a segment": raw[:64<<10], "flipped": flipped, "of another key": raw} {
		if err := os.WriteFile(d.file(keys[1]), content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := read(d, keys[1]); !errors.Is(err, seal.ErrSealed) {
			t.Errorf("%s: got %v, want ErrSealed", name, err)
		}
	}
}

func TestKeysFromElsewhere(t *testing.T) {
	d := open(t)
	for _, key := range []string{"", "x", "../../etc/passwd", "staging", "../../../../../../../etc/hostname", "ABCDEF0123456789ABCDEF0123456789", "0123456789abcdef0123456789abcde/"} {
		if _, err := d.Open(t.Context(), key); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: got %v, want fs.ErrNotExist", key, err)
		}
		if err := d.Remove(t.Context(), key); err != nil {
			t.Errorf("%q: %v", key, err)
		}
	}
}

func TestSweep(t *testing.T) {
	d := open(t)
	stage := func() string {
		b, err := d.Stage(t.Context(), bytes.NewReader(random(100_000)))
		if err != nil {
			t.Fatal(err)
		}
		return b.Key
	}
	committed, lost, fresh := stage(), stage(), stage()
	old := time.Now().Add(-48 * time.Hour)
	half := filepath.Join(d.path, staging, "00112233445566778899aabbccddeeff")
	if err := os.WriteFile(half, []byte("a crash came between"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{d.file(committed), d.file(lost), half} {
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
	}
	used := func(_ context.Context, keys []string) (map[string]bool, error) {
		return map[string]bool{committed: true}, nil
	}
	n, err := d.Sweep(t.Context(), time.Now().Add(-24*time.Hour), used)
	if err != nil || n != 2 {
		t.Errorf("got %d, %v, want 2 removed", n, err)
	}
	for key, want := range map[string]bool{committed: true, fresh: true, lost: false} {
		if _, err := read(d, key); (err == nil) != want {
			t.Errorf("%s: got %v, want it there: %v", key, err, want)
		}
	}
	broken := errors.New("the database is away")
	if _, err := d.Sweep(t.Context(), time.Now().Add(time.Hour), func(context.Context, []string) (map[string]bool, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Errorf("got %v, want the error of used", err)
	}
	if _, err := read(d, fresh); err != nil {
		t.Errorf("a sweep that failed removed a blob: %v", err)
	}
}

func TestManyAtOnce(t *testing.T) {
	d := open(t)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			want := random(InlineLimit + 1000)
			b, err := d.Stage(t.Context(), bytes.NewReader(want))
			if err != nil {
				t.Error(err)
				return
			}
			if got, err := read(d, b.Key); err != nil || !bytes.Equal(got, want) {
				t.Errorf("got %d octets, %v", len(got), err)
			}
		})
	}
	wg.Wait()
}

func BenchmarkStage1MB(b *testing.B) {
	d, content := open(b), random(1<<20)
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Stage(b.Context(), bytes.NewReader(content)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkStageInline(b *testing.B) {
	d, content := open(b), random(8<<10)
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Stage(b.Context(), bytes.NewReader(content)); err != nil {
			b.Fatal(err)
		}
	}
}
