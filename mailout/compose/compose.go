// Package compose makes the mail that leaves: from a [bridge.Outgoing] to the octets of one message (RFC 5322, MIME as of
// RFC 2045 and RFC 2046), with its envelope.
//
// There are two forms. A notice is content-free: it says that something waits and where, in the same words every time, so
// that neither text nor size tells one message from another; two of them differ in link, Message-ID and date alone. A copy
// carries the message itself. Which form a mail takes was decided before it comes here; for a notice the content is not looked at.
//
// The MIME structure is written by jordan-wright/email. The header section is written here, since most of that package's
// traps lie there: its fields come in map order, a comma splits a display name, a line end in an address starts a new
// field, and nothing is folded. Every value is made safe before it is written, text is encoded as RFC 2047 and file names as
// RFC 2231 say, no line is longer than RFC 5322, section 2.1.1, permits, and composing the same mail twice gives the same octets.
//
// The package opens no connection and knows nothing of modes, queues or storage; files come from a [Files].
package compose

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"letterlock/bridge"
	"letterlock/bridge/mailaddr"
	"letterlock/bridge/wording"
)

// Mail is one message with its envelope, ready to be submitted.
type Mail struct {
	Delivery    bridge.ID // names the submission (ENVID of RFC 3461)
	ReversePath string    // empty for <>
	Recipient   string    // the forward-path
	Data        []byte    // the message: CRLF line endings, no line over 998 octets
	UTF8        bool      // the envelope or the header holds more than ASCII, so that the next hop must offer SMTPUTF8 (RFC 6531)
	Form        bridge.Form
	Need        bridge.Need // of a copy: what a connection must be to carry it
	Files       int         // how many files it carries
}

// Files opens the content of files. A bridge.Gateway is one.
type Files interface {
	OpenBlob(ctx context.Context, b bridge.Blob) (io.ReadCloser, error)
}

// Config says what a Composer works with.
type Config struct {
	Files Files
	// MaxFiles bounds the octets of all files in one copy, before their encoding adds a third; zero means 15 MiB. Files beyond
	// it are named with the link instead. Many receivers take no mail over 25 MB.
	MaxFiles int64
}

const defaultMaxFiles = 15 << 20

// Composer makes mails. It can be used by several goroutines at once.
type Composer struct {
	files     Files
	maxFiles  int64
	languages wording.Languages
}

// New returns a Composer, or an error if the texts that came with the program contradict themselves.
func New(c Config) (*Composer, error) {
	if c.Files == nil {
		return nil, errors.New("new composer: there is nowhere to take files from")
	}
	if c.MaxFiles <= 0 {
		c.MaxFiles = defaultMaxFiles
	}
	l, err := wording.Builtin()
	if err != nil {
		return nil, fmt.Errorf("new composer: %w", err)
	}
	return &Composer{files: c.Files, maxFiles: c.MaxFiles, languages: l}, nil
}

// Compose makes the mail. An error that wraps bridge.ErrInvalid says that no mail can ever be made of this; any other means
// that a file could not be read now. No error holds words of the message or an address.
func (c *Composer) Compose(ctx context.Context, o bridge.Outgoing) (Mail, error) {
	return c.compose(ctx, o, c.maxFiles)
}

// ComposeWithoutFiles makes the mail as Compose does, but names every file of a copy with the link, for a next hop that found
// the mail too large.
func (c *Composer) ComposeWithoutFiles(ctx context.Context, o bridge.Outgoing) (Mail, error) {
	return c.compose(ctx, o, 0)
}

func (c *Composer) compose(ctx context.Context, o bridge.Outgoing, maxFiles int64) (Mail, error) {
	m := Mail{Delivery: o.Delivery.ID, ReversePath: o.ReversePath, Form: bridge.FormNotice}
	lang := c.languages.Lookup(o.Locale)

	var l letter
	var err error
	// Anything but a copy of a message is content-free, whatever else the fields say.
	if o.Delivery.Kind == bridge.DeliverMessage && o.Form == bridge.FormCopy {
		m.Form, m.Need = bridge.FormCopy, o.Need
		l, err = c.copyLetter(ctx, lang, o, maxFiles)
	} else {
		l, err = noticeLetter(lang, o)
	}
	if err != nil {
		return Mail{}, err
	}
	m.Files = len(l.files)

	head, err := fields(o, l, &m)
	if err != nil {
		return Mail{}, err
	}
	m.Data, err = render(head, l)
	if err != nil {
		return Mail{}, fmt.Errorf("write the message: %w", err)
	}
	return m, nil
}

