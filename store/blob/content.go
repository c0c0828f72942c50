package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"letterlock/store/seal"
)

// Content is the plain content of a file: any range of it can be read, at the cost of the chunks that it touches. It is for one
// goroutine at a time; the caller closes it. Reading ends in an error that wraps [letterlock/store/seal.ErrSealed] where the file was changed.
type Content struct {
	ctx    context.Context
	volume Volume
	chunks *seal.Chunks
	size   int64
	pos    int64

	buf    *[seal.ChunkSize + seal.ChunkOverhead]byte
	plain  []byte        // the chunk in buf, opened
	index  int64         // of the chunk in plain; -1 for none
	stream io.ReadCloser // stands at the chunk next
	next   int64
}

var chunkBuffers = sync.Pool{New: func() any { return new([seal.ChunkSize + seal.ChunkOverhead]byte) }}

// Open returns the content of a Blob that Stage returned with a Key; its Secret and Size are needed too. Its error wraps fs.ErrNotExist
// if there is no such file, seal.ErrSealed if the file has not the length it must have, and ErrShelf otherwise.
func (k *Keeper) Open(ctx context.Context, b Blob) (*Content, error) {
	v, err := k.volume(ctx, b.Key)
	if err != nil {
		return nil, err
	}
	if v.Size() != seal.ChunkedSize(b.Size) {
		return nil, errors.Join(fmt.Errorf("open blob %s: its file has %d octets, not %d: %w", b.Key, v.Size(), seal.ChunkedSize(b.Size), seal.ErrSealed), v.Close())
	}
	return &Content{
		ctx: ctx, volume: v, chunks: b.Secret.Chunks(b.Key), size: b.Size, index: -1,
		buf: chunkBuffers.Get().(*[seal.ChunkSize + seal.ChunkOverhead]byte),
	}, nil
}

func (k *Keeper) volume(ctx context.Context, key string) (Volume, error) {
	if !validKey(key) {
		return nil, fmt.Errorf("open blob: %q is not a key: %w", key, fs.ErrNotExist)
	}
	v, err := k.shelf.Open(ctx, key)
	switch {
	case err == nil:
		return v, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("open blob %s: %w", key, err)
	case ctx.Err() != nil:
		return nil, fmt.Errorf("open blob %s: %w", key, ctx.Err())
	}
	return nil, fmt.Errorf("open blob %s: %w: %w", key, ErrShelf, err)
}

// Read implements io.Reader.
func (c *Content) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	if c.buf == nil {
		return 0, fs.ErrClosed
	}
	if c.pos >= c.size {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	if index := c.pos / seal.ChunkSize; index != c.index {
		if err := c.load(index); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.plain[c.pos%seal.ChunkSize:])
	c.pos += int64(n)
	return n, nil
}

// load opens a chunk.
func (c *Content) load(index int64) error {
	c.index = -1
	if c.stream == nil || c.next != index {
		if err := c.closeStream(); err != nil {
			return fmt.Errorf("read blob: %w: %w", ErrShelf, err)
		}
		s, err := c.volume.From(c.ctx, index*(seal.ChunkSize+seal.ChunkOverhead))
		if err != nil {
			return fmt.Errorf("read blob: %w: %w", ErrShelf, err)
		}
		c.stream, c.next = s, index
	}
	rest := c.size - index*seal.ChunkSize
	sealed := c.buf[:min(rest, seal.ChunkSize)+seal.ChunkOverhead]
	_, err := io.ReadFull(c.stream, sealed)
	c.next++
	switch {
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		err = fmt.Errorf("it is cut off: %w", seal.ErrSealed)
	case err != nil:
		err = fmt.Errorf("%w: %w", ErrShelf, err)
	default:
		c.plain, err = c.chunks.Open(sealed[:0], sealed, uint64(index), rest <= seal.ChunkSize)
	}
	if err != nil {
		c.next = -1
		return fmt.Errorf("read blob: %w", err)
	}
	c.index = index
	return nil
}

// Seek implements io.Seeker. It costs nothing until the next Read.
func (c *Content) Seek(offset int64, whence int) (int64, error) {
	return seek(&c.pos, c.size, offset, whence)
}

// seek moves a position in something of a size.
func seek(pos *int64, size, offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += *pos
	case io.SeekEnd:
		offset += size
	default:
		return 0, errors.New("seek: no such whence")
	}
	if offset < 0 {
		return 0, errors.New("seek: before the beginning")
	}
	*pos = offset
	return offset, nil
}

func (c *Content) closeStream() error {
	if c.stream == nil {
		return nil
	}
	err := c.stream.Close()
	c.stream = nil
	return err
}

// Close implements io.Closer. Closing twice does nothing more.
func (c *Content) Close() error {
	if c.buf == nil {
		return nil
	}
	clear(c.buf[:]) // plain content doesn't stay in memory longer than it must
	chunkBuffers.Put(c.buf)
	c.buf, c.plain, c.index = nil, nil, -1
	return errors.Join(c.closeStream(), c.volume.Close())
}
