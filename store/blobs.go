package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"strings"
	"time"

	"letterlock/bridge"
	"letterlock/store/seal"
)

// Small content lives in the database. Whoever read the record it belongs to opens it by a key that names that row; the keys
// of files have no slash.
const (
	inAttachment = "attachment/"
	inReceived   = "received/"
)

// StageBlob implements bridge.Blobs.
func (d *DB) StageBlob(ctx context.Context, r io.Reader) (bridge.Blob, error) {
	b, err := d.blobs.Stage(ctx, r)
	return bridge.Blob{Key: b.Key, Size: b.Size, SHA256: b.SHA256, Inline: b.Inline}, err
}

// OpenBlob implements bridge.Blobs. Reading ends in an error that wraps seal.ErrSealed if the content is not what was stored.
func (d *DB) OpenBlob(ctx context.Context, b bridge.Blob) (io.ReadCloser, error) {
	if b.Key == "" {
		return io.NopCloser(bytes.NewReader(b.Inline)), nil
	}
	if strings.Contains(b.Key, "/") {
		plain, err := d.inlineContent(ctx, b.Key)
		if err != nil {
			return nil, fmt.Errorf("open blob: %w", err)
		}
		return io.NopCloser(bytes.NewReader(plain)), nil
	}
	r, err := d.blobs.Open(ctx, b.Key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", err, bridge.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	return &checkedReader{ReadCloser: r, hash: sha256.New(), want: b.SHA256}, nil
}

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

// checkedReader compares the content of a file with the sealed check sum of the row that names it: a file opens under its own
// key, and this binds the key to the row.
type checkedReader struct {
	io.ReadCloser
	hash hash.Hash
	want [sha256.Size]byte
}

func (c *checkedReader) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.hash.Write(p[:n])
	if err == io.EOF && [sha256.Size]byte(c.hash.Sum(nil)) != c.want {
		return n, fmt.Errorf("open blob: it is not the content that was stored: %w", seal.ErrSealed)
	}
	return n, err
}

// orphanAge is how long staged content waits for the transaction that refers to it.
const orphanAge = 24 * time.Hour

// Sweep removes what nothing needs any more: content that was staged a day ago and never referred to, and sessions that have
// expired. Call it now and then.
func (d *DB) Sweep(ctx context.Context, now time.Time) error {
	err := d.update(ctx, func(t *tx) error {
		_, err := t.exec(ctx, "delete from session where expires_at < ?", micros(now))
		return err
	})
	if err != nil {
		return fmt.Errorf("sweep sessions: %w", err)
	}
	_, err = d.blobs.Sweep(ctx, now.Add(-orphanAge), d.usedBlobs)
	return err
}

func (d *DB) usedBlobs(ctx context.Context, keys []string) (map[string]bool, error) {
	used := make(map[string]bool, len(keys))
	err := d.view(ctx, func(t *tx) error {
		for _, key := range keys {
			var n int
			err := t.one(ctx, `select count(*) from (select 1 from attachment where blob_key = ?
				union all select 1 from received_raw where blob_key = ?) u`, []any{key, key}, &n)
			if err != nil {
				return err
			}
			used[key] = n > 0
		}
		return nil
	})
	return used, err
}
