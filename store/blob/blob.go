// Package blob keeps content that is too big for a database row: attachments and raw mail, sealed, on a [Shelf]: in a folder or in
// an S3-compatible store.
//
// Content is staged first and referred to later, by whoever writes its key into a row. Small content never becomes a file: it is
// handed back to be stored in the row itself, so that the commit of the row makes it last without another fsync.
//
// Content is sealed in chunks of 64 KiB under a key of its own, each bound to the content's name and to its place in it, so that a range is
// read without the rest, and nothing that was changed, cut off, moved or put in the place of another opens. Names are random and say
// nothing of the content; a file's length shows the content's. Whoever keeps a Blob's Secret, Size and SHA256 sealed in a row has all
// that is needed to open it. Files of the first format, a Tink stream under the keyring's own key, can still be read.
//
// This package must not know what the content is, or SQL.
package blob

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"letterlock/store/seal"
)

// InlineLimit is the size in octets up to which content is handed back instead of becoming a file.
const InlineLimit = seal.ChunkSize

// keyBytes is how much randomness a name has; it is written in hexadecimal.
const keyBytes = 16

// ErrShelf means that content can't be kept or read just now, because of the disk or the network. The same may be tried again.
var ErrShelf = errors.New("stored files can't be reached")

// Blob is staged content.
type Blob struct {
	Key    string // names the file; empty where the content is inline
	Inline []byte // the plain content, where it is at most InlineLimit octets
	Size   int64  // of the plain content, in octets
	SHA256 [sha256.Size]byte
	Secret seal.ChunkKey // opens the file. Whoever has it can read the content
}

// Shelf is where sealed files are kept under names that are never used again. [Dir] and [Bucket] are shelves. Many goroutines may
// use one at once, and several processes the same.
type Shelf interface {
	// Put keeps the content of a file that was written, of size octets. It may move the file. When it returns nil, the content lasts.
	Put(ctx context.Context, name string, f *os.File, size int64) error
	// Open's error wraps fs.ErrNotExist if there is nothing of that name.
	Open(ctx context.Context, name string) (Volume, error)
	// Remove removes a name. To remove what isn't there is no error.
	Remove(ctx context.Context, name string) error
	// Old hands fn the names that were put before a moment, at most 500 at once. fn's error ends it.
	Old(ctx context.Context, before time.Time, fn func(names []string) error) error
}

// Volume is one sealed file that is being read.
type Volume interface {
	Size() int64
	// From returns the octets from an offset on. The caller closes it before it asks for another.
	From(ctx context.Context, offset int64) (io.ReadCloser, error)
	Close() error
}

// Opener opens content of the first format; [letterlock/store/seal.Keyring] does.
type Opener interface {
	OpenStream(r io.Reader, name []byte) (io.Reader, error)
}

// Keeper seals content and puts it on a shelf. It is safe for use by many goroutines, and by several processes at once.
type Keeper struct {
	staging string
	shelf   Shelf
	old     Opener
}

// New returns a Keeper that writes files in a folder before it puts them on the shelf. The folder is made with mode 0700 if it isn't
// there; for a Dir it must be on the same file system.
func New(staging string, shelf Shelf, old Opener) (*Keeper, error) {
	if err := os.MkdirAll(staging, 0o700); err != nil {
		return nil, fmt.Errorf("open blob folder: %w", err)
	}
	return &Keeper{staging: staging, shelf: shelf, old: old}, nil
}

// pair is the plain octets that are about to be sealed, one more than a chunk to see whether it is the last, and their sealed form.
type pair struct {
	plain  [seal.ChunkSize + 1]byte
	sealed [seal.ChunkSize + seal.ChunkOverhead]byte
}

var pairs = sync.Pool{New: func() any { return new(pair) }}

