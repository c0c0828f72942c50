// Package blobtest says what a blob.Shelf must do, as tests that any shelf can be put through, by itself and below a blob.Keeper.
package blobtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"letterlock/store/blob"
	"letterlock/store/seal"
)

// Place is an empty shelf, and what a test must be able to do behind its back.
type Place struct {
	Shelf   blob.Shelf
	Staging string                           // a folder on the same file system; made if it isn't there
	Raw     func(name string) []byte         // what is kept under a name
	Replace func(name string, sealed []byte) // keeps something else under it
	Names   func() []string                  // all names
}

// Run puts the shelves that open returns through all tests.
func Run(t *testing.T, open func(t *testing.T) Place) {
	for name, test := range map[string]func(*house){
		"put and open":         putAndOpen,
		"old names":            oldNames,
		"small content":        smallContent,
		"sizes":                sizes,
		"ranges":               ranges,
		"failed staging":       failedStaging,
		"tampering":            tampering,
		"names from elsewhere": namesFromElsewhere,
		"sweep":                sweep,
		"many at once":         manyAtOnce,
		"first format":         firstFormat,
	} {
		t.Run(name, func(t *testing.T) {
			p := open(t)
			keys, err := seal.Generate()
			if err != nil {
				t.Fatal(err)
			}
			k, err := blob.New(p.Staging, p.Shelf, keys)
			if err != nil {
				t.Fatal(err)
			}
			test(&house{T: t, Place: p, keeper: k, keys: keys})
		})
	}
}

