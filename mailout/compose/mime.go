package compose

import (
	"bytes"
	"errors"
	"fmt"
	"net/textproto"

	"github.com/jordan-wright/email"
)

// render writes the message: our header section, then the MIME structure that jordan-wright/email makes of the bodies and
// files.
//
// That package draws its boundaries at random. Here they become constant ones, so that composing the same mail again gives the
// same octets and a boundary tells nothing. They are safe whatever the content is: they begin with "=_", which quoted-printable
// and base64 never write (RFC 2045, section 6.7), and every part is in one of those two encodings.
func render(head *header, l letter) ([]byte, error) {
	e := email.NewEmail()
	// Neither is used, but the package would ask the machine for its name to make up a Message-ID, which would be slow.
	e.Headers.Set("Message-Id", "<unused>")
	e.Headers.Set("Date", "unused")
	e.Text, e.HTML = []byte(l.text), []byte(l.html)
	for _, f := range l.files {
		e.Attachments = append(e.Attachments, attach(f))
	}
	if l.logo != nil {
		e.Attachments = append(e.Attachments, attach(*l.logo))
	}
	raw, err := e.Bytes()
	if err != nil {
		return nil, err
	}

	theirs, body, ok := bytes.Cut(raw, []byte("\r\n\r\n"))
	kind, boundary := contentType(theirs)
	if !ok || boundary == "" {
		return nil, errors.New("the MIME structure is not as expected")
	}
	b := boundaries{boundary}
	out := bytes.NewBuffer(make([]byte, 0, head.b.Len()+len(body)+256))
	out.Write(head.b.Bytes())
	fmt.Fprintf(out, "Content-Type: %s;\r\n boundary=\"%s\"\r\n\r\n", kind, b.ours(0))
	b.rewrite(out, body)
	return out.Bytes(), nil
}

// attach gives a file to jordan-wright/email with every field set that the package would otherwise write raw.
func attach(f file) *email.Attachment {
	name := filename(f.Attachment)
	disposition := "attachment"
	if f.related {
		disposition = "inline"
	}
	h := textproto.MIMEHeader{}
	h.Set("Content-Disposition", disposition+parameter("filename", name))
	h.Set("Content-Transfer-Encoding", "base64")
	// A part that nothing refers to needs an id only because the package would write the file name for one.
	id := "file-" + f.ID.String() + "@letterlock.invalid"
	if f.ContentID != "" && validID(f.ContentID) {
		id = f.ContentID
	}
	h.Set("Content-Id", "<"+id+">")
	return &email.Attachment{
		Filename:    "unused",
		ContentType: mediaType(f.Attachment),
		Header:      h,
		Content:     f.content,
		HTMLRelated: f.related,
	}
}

// contentType finds the media type and the boundary in the package's header section.
func contentType(head []byte) (kind, boundary string) {
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		if v, ok := bytes.CutPrefix(line, []byte("Content-Type: ")); ok {
			kind = string(bytes.TrimSuffix(v, []byte(";")))
		}
		if v, ok := bytes.CutPrefix(line, boundaryPrefix); ok {
			boundary = string(v)
		}
	}
	return kind, boundary
}

var boundaryPrefix = []byte(" boundary=")

// boundaries are those that the package drew, in the order in which they appear.
type boundaries []string

func (b *boundaries) ours(i int) string { return fmt.Sprintf("=_letterlock_%d", i+1) }

func (b *boundaries) index(s []byte) int {
	for i, known := range *b {
		if string(s) == known {
			return i
		}
	}
	return -1
}

// rewrite copies the body with our boundaries in place of the package's, line by line. A line of content can't be taken for a
// boundary, since those were random; a parameter is looked for only between a boundary and the empty line after it, where no
// content stands.
func (b *boundaries) rewrite(out *bytes.Buffer, body []byte) {
	inHeader := false
	for len(body) > 0 {
		line := body
		if i := bytes.IndexByte(body, '\n'); i >= 0 {
			line = body[:i+1]
		}
		body = body[len(line):]
		bare := bytes.TrimRight(line, "\r\n")

		if rest, ok := bytes.CutPrefix(bare, []byte("--")); ok {
			name, last := bytes.CutSuffix(rest, []byte("--"))
			if i := b.index(name); i >= 0 {
				out.WriteString("--" + b.ours(i))
				if last {
					out.WriteString("--")
				}
				out.WriteString("\r\n")
				inHeader = !last
				continue
			}
		}
		switch {
		case inHeader && len(bare) == 0:
			inHeader = false
		case inHeader:
			if v, ok := bytes.CutPrefix(bare, boundaryPrefix); ok {
				*b = append(*b, string(v))
				fmt.Fprintf(out, " boundary=\"%s\"\r\n", b.ours(len(*b)-1))
				continue
			}
		}
		out.Write(line)
	}
}
