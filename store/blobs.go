package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"time"

	"letterlock/bridge"
	"letterlock/store/blob"
	"letterlock/store/seal"
)

// Small content lives in the database. Whoever read the record it belongs to opens it by a key that names that row; the keys
// of files have no slash.
const (
	inAttachment = "attachment/"
	inReceived   = "received/"
)

// StageBlob implements bridge.Blobs. The same content becomes one file, however often it is staged. Somebody who stages what is there
// already can't tell: a file is written and made to last all the same, and what is too much is removed by the next sweep.
func (d *DB) StageBlob(ctx context.Context, r io.Reader) (bridge.Blob, error) {
	b, err := d.blobs.Stage(ctx, r)
	if errors.Is(err, blob.ErrShelf) {
		err = fmt.Errorf("%w (%w)", err, bridge.ErrUnavailable)
	}
	if err != nil {
		return bridge.Blob{}, err
	}
	out := bridge.Blob{Key: b.Key, Size: b.Size, SHA256: b.SHA256, Inline: b.Inline}
	if b.Key == "" {
		return out, nil
	}
	// If this fails it is not known whether the row was kept, so the file stays for the sweep to decide about.
	if out.Key, err = d.keepBlob(ctx, b); err != nil {
		return bridge.Blob{}, fmt.Errorf("stage a blob: %w", err)
	}
	if out.Key != b.Key {
		d.surplus.add(b.Key)
	}
	return out, nil
}

// keepBlob makes a file known that lasts already, and returns the key of the file that has its content: another one's, if that is known for it.
func (d *DB) keepBlob(ctx context.Context, b blob.Blob) (key string, err error) {
	written := time.Now().Round(0) // the clock on the wall, which goes on while a machine sleeps
	err = d.update(ctx, func(t *tx) error {
		now := time.Now()
		if now.Round(0).Sub(written) > orphanAge/2 {
			return fmt.Errorf("the file waited too long to become known: %w", bridge.ErrUnavailable)
		}
		hash := t.conn.keys.Lookup("blob.content", b.SHA256[:])
		secret := t.conn.keys.Seal(secretOf(b), "blob", "secret", []byte(b.Key))
		n, err := t.exec(ctx, `insert into blob (key, content_hash, size, used_at, idle, sealed_secret) values (?, ?, ?, ?, ?, ?)
			on conflict (content_hash) do nothing`, b.Key, hash, b.Size, micros(now), true, secret)
		if err != nil || n == 1 {
			key = b.Key
			return err
		}
		var size int64
		if err := t.one(ctx, "select key, size from blob where content_hash = ?", []any{hash}, &key, &size); err != nil {
			return err
		}
		have, err := t.blob(ctx, key)
		if err == nil && (have.SHA256 != b.SHA256 || have.Size != b.Size) {
			err = fmt.Errorf("the row of file %s is not that of its content: %w", key, seal.ErrSealed)
		}
		if err != nil {
			return err
		}
		_, err = t.exec(ctx, "update blob set used_at = ? where key = ?", micros(now), key)
		return err
	})
	return key, err
}

// secretVersion begins what is sealed in blob.sealed_secret, so that it can change one day.
const secretVersion = 1

// secretOf is what opens a file and binds it to its content: version, key, check sum, size.
func secretOf(b blob.Blob) []byte {
	out := append(make([]byte, 0, 1+seal.ChunkKeySize+sha256.Size+8), secretVersion)
	out = append(out, b.Secret[:]...)
	out = append(out, b.SHA256[:]...)
	return binary.BigEndian.AppendUint64(out, uint64(b.Size))
}

// blob reads what is known of a file. Its Secret is zero for a file of the first format.
func (t *tx) blob(ctx context.Context, key string) (blob.Blob, error) {
	b := blob.Blob{Key: key}
	var plain []byte
	err := t.one(ctx, "select size, sealed_secret from blob where key = ?", []any{key}, &b.Size, t.octets(&plain, "blob", "secret", []byte(key)))
	if err != nil || plain == nil {
		return b, err
	}
	if len(plain) != 1+seal.ChunkKeySize+sha256.Size+8 || plain[0] != secretVersion {
		return b, fmt.Errorf("read blob.secret: it is not of a version that this program knows: %w", seal.ErrSealed)
	}
	rest := plain[1:]
	rest = rest[copy(b.Secret[:], rest):]
	rest = rest[copy(b.SHA256[:], rest):]
	b.Size = int64(binary.BigEndian.Uint64(rest))
	return b, nil
}

