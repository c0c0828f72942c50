package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"fmt"
)

// Big content that is read in ranges is sealed in chunks, each AES-256-GCM by itself under a key that is made for this one content. The
// key is random and is kept sealed in a row, so that changing the keyring's keys changes rows and no content, and content whose row
// was deleted is lost to whoever kept a copy of it.

const (
	// ChunkSize is how many plain octets a chunk has; the last one may have fewer.
	ChunkSize = 64 << 10
	// ChunkOverhead is by how many octets a sealed chunk is longer than a plain one: the tag.
	ChunkOverhead = 16
	// ChunkKeySize is the size of a chunk key in octets.
	ChunkKeySize = 32
)

// ChunkKey seals the chunks of one content, and of no other.
type ChunkKey [ChunkKeySize]byte

// NewChunkKey returns a random key.
func NewChunkKey() ChunkKey {
	var k ChunkKey
	rand.Read(k[:]) // never fails (crypto/rand)
	return k
}

// Chunks seals and opens the chunks of one content. It is for one goroutine at a time.
type Chunks struct {
	aead cipher.AEAD
	head int // octets of the name in bind
	bind []byte
}

// Chunks returns the cipher for the content of a name.
func (k ChunkKey) Chunks(name string) *Chunks {
	block, err := aes.NewCipher(k[:])
	if err != nil {
		panic("seal chunks: " + err.Error()) // the key has the one size that AES-256 takes
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("seal chunks: " + err.Error()) // AES has the one block size that GCM takes
	}
	c := &Chunks{aead: aead, bind: binary.AppendUvarint(nil, uint64(len(name)))}
	c.bind = append(c.bind, name...)
	c.head = len(c.bind)
	return c
}

// Seal appends the sealed form of a chunk to dst. The chunk is bound to the name, to its index and to whether it is the last one.
// The same index must never be sealed twice under one key.
func (c *Chunks) Seal(dst, plain []byte, index uint64, last bool) []byte {
	nonce := c.nonce(index)
	return c.aead.Seal(dst, nonce[:], plain, c.bound(index, last))
}

// Open appends the plain form of a chunk to dst, which may be sealed[:0]. Its error wraps ErrSealed.
func (c *Chunks) Open(dst, sealed []byte, index uint64, last bool) ([]byte, error) {
	nonce := c.nonce(index)
	plain, err := c.aead.Open(dst, nonce[:], sealed, c.bound(index, last))
	if err != nil {
		return nil, fmt.Errorf("open chunk %d: %w", index, ErrSealed)
	}
	return plain, nil
}

// nonce is the index: no two chunks under one key share it.
func (c *Chunks) nonce(index uint64) (n [12]byte) {
	binary.BigEndian.PutUint64(n[4:], index)
	return n
}

func (c *Chunks) bound(index uint64, last bool) []byte {
	c.bind = binary.BigEndian.AppendUint64(c.bind[:c.head], index)
	if last {
		return append(c.bind, 1)
	}
	return append(c.bind, 0)
}

// ChunkCount returns in how many chunks content of a size is sealed. Empty content has one chunk, so that its end is sealed too.
func ChunkCount(size int64) int64 { return max(1, (size+ChunkSize-1)/ChunkSize) }

// ChunkedSize returns the size of content that is sealed in chunks.
func ChunkedSize(size int64) int64 { return size + ChunkCount(size)*ChunkOverhead }