// letter is what a mail says, before it becomes octets.
type letter struct {
	fromName  string
	subject   string
	text      string
	html      string
	files     []file
	logo      *file
	automatic string   // the Auto-Submitted field (RFC 3834, section 5); empty for a copy, which a person wrote
	inReplyTo []string // Message-IDs without angle brackets
	refs      []string
}

// fields writes the header section up to the MIME fields, and completes the envelope.
func fields(o bridge.Outgoing, l letter, m *Mail) (*header, error) {
	to, utf8To, err := sendable(o.Recipient.Addr)
	if err != nil {
		return nil, fmt.Errorf("recipient: %w", err)
	}
	from, utf8From, err := sendable(o.From.Addr)
	if err != nil {
		return nil, fmt.Errorf("sender: %w", err)
	}
	if o.ReversePath != "" {
		var utf8Path bool
		if m.ReversePath, utf8Path, err = sendable(o.ReversePath); err != nil {
			return nil, fmt.Errorf("reverse-path: %w", err)
		}
		m.UTF8 = m.UTF8 || utf8Path
	}
	if !validID(o.MessageID) {
		return nil, fmt.Errorf("message-id: %w", bridge.ErrInvalid)
	}
	date := o.Date
	if date.IsZero() {
		date = o.Delivery.CreatedAt
	}
	if y := date.UTC().Year(); date.IsZero() || y < 1900 || y > 9999 {
		return nil, fmt.Errorf("date: %w", bridge.ErrInvalid)
	}
	m.Recipient = to
	m.UTF8 = m.UTF8 || utf8To || utf8From

	h := &header{}
	h.add("Date", date.UTC().Format(time.RFC1123Z))
	h.add("From", mailbox(l.fromName, from))
	if o.ReplyTo != "" {
		replyTo, utf8Reply, err := sendable(o.ReplyTo)
		if err != nil {
			return nil, fmt.Errorf("reply address: %w", err)
		}
		m.UTF8 = m.UTF8 || utf8Reply
		h.add("Reply-To", replyTo)
	}
	h.add("To", mailbox(o.Recipient.Name, to))
	h.add("Subject", unstructured(l.subject))
	h.add("Message-ID", "<"+o.MessageID+">")
	if ids := idList(l.inReplyTo); ids != "" {
		h.add("In-Reply-To", ids)
	}
	if ids := idList(l.refs); ids != "" {
		h.add("References", ids)
	}
	if l.automatic != "" {
		h.add("Auto-Submitted", l.automatic)
		// Exchange's way of asking for no out-of-office answers and receipts. Failure reports stay welcome.
		h.add("X-Auto-Response-Suppress", "DR, RN, NRN, OOF, AutoReply")
	}
	if o.Unsubscribe != "" {
		if err := unsubscribe(h, o.Unsubscribe); err != nil {
			return nil, err
		}
	}
	h.add("MIME-Version", "1.0")
	return h, nil
}

// sendable checks an addr-spec and returns the form to write. A domain beyond ASCII becomes A-labels (RFC 5890), so that
// only a local part beyond ASCII needs SMTPUTF8. Its errors wrap bridge.ErrInvalid and don't repeat the address.
func sendable(addr string) (written string, utf8 bool, err error) {
	if err := mailaddr.Valid(addr); err != nil {
		return "", false, fmt.Errorf("not an address that mail can be sent to: %w", bridge.ErrInvalid)
	}
	local, domain, _ := mailaddr.Split(addr)
	if !isASCII(domain) {
		_, a, ok := mailaddr.Split(mailaddr.Normalize("x@" + domain))
		if !ok || !isASCII(a) {
			return "", false, fmt.Errorf("the domain of the address has no ASCII form: %w", bridge.ErrInvalid)
		}
		domain = a
	}
	return local + "@" + domain, !isASCII(local), nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// oneLine returns the text on one line: what a display name, a subject or a phrase can be made from.
func oneLine(s string) string {
	return strings.Join(strings.Fields(clean(s, ' ')), " ")
}