// useBlob is for whoever writes a file's key into a row: it holds the file against a sweep, and fails if one was faster.
func (t *tx) useBlob(ctx context.Context, key string) error {
	n, err := t.exec(ctx, "update blob set used_at = ?, idle = ? where key = ?", micros(time.Now()), false, key)
	if err == nil && n == 0 {
		err = fmt.Errorf("file %s was staged too long ago: %w", key, bridge.ErrUnavailable)
	}
	return err
}

// OpenBlob implements bridge.Blobs. Its error wraps seal.ErrSealed if the content is not what was stored with the record; reading ends in one
// where the file was changed.
func (d *DB) OpenBlob(ctx context.Context, b bridge.Blob) (io.ReadSeekCloser, error) {
	if b.Key == "" {
		return inMemory{bytes.NewReader(b.Inline)}, nil
	}
	if strings.Contains(b.Key, "/") {
		plain, err := d.inlineContent(ctx, b.Key)
		if err != nil {
			return nil, fmt.Errorf("open blob: %w", err)
		}
		return inMemory{bytes.NewReader(plain)}, nil
	}
	var file blob.Blob
	err := d.view(ctx, func(t *tx) (err error) {
		file, err = t.blob(ctx, b.Key)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open blob %s: %w", b.Key, err)
	}
	var r io.ReadSeekCloser
	switch {
	case file.Secret == seal.ChunkKey{}:
		r, err = d.blobs.OpenOld(ctx, b.Key, b.Size, b.SHA256)
	case file.SHA256 != b.SHA256 || file.Size != b.Size:
		// A file opens under its own key; this binds the key to the row that names it.
		return nil, fmt.Errorf("open blob %s: it is not the content that was stored: %w", b.Key, seal.ErrSealed)
	default:
		r, err = openContent(ctx, d.blobs, file)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: %w", err, bridge.ErrNotFound)
	case errors.Is(err, blob.ErrShelf):
		return nil, fmt.Errorf("%w (%w)", err, bridge.ErrUnavailable)
	case err != nil:
		return nil, err
	}
	return r, nil
}

func openContent(ctx context.Context, k *blob.Keeper, b blob.Blob) (io.ReadSeekCloser, error) {
	c, err := k.Open(ctx, b)
	if err != nil {
		return nil, err // and not a *Content that is nil
	}
	return c, nil
}

// inMemory is content that is small.
type inMemory struct{ *bytes.Reader }

// Close implements io.Closer.
func (inMemory) Close() error { return nil }

func (d *DB) inlineContent(ctx context.Context, key string) (plain []byte, err error) {
	kind, name, _ := strings.Cut(key, "/")
	id, err := bridge.ParseID(name)
	if err != nil {
		return nil, err
	}
	err = d.view(ctx, func(t *tx) error {
		switch kind + "/" {
		case inAttachment:
			return t.one(ctx, "select sealed_content from attachment_content where attachment = ?", []any{id},
				t.octets(&plain, "attachment_content", "content", id[:]))
		case inReceived:
			return t.one(ctx, "select sealed_content from received_raw where received = ?", []any{id},
				t.octets(&plain, "received_raw", "content", id[:]))
		}
		return bridge.ErrNotFound
	})
	return plain, err
}

// surplus is the files that were written for content that was there already. Nobody was given their names.
type surplus struct {
	mu   sync.Mutex
	keys []string
}

// maxSurplus bounds what is remembered; the rest is found by its age.
const maxSurplus = 10_000

func (s *surplus) add(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.keys) < maxSurplus {
		s.keys = append(s.keys, key)
	}
}

func (s *surplus) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	keys := s.keys
	s.keys = nil
	return keys
}
