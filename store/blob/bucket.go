package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"letterlock/store/blob/s3"
)

// Bucket is a shelf in an S3-compatible store. An object's key is the prefix and what the file would be called in a Dir, so that a Dir
// can be copied into a Bucket and back.
type Bucket struct {
	client *s3.Client
	prefix string
}

var _ Shelf = (*Bucket)(nil)

// NewBucket returns the shelf below a prefix of a bucket, such as "letterlock/"; the prefix may be empty. It asks the store nothing.
func NewBucket(c *s3.Client, prefix string) *Bucket { return &Bucket{client: c, prefix: prefix} }

// Check finds out whether the store takes our requests. Its error wraps s3.ErrRefused if it never will.
func (b *Bucket) Check(ctx context.Context) error { return b.client.Check(ctx, b.prefix) }

// Put implements Shelf.
func (b *Bucket) Put(ctx context.Context, name string, f *os.File, size int64) error {
	return b.client.Put(ctx, b.key(name), f, size)
}

// Open implements Shelf.
func (b *Bucket) Open(ctx context.Context, name string) (Volume, error) {
	size, err := b.client.Size(ctx, b.key(name))
	if err != nil {
		return nil, err
	}
	return &object{b.client, b.key(name), size}, nil
}

// Remove implements Shelf.
func (b *Bucket) Remove(ctx context.Context, name string) error {
	return b.client.Delete(ctx, b.key(name))
}

// Old implements Shelf. Other objects below the prefix are left alone.
func (b *Bucket) Old(ctx context.Context, before time.Time, fn func(names []string) error) error {
	return b.client.List(ctx, b.prefix, func(page []s3.Object) error {
		var old []string
		for _, o := range page {
			name := o.Key[strings.LastIndexByte(o.Key, '/')+1:]
			if validKey(name) && o.Key == b.key(name) && o.Modified.Before(before) {
				old = append(old, name)
			}
		}
		return inBatches(old, fn)
	})
}

func (b *Bucket) key(name string) string { return b.prefix + name[:2] + "/" + name }

// object is a Volume.
type object struct {
	client *s3.Client
	key    string
	size   int64
}

// Size implements Volume.
func (o *object) Size() int64 { return o.size }

// From implements Volume.
func (o *object) From(ctx context.Context, offset int64) (io.ReadCloser, error) {
	r := &resumed{ctx: ctx, object: o, at: offset}
	if offset >= o.size {
		return r, nil
	}
	return r, r.open()
}

// Close implements Volume.
func (o *object) Close() error { return nil }

// resumed reads an object over as many connections as it takes: objects never change.
type resumed struct {
	ctx    context.Context
	object *object
	at     int64
	body   io.ReadCloser
	breaks int // since the last octet that came
}

const maxBreaks = 3

func (r *resumed) open() (err error) {
	r.body, err = r.object.client.Get(r.ctx, r.object.key, r.at)
	return err
}

// Read implements io.Reader.
func (r *resumed) Read(p []byte) (int, error) {
	for r.at < r.object.size {
		if r.body == nil {
			if err := r.open(); err != nil {
				return 0, err
			}
		}
		n, err := r.body.Read(p)
		r.at += int64(n)
		if n > 0 {
			r.breaks = 0
			return n, nil // what comes after it is met again at the next call
		}
		if err == nil {
			return 0, nil
		}
		r.breaks++
		closing := r.close()
		if r.breaks == maxBreaks || r.ctx.Err() != nil || errors.Is(err, fs.ErrClosed) {
			return 0, errors.Join(fmt.Errorf("the store broke off at octet %d: %w", r.at, brokenOff(err)), closing)
		}
	}
	return 0, io.EOF
}

// brokenOff keeps an end that came too early from passing for the end.
func brokenOff(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (r *resumed) close() error {
	if r.body == nil {
		return nil
	}
	err := r.body.Close()
	r.body = nil
	return err
}

// Close implements io.Closer.
func (r *resumed) Close() error { return r.close() }
