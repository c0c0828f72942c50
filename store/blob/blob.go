// Package blob keeps content that is too big for a database row: attachments and raw mail, sealed, in a folder.
//
// Content is staged first and committed by whoever writes its key into a row. Small content never becomes a file: it is
// handed back to be stored in the row itself, so that the commit of the row makes it last without another fsync. What was
// staged and never committed is swept away after a day.
//
// File names are random and say nothing of the content. The content is sealed as a stream under its name, so that a file
// that was put in the place of another doesn't open. A file's length shows the content's length, to within a few octets.
//
// This package must not know what the content is, or SQL.
package blob

import (
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
	"runtime"
	"sync"
	"time"
)

// InlineLimit is the size in octets up to which content is handed back instead of becoming a file.
const InlineLimit = 64 << 10

// keyBytes is how much randomness a name has; it is written in hexadecimal.
const keyBytes = 16

// Blob is staged content.
type Blob struct {
	Key    string // names the file; empty where the content is inline
	Inline []byte // the plain content, where it is at most InlineLimit octets
	Size   int64  // of the plain content, in octets
	SHA256 [sha256.Size]byte
}

// Sealer seals streams; [letterlock/store/seal.Keyring] does.
type Sealer interface {
	SealStream(w io.Writer, name []byte) (io.WriteCloser, error)
	OpenStream(r io.Reader, name []byte) (io.Reader, error)
}

// Dir is a folder of sealed files. It is safe for use by many goroutines, and by several processes at once.
type Dir struct {
	path string
	seal Sealer

	mu   sync.Mutex
	made map[string]bool // sub-folders known to be on the disk
}

// New returns the folder at path, which it makes with mode 0700 if it isn't there.
func New(path string, s Sealer) (*Dir, error) {
	if err := os.MkdirAll(filepath.Join(path, staging), 0o700); err != nil {
		return nil, fmt.Errorf("open blob folder: %w", err)
	}
	if err := syncDir(path); err != nil {
		return nil, fmt.Errorf("open blob folder: %w", err)
	}
	return &Dir{path: path, seal: s, made: make(map[string]bool)}, nil
}

// staging is the sub-folder of files that are being written. Others are in sub-folders named by the first two digits of the key.
const staging = "staging"

var buffers = sync.Pool{New: func() any { b := make([]byte, InlineLimit+1); return &b }}

// Stage reads r to its end and keeps the content, without holding more than InlineLimit octets and a segment in memory. When it
// returns a Blob with a Key, the file is on the disk. It leaves nothing behind when it fails or when ctx ends. An error of r is returned as it is.
func (d *Dir) Stage(ctx context.Context, r io.Reader) (Blob, error) {
	src := &sourceReader{r: &ctxReader{ctx, r}}
	r = src
	buf := buffers.Get().(*[]byte)
	defer func() {
		clear(*buf) // plain content doesn't stay in memory longer than it must
		buffers.Put(buf)
	}()
	n, err := io.ReadFull(r, *buf)
	switch {
	case src.err == nil && (err == io.EOF || err == io.ErrUnexpectedEOF):
		inline := append(make([]byte, 0, n), (*buf)[:n]...)
		return Blob{Inline: inline, Size: int64(n), SHA256: sha256.Sum256(inline)}, nil
	case err != nil:
		return Blob{}, err
	}
	b, err := d.stageFile((*buf)[:n], r)
	switch {
	case src.err != nil:
		return Blob{}, src.err
	case err != nil:
		return Blob{}, fmt.Errorf("stage a blob: %w", err)
	}
	return b, nil
}

func (d *Dir) stageFile(head []byte, rest io.Reader) (b Blob, err error) {
	name := make([]byte, keyBytes)
	rand.Read(name) // never fails (crypto/rand)
	b.Key = hex.EncodeToString(name)
	temp := filepath.Join(d.path, staging, b.Key)
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return Blob{}, err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(temp)
			b = Blob{}
		}
	}()

	sealed, err := d.seal.SealStream(f, []byte(b.Key))
	if err != nil {
		return b, err
	}
	hash := sha256.New()
	both := io.MultiWriter(sealed, hash)
	if _, err := both.Write(head); err != nil {
		return b, err
	}
	n, err := io.Copy(both, rest)
	if err != nil {
		return b, err
	}
	if err := sealed.Close(); err != nil {
		return b, err
	}
	if err := f.Sync(); err != nil {
		return b, err
	}
	if err := f.Close(); err != nil {
		return b, err
	}
	if err := d.place(temp, b.Key); err != nil {
		return b, err
	}
	b.Size = int64(len(head)) + n
	hash.Sum(b.SHA256[:0])
	return b, nil
}

