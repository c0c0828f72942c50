package compose

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"letterlock/bridge"
)

// file is an attachment that travels with a copy.
type file struct {
	bridge.Attachment
	related bool // the HTML shows it
	content []byte
}

// maxFilename bounds a file name's octets. It is what file systems take.
const maxFilename = 255

// openFiles reads the files that fit within max octets together, in their order, and returns the others as left.
func (c *Composer) openFiles(ctx context.Context, all []bridge.Attachment, shown []string, limit int64) (files []file, left []bridge.Attachment, err error) {
	for _, a := range all {
		if a.Blob.Size < 0 || a.Blob.Size > limit {
			left = append(left, a)
			continue
		}
		limit -= a.Blob.Size
		content, err := c.read(ctx, a)
		if err != nil {
			return nil, nil, fmt.Errorf("attachment %s: %w", a.ID, err)
		}
		related := a.ContentID != "" && slices.Contains(shown, a.ContentID) && validID(a.ContentID)
		files = append(files, file{Attachment: a, related: related, content: content})
	}
	return files, left, nil
}

// read returns the content, which has exactly the size that its record says.
func (c *Composer) read(ctx context.Context, a bridge.Attachment) (content []byte, err error) {
	r, err := c.files.OpenBlob(ctx, a.Blob)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	defer func() {
		if cerr := r.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("read: %w", cerr)
		}
	}()
	content = make([]byte, a.Blob.Size)
	if _, err := io.ReadFull(r, content); err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	switch n, err := r.Read(make([]byte, 1)); {
	case n > 0:
		return nil, fmt.Errorf("it is longer than its record says: %w", io.ErrShortBuffer)
	case err != nil && err != io.EOF:
		return nil, fmt.Errorf("read: %w", err)
	}
	return content, nil
}

// filename is the name to write and to show: on one line, without a path.
func filename(a bridge.Attachment) string {
	name := clean(a.Filename, '_')
	name = strings.Map(func(r rune) rune {
		if r == '/' || r == '\\' {
			return '_'
		}
		return r
	}, name)
	// Some programs decode RFC 2047 even here, where it has no place: a name must not turn into another.
	name = strings.ReplaceAll(name, "=?", "=_")
	if strings.Trim(name, " .") == "" {
		return "file"
	}
	if len(name) > maxFilename {
		name = strings.ToValidUTF8(name[:maxFilename], "")
	}
	return name
}

// mediaType is the attachment's type if it is one that can be written in base64, and application/octet-stream otherwise: RFC
// 2046 wants multipart and message parts in clear (sections 5.1 and 5.2).
func mediaType(a bridge.Attachment) string {
	const unknown = "application/octet-stream"
	kind, sub, ok := strings.Cut(strings.ToLower(a.ContentType), "/")
	if !ok || !isToken(kind) || !isToken(sub) || kind == "multipart" || kind == "message" {
		return unknown
	}
	return kind + "/" + sub
}

// isToken reports whether s is a token as RFC 2045, section 5.1, has it.
func isToken(s string) bool {
	if s == "" || len(s) > 80 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>@,;:\"/[]?=`, c) >= 0 {
			return false
		}
	}
	return true
}
