package archive

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"strings"
	"time"

	"letterlock/bridge"
)

// Mbox writes conversations as mails, one for each message.
type Mbox struct {
	w            io.Writer
	open         Open
	domain       string // for the Message-IDs, and the address of authors who have none
	organization string
}

// NewMbox begins an mbox.
func NewMbox(w io.Writer, domain, organization string, open Open) *Mbox {
	return &Mbox{w: w, open: open, domain: domain, organization: organization}
}

// Add adds a conversation.
func (b *Mbox) Add(ctx context.Context, e bridge.ExportedThread) error {
	first := ""
	for _, m := range e.Messages {
		id := m.MailID
		if id == "" || strings.ContainsAny(id, "\r\n<> ") {
			id = m.ID.String() + "@" + b.domain
		}
		if err := b.message(ctx, e, m, id, first); err != nil {
			return fmt.Errorf("message %s: %w", m.ID, err)
		}
		if first == "" {
			first = id
		}
	}
	return nil
}

func (b *Mbox) message(ctx context.Context, e bridge.ExportedThread, m bridge.Message, id, first string) error {
	from := mail.Address{Name: m.AuthorName, Address: "nobody@" + b.domain}
	if p, ok := e.People[m.Author]; ok {
		from.Address = p.Address
	}
	if from.Name == "" {
		from.Name = b.organization
	}
	var to []string
	for _, p := range e.Participants {
		if p.Person != m.Author {
			person := e.People[p.Person]
			to = append(to, (&mail.Address{Name: person.Name, Address: person.Address}).String())
		}
	}
	var h bytes.Buffer
	// RFC 4155, appendix A: the address and a time as asctime writes it.
	fmt.Fprintf(&h, "From nobody@%s %s\n", b.domain, m.At.UTC().Format(time.ANSIC))
	field := func(name, value string) { fmt.Fprintf(&h, "%s: %s\n", name, value) }
	field("From", from.String())
	if len(to) > 0 {
		field("To", strings.Join(to, ",\n "))
	}
	field("Subject", strings.ReplaceAll(mime.QEncoding.Encode("utf-8", e.Thread.Subject), "?= =?", "?=\n =?"))
	field("Date", m.At.UTC().Format(time.RFC1123Z))
	field("Message-ID", "<"+id+">")
	if first != "" {
		field("In-Reply-To", "<"+first+">")
		field("References", "<"+first+">")
	}
	if m.Kind == bridge.Note {
		field("X-Letterlock-Note", "internal")
	}
	field("MIME-Version", "1.0")
	if _, err := b.w.Write(h.Bytes()); err != nil {
		return err
	}
	body := &fromQuoter{w: b.w, start: true}
	parts := multipart.NewWriter(body)
	if _, err := fmt.Fprintf(b.w, "Content-Type: multipart/mixed; boundary=%q\n\n", parts.Boundary()); err != nil {
		return err
	}
	text := m.Text
	for _, more := range []string{m.Signature, m.Quoted} {
		if more != "" {
			text += "\n\n" + more
		}
	}
	if err := textPart(parts, "text/plain", text); err != nil {
		return err
	}
	if m.HTML != "" {
		if err := textPart(parts, "text/html", m.HTML); err != nil {
			return err
		}
	}
	for _, a := range m.Attachments {
		if err := b.filePart(ctx, parts, a); err != nil {
			return err
		}
	}
	if err := parts.Close(); err != nil {
		return err
	}
	_, err := io.WriteString(body, "\n")
	return err
}

func textPart(parts *multipart.Writer, kind, text string) error {
	w, err := parts.CreatePart(textproto.MIMEHeader{
		"Content-Type": {kind + "; charset=utf-8"}, "Content-Transfer-Encoding": {"quoted-printable"},
	})
	if err != nil {
		return err
	}
	q := quotedprintable.NewWriter(w)
	if _, err := io.WriteString(q, text); err != nil {
		return err
	}
	return q.Close()
}

func (b *Mbox) filePart(ctx context.Context, parts *multipart.Writer, a bridge.Attachment) error {
	kind := a.ContentType
	if _, _, err := mime.ParseMediaType(kind); err != nil || strings.HasPrefix(kind, "multipart/") || strings.HasPrefix(kind, "message/") {
		kind = "application/octet-stream" // which alone may be in base64 with any content
	}
	disposition := mime.FormatMediaType("attachment", map[string]string{"filename": safeName(a.Filename)})
	if disposition == "" {
		disposition = "attachment"
	}
	w, err := parts.CreatePart(textproto.MIMEHeader{
		"Content-Type": {kind}, "Content-Transfer-Encoding": {"base64"}, "Content-Disposition": {disposition},
	})
	if err != nil {
		return err
	}
	r, err := b.open(ctx, a.Blob)
	if err != nil {
		return err
	}
	defer r.Close()
	lines := &lineBreaker{w: w}
	e := base64.NewEncoder(base64.StdEncoding, lines)
	if _, err := io.Copy(e, r); err != nil {
		return err
	}
	return e.Close()
}

// lineBreaker ends a line after 76 octets (RFC 2045, section 6.8).
type lineBreaker struct {
	w   io.Writer
	col int
}

// Write implements io.Writer.
func (l *lineBreaker) Write(p []byte) (int, error) {
	for n := 0; n < len(p); {
		if l.col == 76 {
			if _, err := io.WriteString(l.w, "\r\n"); err != nil {
				return n, err
			}
			l.col = 0
		}
		m := min(76-l.col, len(p)-n)
		if _, err := l.w.Write(p[n : n+m]); err != nil {
			return n, err
		}
		l.col += m
		n += m
	}
	return len(p), nil
}

// fromQuoter ends lines with LF, as an mbox does, and puts a > before each that begins with "From " after any number of >, so that nothing in a
// mail looks like the beginning of the next.
type fromQuoter struct {
	w     io.Writer
	start bool   // at the beginning of a line
	held  []byte // the beginning of a line that may be one
}

// Write implements io.Writer.
func (f *fromQuoter) Write(p []byte) (int, error) {
	out := make([]byte, 0, len(p)+16)
	for _, c := range p {
		if c == '\r' {
			continue
		}
		if !f.start {
			out = append(out, c)
			f.start = c == '\n'
			continue
		}
		f.held = append(f.held, c)
		rest := bytes.TrimLeft(f.held, ">")
		switch {
		case string(rest) == "From ":
			out = append(append(out, '>'), f.held...)
		case strings.HasPrefix("From ", string(rest)) && len(f.held) < 200:
			continue // it may still become one
		default:
			out = append(out, f.held...)
		}
		f.held, f.start = f.held[:0], c == '\n'
	}
	if _, err := f.w.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}