// Stage reads r to its end and keeps the content, without holding more than a chunk in memory. When it returns a Blob with a Key,
// the file lasts. It leaves nothing behind when it fails or when ctx ends. An error of r is returned as it is; others wrap ErrShelf.
//
// What a bytes.Buffer holds may become Blob.Inline without a copy, so nobody may change it any more.
func (k *Keeper) Stage(ctx context.Context, r io.Reader) (Blob, error) {
	if small, ok := r.(*bytes.Buffer); ok && small.Len() <= seal.ChunkSize {
		// Most mails and their files: they are in memory already.
		inline := small.Next(small.Len())
		if inline == nil {
			inline = []byte{} // nil means that there is no content
		}
		return Blob{Inline: inline, Size: int64(len(inline)), SHA256: sha256.Sum256(inline)}, ctx.Err()
	}
	src := &sourceReader{r: &ctxReader{ctx, r}}
	p := pairs.Get().(*pair)
	defer func() {
		clear(p.plain[:]) // plain content doesn't stay in memory longer than it must
		pairs.Put(p)
	}()
	n, err := io.ReadFull(src, p.plain[:])
	switch {
	case src.err != nil:
		return Blob{}, src.err
	case err == nil:
		b, err := k.stageFile(ctx, p, src)
		switch {
		case src.err != nil:
			return Blob{}, src.err
		case err != nil && ctx.Err() != nil:
			return Blob{}, ctx.Err()
		case err != nil:
			return Blob{}, fmt.Errorf("stage a blob: %w: %w", ErrShelf, err)
		}
		return b, nil
	}
	inline := append(make([]byte, 0, n), p.plain[:n]...)
	return Blob{Inline: inline, Size: int64(n), SHA256: sha256.Sum256(inline)}, nil
}

// stageFile writes what is in p, which is full, and the rest of r.
func (k *Keeper) stageFile(ctx context.Context, p *pair, r *sourceReader) (_ Blob, err error) {
	name := make([]byte, keyBytes)
	rand.Read(name) // never fails (crypto/rand)
	b := Blob{Key: hex.EncodeToString(name), Secret: seal.NewChunkKey()}
	f, err := os.OpenFile(filepath.Join(k.staging, b.Key), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return Blob{}, err
	}
	defer func() {
		err = errors.Join(err, f.Close())
		// A Dir has moved it away.
		if gone := os.Remove(f.Name()); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}()
	chunks, hash := b.Secret.Chunks(b.Key), sha256.New()
	n := len(p.plain)
	for index := uint64(0); ; index++ {
		last := n <= seal.ChunkSize
		plain := p.plain[:min(n, seal.ChunkSize)]
		hash.Write(plain)
		if _, err := f.Write(chunks.Seal(p.sealed[:0], plain, index, last)); err != nil {
			return Blob{}, err
		}
		b.Size += int64(len(plain))
		if last {
			break
		}
		p.plain[0] = p.plain[seal.ChunkSize]
		n, _ = io.ReadFull(r, p.plain[1:]) // its own errors mean the end; the source's are in r
		if r.err != nil {
			return Blob{}, r.err
		}
		n++
	}
	hash.Sum(b.SHA256[:0])
	return b, k.shelf.Put(ctx, b.Key, f, seal.ChunkedSize(b.Size))
}

// Remove deletes the file of a key. To remove what isn't there is no error.
func (k *Keeper) Remove(ctx context.Context, key string) error {
	if !validKey(key) {
		return nil
	}
	return k.shelf.Remove(ctx, key)
}

// Sweep removes the files that were put before a moment and that known doesn't name among those it was asked about, and what a crash
// left half written. Choose a moment so long ago (a day) that nobody can still be about to make them known. It returns how many it removed.
func (k *Keeper) Sweep(ctx context.Context, before time.Time, known func(ctx context.Context, keys []string) (map[string]bool, error)) (int, error) {
	removed, err := k.sweepStaging(before)
	if err != nil {
		return removed, fmt.Errorf("sweep blobs: %w", err)
	}
	err = k.shelf.Old(ctx, before, func(keys []string) error {
		keep, err := known(ctx, keys)
		if err != nil {
			return err
		}
		for _, key := range keys {
			if keep[key] {
				continue
			}
			if err := errors.Join(ctx.Err(), k.shelf.Remove(ctx, key)); err != nil {
				return err
			}
			removed++
		}
		return nil
	})
	if err != nil {
		return removed, fmt.Errorf("sweep blobs: %w", err)
	}
	return removed, nil
}

func (k *Keeper) sweepStaging(before time.Time) (removed int, err error) {
	old, err := oldKeys(k.staging, before)
	if err != nil {
		return 0, err
	}
	for _, key := range old {
		if err := os.Remove(filepath.Join(k.staging, key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return removed, err
		}
		removed++
	}
	return removed, nil
}

// validKey keeps anything but our own names away from the file system and the network.
func validKey(key string) bool {
	if len(key) != 2*keyBytes {
		return false
	}
	for _, c := range []byte(key) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// sourceReader remembers a reader's own error, to tell it from the shelf's.
type sourceReader struct {
	r   io.Reader
	err error
}

// Read implements io.Reader.
func (s *sourceReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// ctxReader stops a copy between two reads.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

// Read implements io.Reader.
func (c *ctxReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
