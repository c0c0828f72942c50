package blob

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"letterlock/store/seal"
)

// OpenOld returns the content of a file of the first format, which has size octets and a check sum. That format is read from the beginning
// only: a range costs all that is before it, and the first range costs reading the whole file once, to compare its sum.
func (k *Keeper) OpenOld(ctx context.Context, key string, size int64, sum [sha256.Size]byte) (io.ReadSeekCloser, error) {
	v, err := k.volume(ctx, key)
	if err != nil {
		return nil, err
	}
	return &oldContent{ctx: ctx, keys: k.old, volume: v, name: []byte(key), size: size, sum: sum}, nil
}

type oldContent struct {
	ctx    context.Context
	keys   Opener
	volume Volume
	name   []byte
	size   int64
	sum    [sha256.Size]byte
	pos    int64

	whole  bool // it was read once as a whole, and the sum was right
	stream io.ReadCloser
	plain  io.Reader // of stream; stands at the position at
	at     int64
}

// Read implements io.Reader.
func (c *oldContent) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	if c.plain == nil || c.at != c.pos {
		if err := c.move(); err != nil {
			return 0, err
		}
	}
	n, err := c.plain.Read(p)
	c.pos += int64(n)
	c.at = c.pos
	return n, err
}

// move brings the stream to the position. What is not read from beginning to end is checked as a whole first.
func (c *oldContent) move() error {
	if c.pos > 0 && !c.whole {
		if err := c.restart(); err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, &ctxReader{c.ctx, c.plain}); err != nil {
			return err
		}
		c.whole = true
	}
	if err := c.restart(); err != nil {
		return err
	}
	n, err := io.CopyN(io.Discard, &ctxReader{c.ctx, c.plain}, min(c.pos, c.size))
	if err == nil {
		c.at = c.pos
	} else {
		c.at = n
	}
	return err
}

func (c *oldContent) restart() error {
	if c.stream != nil {
		if err := c.stream.Close(); err != nil {
			return fmt.Errorf("read blob: %w: %w", ErrShelf, err)
		}
		c.stream = nil
	}
	s, err := c.volume.From(c.ctx, 0)
	if err != nil {
		return fmt.Errorf("read blob: %w: %w", ErrShelf, err)
	}
	c.stream, c.at = s, 0
	r, err := c.keys.OpenStream(s, c.name)
	if err != nil {
		return fmt.Errorf("read blob: %w", err)
	}
	c.plain = &summedReader{r: r, hash: sha256.New(), want: c.sum}
	return nil
}

// Seek implements io.Seeker.
func (c *oldContent) Seek(offset int64, whence int) (int64, error) {
	return seek(&c.pos, c.size, offset, whence)
}

// Close implements io.Closer.
func (c *oldContent) Close() error {
	var err error
	if c.stream != nil {
		err = c.stream.Close()
	}
	c.stream, c.plain = nil, nil
	return errors.Join(err, c.volume.Close())
}

// summedReader compares content with its check sum at the end: a file opens under its own name, and the sum, which is sealed in a
// row, binds it to that row.
type summedReader struct {
	r    io.Reader
	hash hash.Hash
	want [sha256.Size]byte
}

// Read implements io.Reader.
func (s *summedReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.hash.Write(p[:n])
	switch {
	case err == nil || errors.Is(err, seal.ErrSealed):
		return n, err
	case err != io.EOF:
		return n, fmt.Errorf("read blob: %w: %w", ErrShelf, err)
	case [sha256.Size]byte(s.hash.Sum(nil)) != s.want:
		return n, fmt.Errorf("read blob: it is not the content that was stored: %w", seal.ErrSealed)
	}
	return n, io.EOF
}
