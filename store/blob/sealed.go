package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// OpenSealed returns the file of a key as it is, sealed, and its length in octets: for a backup. Its error wraps fs.ErrNotExist if there is
// no such file. The caller closes it.
func (k *Keeper) OpenSealed(ctx context.Context, key string) (io.ReadCloser, int64, error) {
	v, err := k.volume(ctx, key)
	if err != nil {
		return nil, 0, err
	}
	r, err := v.From(ctx, 0)
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("open blob %s: %w: %w", key, ErrShelf, err), v.Close())
	}
	return &sealedFile{r, v}, v.Size(), nil
}

// PlaceSealed keeps a file that OpenSealed has returned, of size octets, under its key again. When it returns nil, the file lasts.
func (k *Keeper) PlaceSealed(ctx context.Context, key string, r io.Reader, size int64) (err error) {
	if !validKey(key) {
		return fmt.Errorf("place blob: %.100q is not a key", key)
	}
	f, err := os.OpenFile(filepath.Join(k.staging, key), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("place blob: %w", err)
	}
	defer func() {
		err = errors.Join(err, f.Close())
		// A Dir has moved it away.
		if gone := os.Remove(f.Name()); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}()
	n, err := io.Copy(f, &ctxReader{ctx, r})
	if err != nil {
		return fmt.Errorf("place blob %s: %w", key, err)
	}
	if n != size {
		return fmt.Errorf("place blob %s: it has %d octets, not %d", key, n, size)
	}
	if err := k.shelf.Put(ctx, key, f, size); err != nil {
		return fmt.Errorf("place blob %s: %w: %w", key, ErrShelf, err)
	}
	return nil
}

// Old hands fn the keys of files that were put before a moment, at most 500 at once. fn's error ends it.
func (k *Keeper) Old(ctx context.Context, before time.Time, fn func(keys []string) error) error {
	return k.shelf.Old(ctx, before, fn)
}

type sealedFile struct {
	io.ReadCloser
	volume Volume
}

// Close implements io.Closer.
func (f *sealedFile) Close() error { return errors.Join(f.ReadCloser.Close(), f.volume.Close()) }
