package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
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

type sealedFile struct {
	io.ReadCloser
	volume Volume
}

// Close implements io.Closer.
func (f *sealedFile) Close() error { return errors.Join(f.ReadCloser.Close(), f.volume.Close()) }