type house struct {
	*testing.T
	Place
	keeper *blob.Keeper
	keys   *seal.Keyring
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

func name() string { return fmt.Sprintf("%x", random(16)) }

func (h *house) put(name string, content []byte) error {
	f, err := os.Create(filepath.Join(h.Staging, name))
	if err != nil {
		h.Fatal(err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := f.Write(content); err != nil {
		h.Fatal(err)
	}
	return h.Shelf.Put(h.Context(), name, f, int64(len(content)))
}

func (h *house) stage(content []byte) blob.Blob {
	h.Helper()
	b, err := h.keeper.Stage(h.Context(), bytes.NewReader(content))
	if err != nil {
		h.Fatal(err)
	}
	return b
}

func (h *house) read(b blob.Blob) ([]byte, error) {
	r, err := h.keeper.Open(h.Context(), b)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// empty wants nothing to be left, on the shelf and in the staging folder.
func (h *house) empty() {
	h.Helper()
	left, err := os.ReadDir(h.Staging)
	if err != nil || len(left) != 0 || len(h.Names()) != 0 {
		h.Errorf("left behind: %v and %v, %v", left, h.Names(), err)
	}
}

func putAndOpen(h *house) {
	ctx, want, at := h.Context(), random(200_000), name()
	if _, err := h.Shelf.Open(ctx, at); !errors.Is(err, fs.ErrNotExist) {
		h.Errorf("before: got %v, want fs.ErrNotExist", err)
	}
	if err := h.put(at, want); err != nil {
		h.Fatal(err)
	}
	v, err := h.Shelf.Open(ctx, at)
	if err != nil {
		h.Fatal(err)
	}
	defer v.Close()
	if v.Size() != int64(len(want)) {
		h.Errorf("size: got %d, want %d", v.Size(), len(want))
	}
	for _, from := range []int{0, 1, 100_000, len(want) - 1, len(want), len(want) + 1} {
		r, err := v.From(ctx, int64(from))
		if err != nil {
			h.Fatalf("from %d: %v", from, err)
		}
		got, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, want[min(from, len(want)):]) {
			h.Errorf("from %d: got %d octets, %v", from, len(got), err)
		}
	}
	for range 2 {
		if err := h.Shelf.Remove(ctx, at); err != nil {
			h.Error(err)
		}
	}
	if _, err := h.Shelf.Open(ctx, at); !errors.Is(err, fs.ErrNotExist) {
		h.Errorf("after: got %v, want fs.ErrNotExist", err)
	}
	h.empty()
}

func oldNames(h *house) {
	var want []string
	for range 20 {
		at := name()
		want = append(want, at)
		if err := h.put(at, []byte("x")); err != nil {
			h.Fatal(err)
		}
	}
	old := func(before time.Time) (got []string) {
		err := h.Shelf.Old(h.Context(), before, func(names []string) error {
			got = append(got, names...)
			return nil
		})
		if err != nil {
			h.Fatal(err)
		}
		slices.Sort(got)
		return got
	}
	slices.Sort(want)
	if got := old(time.Now().Add(time.Hour)); !slices.Equal(got, want) {
		h.Errorf("got %d names of %d", len(got), len(want))
	}
	if got := old(time.Now().Add(-time.Hour)); len(got) != 0 {
		h.Errorf("got %d names, which are all young", len(got))
	}
	stop := errors.New("enough")
	if err := h.Shelf.Old(h.Context(), time.Now().Add(time.Hour), func([]string) error { return stop }); err != stop {
		h.Errorf("got %v, want fn's error", err)
	}
}

func smallContent(h *house) {
	for _, size := range []int{0, 1, blob.InlineLimit - 1, blob.InlineLimit} {
		want := random(size)
		b, err := h.keeper.Stage(h.Context(), iotest.HalfReader(bytes.NewReader(want)))
		if err != nil {
			h.Fatal(err)
		}
		if b.Key != "" || !bytes.Equal(b.Inline, want) || b.Size != int64(size) || b.SHA256 != sha256.Sum256(want) {
			h.Errorf("%d octets: got key %q, %d octets inline, size %d", size, b.Key, len(b.Inline), b.Size)
		}
	}
	h.empty()
}

func sizes(h *house) {
	const chunk = seal.ChunkSize
	for _, size := range []int{chunk + 1, 2*chunk - 1, 2 * chunk, 2*chunk + 1, 1 << 20, 1<<20 + 17} {
		want := bytes.Repeat([]byte("letter! "), size/8+1)[:size]
		b, err := h.keeper.Stage(h.Context(), iotest.HalfReader(bytes.NewReader(want)))
		if err != nil {
			h.Fatal(err)
		}
		if b.Key == "" || b.Inline != nil || b.Size != int64(size) || b.SHA256 != sha256.Sum256(want) {
			h.Fatalf("%d octets: got %q, %d inline, size %d", size, b.Key, len(b.Inline), b.Size)
		}
		if got, err := h.read(b); err != nil || !bytes.Equal(got, want) {
			h.Fatalf("%d octets: read %d octets, %v", size, len(got), err)
		}
		raw := h.Raw(b.Key)
		if bytes.Contains(raw, []byte("letter!")) || int64(len(raw)) != seal.ChunkedSize(b.Size) {
			h.Errorf("%d octets: the %d octets that are kept show the content, or are too many", size, len(raw))
		}
		if err := h.keeper.Remove(h.Context(), b.Key); err != nil {
			h.Fatal(err)
		}
		if _, err := h.read(b); !errors.Is(err, fs.ErrNotExist) {
			h.Errorf("after removal: got %v, want fs.ErrNotExist", err)
		}
	}
	h.empty()
}

func ranges(h *house) {
	const chunk = seal.ChunkSize
	want := random(3*chunk + 100)
	b := h.stage(want)
	r, err := h.keeper.Open(h.Context(), b)
	if err != nil {
		h.Fatal(err)
	}
	if err := iotest.TestReader(io.NewSectionReader(readerAt{r}, 0, b.Size), want); err != nil {
		h.Error(err)
	}
	rnd := mathrand.New(mathrand.NewPCG(1, 2))
	for range 50 {
		from := rnd.IntN(len(want) + 10)
		n := rnd.IntN(chunk + 10)
		if _, err := r.Seek(int64(from), io.SeekStart); err != nil {
			h.Fatal(err)
		}
		got, err := io.ReadAll(io.LimitReader(r, int64(n)))
		if w := want[min(from, len(want)):min(from+n, len(want))]; err != nil || !bytes.Equal(got, w) {
			h.Fatalf("%d from %d: got %d octets, %v", n, from, len(got), err)
		}
	}
	if n, err := r.Seek(-5, io.SeekEnd); err != nil || n != b.Size-5 {
		h.Errorf("seek from the end: got %d, %v", n, err)
	}
	if _, err := r.Seek(-6+2-b.Size, io.SeekCurrent); err == nil {
		h.Error("it went before the beginning")
	}
	if err := errors.Join(r.Close(), r.Close()); err != nil {
		h.Error(err)
	}
	if _, err := r.Read(make([]byte, 1)); err == nil {
		h.Error("it could be read after it was closed")
	}
}

type readerAt struct{ r io.ReadSeeker }

func (r readerAt) ReadAt(p []byte, at int64) (int, error) {
	if _, err := r.r.Seek(at, io.SeekStart); err != nil {
		return 0, err
	}
	n, err := io.ReadFull(r.r, p)
	if err == io.ErrUnexpectedEOF {
		err = io.EOF
	}
	return n, err
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func failedStaging(h *house) {
	for _, broken := range []error{errors.New("the line went dead"), io.ErrUnexpectedEOF} {
		for _, size := range []int{0, 10, blob.InlineLimit, blob.InlineLimit + 1, 300_000} {
			_, err := h.keeper.Stage(h.Context(), io.MultiReader(bytes.NewReader(random(size)), iotest.ErrReader(broken)))
			if err != broken {
				h.Errorf("after %d octets: got %v, want the reader's error", size, err)
			}
		}
	}
	ctx, cancel := context.WithCancel(h.Context())
	_, err := h.keeper.Stage(ctx, io.MultiReader(bytes.NewReader(random(300_000)), readerFunc(func([]byte) (int, error) {
		cancel()
		return 1, nil
	})))
	if !errors.Is(err, context.Canceled) {
		h.Errorf("got %v, want context.Canceled", err)
	}
	h.empty()
}

func tampering(h *house) {
	const sealedChunk = seal.ChunkSize + seal.ChunkOverhead
	want := random(3*seal.ChunkSize + 500)
	b, other := h.stage(want), h.stage(random(len(want)))
	raw := bytes.Clone(h.Raw(b.Key))
	chunk := func(i int) []byte { return raw[i*sealedChunk : min((i+1)*sealedChunk, len(raw))] }
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	tries := map[string][]byte{
		"empty":                        {},
		"cut by one octet":             raw[:len(raw)-1],
		"cut at a chunk":               raw[:3*sealedChunk],
		"longer":                       append(bytes.Clone(raw), 0),
		"a chunk more":                 join(raw, chunk(3)),
		"two chunks swapped":           join(chunk(0), chunk(2), chunk(1), chunk(3)),
		"a chunk twice":                join(chunk(0), chunk(0), chunk(2), chunk(3)),
		"a chunk missing, zeros added": join(chunk(0), chunk(1), chunk(3), make([]byte, sealedChunk)),
		"another file":                 h.Raw(other.Key),
		"another file's chunk":         join(h.Raw(other.Key)[:sealedChunk], raw[sealedChunk:]),
	}
	for i := range 4 {
		flipped := bytes.Clone(raw)
		flipped[i*sealedChunk+100] ^= 1
		tries[fmt.Sprintf("an octet of chunk %d", i)] = flipped
	}
	for what, sealed := range tries {
		h.Replace(b.Key, sealed)
		if got, err := h.read(b); !errors.Is(err, seal.ErrSealed) {
			h.Errorf("%s: got %d octets, %v, want ErrSealed", what, len(got), err)
		} else if !bytes.Equal(got, want[:len(got)]) {
			h.Errorf("%s: octets came out that were never stored", what)
		}
	}
	h.Replace(b.Key, raw)
	for what, change := range map[string]func(*blob.Blob){
		"another secret": func(b *blob.Blob) { b.Secret = other.Secret },
		"another name":   func(b *blob.Blob) { b.Key = other.Key },
		"a smaller size": func(b *blob.Blob) { b.Size-- },
		"as shorter":     func(b *blob.Blob) { b.Size = 3 * seal.ChunkSize },
	} {
		c := b
		change(&c)
		if _, err := h.read(c); !errors.Is(err, seal.ErrSealed) {
			h.Errorf("%s: got %v, want ErrSealed", what, err)
		}
	}
	// A range that touches no changed chunk is read; one that does is not.
	flipped := bytes.Clone(raw)
	flipped[sealedChunk+1] ^= 1
	h.Replace(b.Key, flipped)
	r, err := h.keeper.Open(h.Context(), b)
	if err != nil {
		h.Fatal(err)
	}
	defer r.Close()
	for _, one := range []struct {
		at int64
		ok bool
	}{{0, true}, {seal.ChunkSize, false}, {2 * seal.ChunkSize, true}, {seal.ChunkSize + 5, false}, {100, true}} {
		if _, err := r.Seek(one.at, io.SeekStart); err != nil {
			h.Fatal(err)
		}
		p := make([]byte, 50)
		_, err := io.ReadFull(r, p)
		if one.ok && (err != nil || !bytes.Equal(p, want[one.at:][:50])) || !one.ok && !errors.Is(err, seal.ErrSealed) {
			h.Errorf("at %d: got %v", one.at, err)
		}
	}
}

func namesFromElsewhere(h *house) {
	for _, key := range []string{"", "x", "../../etc/passwd", "staging", "../../../../../../../etc/hostname", "ABCDEF0123456789ABCDEF0123456789", "0123456789abcdef0123456789abcde/"} {
		if _, err := h.keeper.Open(h.Context(), blob.Blob{Key: key, Size: 1}); !errors.Is(err, fs.ErrNotExist) {
			h.Errorf("%q: got %v, want fs.ErrNotExist", key, err)
		}
		if err := h.keeper.Remove(h.Context(), key); err != nil {
			h.Errorf("%q: %v", key, err)
		}
	}
}

func sweep(h *house) {
	known, lost := h.stage(random(100_000)), h.stage(random(100_000))
	half := filepath.Join(h.Staging, "00112233445566778899aabbccddeeff")
	if err := os.WriteFile(half, []byte("a crash came between"), 0o600); err != nil {
		h.Fatal(err)
	}
	ask := func(_ context.Context, keys []string) (map[string]bool, error) {
		return map[string]bool{known.Key: true}, nil
	}
	if n, err := h.keeper.Sweep(h.Context(), time.Now().Add(-time.Hour), ask); err != nil || n != 0 {
		h.Errorf("while all are young: got %d, %v, want 0", n, err)
	}
	broken := errors.New("the database is away")
	if _, err := h.keeper.Sweep(h.Context(), time.Now().Add(time.Hour), func(context.Context, []string) (map[string]bool, error) { return nil, broken }); !errors.Is(err, broken) {
		h.Errorf("got %v, want the error of known", err)
	}
	if _, err := h.read(lost); err != nil {
		h.Errorf("a sweep that failed removed a blob: %v", err)
	}
	if n, err := h.keeper.Sweep(h.Context(), time.Now().Add(time.Hour), ask); err != nil || n > 2 {
		h.Errorf("got %d, %v, want at most 2 removed", n, err)
	}
	if _, err := h.read(known); err != nil {
		h.Error(err)
	}
	if _, err := h.read(lost); !errors.Is(err, fs.ErrNotExist) {
		h.Errorf("the lost one: got %v, want fs.ErrNotExist", err)
	}
	if _, err := os.Stat(half); !errors.Is(err, fs.ErrNotExist) {
		h.Errorf("what was half written: got %v, want fs.ErrNotExist", err)
	}
}

func manyAtOnce(h *house) {
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			want := random(blob.InlineLimit + 1000)
			b, err := h.keeper.Stage(h.Context(), bytes.NewReader(want))
			if err != nil {
				h.Error(err)
				return
			}
			if got, err := h.read(b); err != nil || !bytes.Equal(got, want) {
				h.Errorf("got %d octets, %v", len(got), err)
			}
		})
	}
	wg.Wait()
}

// firstFormat: files that were written before chunks came are read as they are.
func firstFormat(h *house) {
	want, at := random(200_000), name()
	var sealed bytes.Buffer
	w, err := h.keys.SealStream(&sealed, []byte(at))
	if err != nil {
		h.Fatal(err)
	}
	if _, err := w.Write(want); err != nil {
		h.Fatal(err)
	}
	if err := w.Close(); err != nil {
		h.Fatal(err)
	}
	h.Replace(at, sealed.Bytes())
	open := func(sum [32]byte) io.ReadSeekCloser {
		h.Helper()
		r, err := h.keeper.OpenOld(h.Context(), at, int64(len(want)), sum)
		if err != nil {
			h.Fatal(err)
		}
		return r
	}
	sum := sha256.Sum256(want)
	r := open(sum)
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
		h.Errorf("got %d octets, %v", len(got), err)
	}
	if err := r.Close(); err != nil {
		h.Error(err)
	}
	r = open(sum)
	if err := iotest.TestReader(io.NewSectionReader(readerAt{r}, 0, int64(len(want))), want); err != nil {
		h.Error(err)
	}
	r.Close()
	for _, from := range []int64{0, 150_000} {
		r := open(sha256.Sum256([]byte("another row's")))
		if _, err := r.Seek(from, io.SeekStart); err != nil {
			h.Fatal(err)
		}
		if got, err := io.ReadAll(r); !errors.Is(err, seal.ErrSealed) || from > 0 && len(got) > 0 {
			h.Errorf("another sum, from %d: got %d octets, %v, want ErrSealed", from, len(got), err)
		}
		r.Close()
	}
	h.Replace(at, sealed.Bytes()[:sealed.Len()-1])
	r = open(sum)
	defer r.Close()
	if _, err := io.ReadAll(r); !errors.Is(err, seal.ErrSealed) {
		h.Errorf("cut off: got %v, want ErrSealed", err)
	}
}
