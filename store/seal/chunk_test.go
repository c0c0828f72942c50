package seal

import (
	"bytes"
	"errors"
	"testing"
)

func TestChunksAreBoundToTheirPlace(t *testing.T) {
	key := NewChunkKey()
	plain := bytes.Repeat([]byte("a letter "), 100)
	sealed := key.Chunks("blob-1").Seal(nil, plain, 3, false)
	if len(sealed) != len(plain)+ChunkOverhead || bytes.Contains(sealed, plain[:8]) {
		t.Fatalf("got %d octets for %d", len(sealed), len(plain))
	}
	if got, err := key.Chunks("blob-1").Open(nil, sealed, 3, false); err != nil || !bytes.Equal(got, plain) {
		t.Fatalf("got %d octets, %v", len(got), err)
	}
	flipped := bytes.Clone(sealed)
	flipped[0] ^= 1
	for name, try := range map[string]func() ([]byte, error){
		"another index": func() ([]byte, error) { return key.Chunks("blob-1").Open(nil, sealed, 2, false) },
		"as the last":   func() ([]byte, error) { return key.Chunks("blob-1").Open(nil, sealed, 3, true) },
		"another name":  func() ([]byte, error) { return key.Chunks("blob-2").Open(nil, sealed, 3, false) },
		"another key":   func() ([]byte, error) { return NewChunkKey().Chunks("blob-1").Open(nil, sealed, 3, false) },
		"changed":       func() ([]byte, error) { return key.Chunks("blob-1").Open(nil, flipped, 3, false) },
		"cut off":       func() ([]byte, error) { return key.Chunks("blob-1").Open(nil, sealed[:len(sealed)-1], 3, false) },
		"empty":         func() ([]byte, error) { return key.Chunks("blob-1").Open(nil, nil, 3, false) },
	} {
		if got, err := try(); !errors.Is(err, ErrSealed) || got != nil {
			t.Errorf("%s: got %d octets, %v, want ErrSealed", name, len(got), err)
		}
	}
}

func TestChunkedSize(t *testing.T) {
	for _, one := range []struct{ size, chunks int64 }{{0, 1}, {1, 1}, {ChunkSize - 1, 1}, {ChunkSize, 1}, {ChunkSize + 1, 2}, {10 * ChunkSize, 10}} {
		if got := ChunkCount(one.size); got != one.chunks {
			t.Errorf("%d octets: got %d chunks, want %d", one.size, got, one.chunks)
		}
		if got, want := ChunkedSize(one.size), one.size+one.chunks*ChunkOverhead; got != want {
			t.Errorf("%d octets: got %d sealed, want %d", one.size, got, want)
		}
	}
}

func FuzzOpenChunk(f *testing.F) {
	key := NewChunkKey()
	f.Add(NewChunkKey().Chunks("a").Seal(nil, []byte("plain"), 0, true), uint64(0), true)
	f.Fuzz(func(t *testing.T, b []byte, index uint64, last bool) {
		c := key.Chunks("a")
		if _, err := c.Open(nil, b, index, last); err == nil {
			t.Fatal("a chunk that nobody sealed there opened")
		}
		if got, err := c.Open(nil, NewChunkKey().Chunks("a").Seal(nil, b, index, last), index, last); err == nil {
			t.Fatalf("another key's chunk opened: %d octets", len(got))
		}
		other := NewChunkKey().Chunks("a")
		if got, err := other.Open(nil, other.Seal(nil, b, index, last), index, last); err != nil || !bytes.Equal(got, b) {
			t.Fatalf("round trip: got %q, %v", got, err)
		}
	})
}

func BenchmarkSealChunk(b *testing.B) {
	c, plain := NewChunkKey().Chunks("blob"), make([]byte, ChunkSize)
	out := make([]byte, 0, ChunkSize+ChunkOverhead)
	b.ReportAllocs()
	b.SetBytes(ChunkSize)
	for i := uint64(0); b.Loop(); i++ {
		out = c.Seal(out[:0], plain, i, false)
	}
}