// place moves a finished file to its name, and makes the name last.
func (d *Dir) place(temp, key string) error {
	final := d.file(key)
	if err := d.makeShard(key); err != nil {
		return err
	}
	if err := os.Rename(temp, final); err != nil {
		return err
	}
	if err := syncDir(filepath.Dir(final)); err != nil {
		os.Remove(final)
		return err
	}
	return nil
}

// makeShard makes the sub-folder of a key, and returns only once the sub-folder is on the disk, whoever made it.
func (d *Dir) makeShard(key string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	dir := filepath.Dir(d.file(key))
	if d.made[dir] {
		return nil
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := syncDir(d.path); err != nil {
		return err
	}
	d.made[dir] = true
	return nil
}

// Open returns the plain content of a key. Its error wraps fs.ErrNotExist if there is no such file; reading ends in an error
// that wraps [letterlock/store/seal.ErrSealed] if the file was changed. The caller closes it.
func (d *Dir) Open(ctx context.Context, key string) (io.ReadCloser, error) {
	if !validKey(key) {
		return nil, fmt.Errorf("open blob: %q is not a key: %w", key, fs.ErrNotExist)
	}
	f, err := os.Open(d.file(key))
	if err != nil {
		return nil, fmt.Errorf("open blob: %w", err)
	}
	r, err := d.seal.OpenStream(f, []byte(key))
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("open blob %s: %w", key, err)
	}
	return &file{Reader: &ctxReader{ctx, r}, f: f}, nil
}

type file struct {
	io.Reader
	f *os.File
}

func (f *file) Close() error { return f.f.Close() }

// Remove deletes the file of a key. To remove what isn't there is no error.
func (d *Dir) Remove(_ context.Context, key string) error {
	if !validKey(key) {
		return nil
	}
	if err := os.Remove(d.file(key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove blob: %w", err)
	}
	return nil
}

// sweepBatch is how many keys one question to Sweep's used holds.
const sweepBatch = 500

// Sweep removes the files that were staged before a moment, and that used doesn't name among the keys it was asked about. Choose a
// moment so long ago (a day) that nobody can still be about to commit them. It returns how many it removed.
func (d *Dir) Sweep(ctx context.Context, before time.Time, used func(ctx context.Context, keys []string) (map[string]bool, error)) (int, error) {
	removed := 0
	dirs, err := os.ReadDir(d.path)
	if err != nil {
		return 0, fmt.Errorf("sweep blobs: %w", err)
	}
	for _, dir := range dirs {
		isStaging := dir.Name() == staging
		if !dir.IsDir() || !isStaging && len(dir.Name()) != 2 {
			continue
		}
		old, err := oldKeys(filepath.Join(d.path, dir.Name()), before)
		if err != nil {
			return removed, fmt.Errorf("sweep blobs: %w", err)
		}
		for len(old) > 0 {
			batch := old[:min(len(old), sweepBatch)]
			old = old[len(batch):]
			var keep map[string]bool
			if !isStaging {
				if keep, err = used(ctx, batch); err != nil {
					return removed, fmt.Errorf("sweep blobs: %w", err)
				}
			}
			for _, key := range batch {
				if err := ctx.Err(); err != nil {
					return removed, fmt.Errorf("sweep blobs: %w", err)
				}
				if keep[key] {
					continue
				}
				if err := os.Remove(filepath.Join(d.path, dir.Name(), key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
					return removed, fmt.Errorf("sweep blobs: %w", err)
				}
				removed++
			}
		}
	}
	return removed, nil
}

func oldKeys(dir string, before time.Time) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if validKey(e.Name()) && info.Mode().IsRegular() && info.ModTime().Before(before) {
			keys = append(keys, e.Name())
		}
	}
	return keys, nil
}

func (d *Dir) file(key string) string { return filepath.Join(d.path, key[:2], key) }

// validKey keeps anything but our own names away from the file system.
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

// sourceReader remembers a reader's own error, to tell it from the disk's.
type sourceReader struct {
	r   io.Reader
	err error
}

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

func (c *ctxReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // a folder can't be synced there
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
