package bridge

import (
	"context"
	"fmt"
	"io"
)

// StageFile stores a file before the message that it belongs to. It reads r to its end, but not past the limit: ErrTooLarge.
// A file that no message takes up within a day is swept away.
func (g *Gateway) StageFile(ctx context.Context, a Actor, name, kind string, r io.Reader) (Attachment, error) {
	err := g.store.View(ctx, func(tx Tx) error {
		_, err := g.resolve(ctx, tx, a)
		return err
	})
	if err != nil {
		return Attachment{}, fmt.Errorf("stage file: %w", err)
	}
	name = fileName(name)
	blob, err := g.store.StageBlob(ctx, &boundedReader{r: r, left: g.maxFiles, name: name, limit: g.maxFiles})
	if err != nil {
		return Attachment{}, fmt.Errorf("stage file: %w", err)
	}
	return Attachment{Filename: name, ContentType: contentType(kind), Blob: blob}, nil
}

// OpenAttachment returns a file and its content, to whoever may read the message that it belongs to.
func (g *Gateway) OpenAttachment(ctx context.Context, a Actor, id ID) (Attachment, io.ReadCloser, error) {
	var file Attachment
	var p principal
	err := g.store.View(ctx, func(tx Tx) (err error) {
		if p, err = g.resolve(ctx, tx, a); err != nil {
			return err
		}
		if file, err = tx.Attachment(ctx, id); err != nil {
			return err
		}
		if file.Note && !p.isStaff() {
			return ErrNotFound
		}
		return p.mayRead(ctx, tx, file.Thread)
	})
	if err == nil {
		err = g.noteLook(ctx, p, AuditEntry{Action: "file.download", Thread: file.Thread, Detail: "file " + id.String()}, id)
	}
	if err != nil {
		return Attachment{}, nil, fmt.Errorf("open attachment: %w", err)
	}
	content, err := g.store.OpenBlob(ctx, file.Blob)
	if err != nil {
		return Attachment{}, nil, fmt.Errorf("open attachment: %w", err)
	}
	return file, content, nil
}

// OpenBlob returns the content of an attachment that Prepare named.
func (g *Gateway) OpenBlob(ctx context.Context, b Blob) (io.ReadCloser, error) {
	return g.store.OpenBlob(ctx, b)
}

// boundedReader fails once more than left octets were read, where io.LimitedReader would end in silence.
type boundedReader struct {
	r           io.Reader
	left, limit int64
	name        string
}

func (b *boundedReader) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.r.Read(p)
	b.left -= int64(n)
	if b.left < 0 {
		return 0, fmt.Errorf("%s is larger than %d MB: %w", b.name, b.limit>>20, ErrTooLarge)
	}
	return n, err
}
