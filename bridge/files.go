package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// StageFile stores a file before the message that it belongs to. It reads r to its end, but not past the limit: ErrTooLarge.
// A file that no message takes up within a day is swept away. So that nobody fills the disk with such files, one person or program has at
// most ten messages' worth of them in a day: ErrTooLarge too. A *FileError says that the file is not wanted or harmful; ErrUnavailable, that it has
// to be searched for harmful content and can't be now.
func (g *Gateway) StageFile(ctx context.Context, a Actor, name, kind string, r io.Reader) (Attachment, error) {
	u := &upload{r: r, name: fileName(name), limit: g.files.maxFile, all: &g.uploads, spare: stagedMessages * g.maxFiles}
	now := g.now()
	err := g.store.View(ctx, func(tx Tx) error {
		p, err := g.resolve(ctx, tx, a)
		if err != nil {
			return err
		}
		u.owner = p.id()
		staged, err := tx.Staged(ctx, u.owner, now.Add(-stagedLife))
		u.spare = stagedMessages*g.maxFiles - staged
		return err
	})
	if err == nil && u.spare <= 0 {
		err = errTooMuchStaged
	}
	if err != nil {
		return Attachment{}, fmt.Errorf("stage file: %w", err)
	}
	defer u.done()
	blob, err := g.store.StageBlob(ctx, u)
	var refusal *FileError
	if err == nil {
		if err = g.inspectFile(ctx, u.name, blob); errors.As(err, &refusal) {
			g.noteFile(ctx, a, refusal)
		}
	}
	if err == nil && blob.Key != "" && !u.owner.IsZero() {
		err = g.store.Update(ctx, func(tx Tx) error { return tx.AddStaged(ctx, u.owner, blob, now) })
	}
	if err != nil {
		return Attachment{}, fmt.Errorf("stage file: %w", err)
	}
	return Attachment{Filename: u.name, ContentType: contentType(kind), Blob: blob}, nil
}

// OpenAttachment returns a file and its content, of which any range can be read, to whoever may read the message that it belongs to.
func (g *Gateway) OpenAttachment(ctx context.Context, a Actor, id ID) (Attachment, io.ReadSeekCloser, error) {
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
