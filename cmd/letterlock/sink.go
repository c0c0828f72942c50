package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-message/mail"
	"github.com/emersion/go-smtp"

	"letterlock/bridge/mailaddr"
)

// The bounds of what the demo's mailbox keeps. The oldest mails go first.
const (
	maxSinkMails  = 1000
	maxSinkOctets = 128 << 20
)

// sunk is one mail that left the gateway, to one recipient. It never changes, but for what became of it.
type sunk struct {
	Number      int
	At          time.Time
	ReversePath string
	Recipient   string // normalised
	Raw         []byte
	Letter      letter
	Tried       []attempt // what was sent from this mail, oldest first
}

// attempt is one mail that somebody sent with the mailbox's buttons, and what the gateway's server said to it.
type attempt struct {
	At     time.Time
	From   string
	To     string
	Raw    []byte
	Said   string // the server's whole answer
	OK     bool
	Forged bool
}

// sink is the demo's relay: an SMTP server that keeps mail in memory instead of bringing it anywhere.
type sink struct {
	server *smtp.Server
	now    func() time.Time

	mu      sync.Mutex
	mails   []*sunk // oldest first
	octets  int
	number  int
	changed chan struct{} // closed at each change
}

func newSink(domain string, now func() time.Time, log *slog.Logger) *sink {
	s := &sink{now: now, changed: make(chan struct{})}
	s.server = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &sinkSession{sink: s}, nil }))
	s.server.Domain = domain
	s.server.ReadTimeout = time.Minute
	s.server.WriteTimeout = time.Minute
	s.server.MaxMessageBytes = 64 << 20
	s.server.MaxRecipients = 100
	s.server.EnableSMTPUTF8 = true
	s.server.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	return s
}

// run takes mail until ctx ends.
func (s *sink) run(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { _ = s.server.Close() })
	defer stop()
	if err := s.server.Serve(l); err != nil && ctx.Err() == nil {
		return fmt.Errorf("the demo's relay: %w", err)
	}
	return nil
}

// add keeps a mail for each recipient and returns the number of the first.
func (s *sink) add(reversePath string, recipients []string, raw []byte) int {
	l := readLetter(raw)
	s.mu.Lock()
	defer s.mu.Unlock()
	first := s.number + 1
	for _, r := range recipients {
		s.number++
		s.mails = append(s.mails, &sunk{
			Number: s.number, At: s.now(), ReversePath: reversePath, Recipient: mailaddr.Normalize(r), Raw: raw, Letter: l,
		})
		s.octets += len(raw)
	}
	drop := 0
	for len(s.mails)-drop > maxSinkMails || s.octets > maxSinkOctets && drop < len(s.mails)-1 {
		s.octets -= len(s.mails[drop].Raw)
		drop++
	}
	s.mails = slices.Delete(s.mails, 0, drop)
	s.announce()
	return first
}

// tried records what was sent from a mail.
func (s *sink) tried(number int, a attempt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.mails {
		if m.Number == number {
			m.Tried = append(slices.Clip(m.Tried), a)
			if over := len(m.Tried) - 20; over > 0 {
				m.Tried = m.Tried[over:]
			}
		}
	}
	s.announce()
}

func (s *sink) announce() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// list returns the mails to one address, or all for an empty one, newest first, as they are now.
func (s *sink) list(recipient string) []sunk {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []sunk
	for _, m := range slices.Backward(s.mails) {
		if recipient == "" || m.Recipient == recipient {
			out = append(out, *m)
		}
	}
	return out
}

// mail returns one mail as it is now.
func (s *sink) mail(number int) (sunk, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.mails {
		if m.Number == number {
			return *m, true
		}
	}
	return sunk{}, false
}

// wait returns the first mail, newest first, that fits. It waits for one until ctx ends.
func (s *sink) wait(ctx context.Context, fits func(sunk) bool) (sunk, error) {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		for _, m := range s.list("") {
			if fits(m) {
				return m, nil
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return sunk{}, fmt.Errorf("wait for a mail: %w", ctx.Err())
		}
	}
}

// sinkSession is one SMTP session with the sink.
type sinkSession struct {
	sink        *sink
	reversePath string
	recipients  []string
}

var _ smtp.Session = (*sinkSession)(nil)

// Mail takes the reverse-path.
func (s *sinkSession) Mail(from string, _ *smtp.MailOptions) error {
	s.reversePath = from
	return nil
}

// Rcpt takes a forward-path. Any is good.
func (s *sinkSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.recipients = append(s.recipients, to)
	return nil
}

// Data keeps the mail.
func (s *sinkSession) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.sink.add(s.reversePath, s.recipients, raw)
	return nil
}

// Reset forgets the mail at hand.
func (s *sinkSession) Reset() { s.reversePath, s.recipients = "", nil }

// Logout has nothing to free.
func (s *sinkSession) Logout() error { return nil }

// letter is what a recipient's mail program would show of a mail.
type letter struct {
	From, FromAddr string
	To             string
	ReplyTo        string // addr-spec; empty if there is none
	Subject        string
	Date           time.Time
	MessageID      string
	References     []string
	Text, HTML     string
	Files          []letterFile
	Flaw           string // why it could not be read, if it could not
}

// letterFile is an attachment.
type letterFile struct {
	Name, ContentType, ContentID string
	Content                      []byte
	Inline                       bool
}

// readLetter reads a mail that the gateway composed. What can't be read is told in Flaw: the demo shows it rather than hide it.
func readLetter(raw []byte) (l letter) {
	r, err := mail.CreateReader(bytes.NewReader(raw))
	if err != nil {
		return letter{Flaw: err.Error()}
	}
	defer r.Close()
	if from, err := r.Header.AddressList("From"); err == nil && len(from) > 0 {
		l.From, l.FromAddr = from[0].Name, from[0].Address
	}
	if to, err := r.Header.AddressList("To"); err == nil && len(to) > 0 {
		l.To = to[0].String()
	}
	if reply, err := r.Header.AddressList("Reply-To"); err == nil && len(reply) > 0 {
		l.ReplyTo = reply[0].Address
	}
	l.Subject, _ = r.Header.Subject()
	l.Date, _ = r.Header.Date()
	l.MessageID, _ = r.Header.MessageID()
	l.References, _ = r.Header.MsgIDList("References")
	for range 200 {
		p, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return l
		}
		if err != nil {
			l.Flaw = err.Error()
			return l
		}
		l.addPart(p)
	}
	return l
}

func (l *letter) addPart(p *mail.Part) {
	content, err := io.ReadAll(p.Body)
	if err != nil {
		l.Flaw = err.Error()
	}
	kind, name, inline := "", "", false
	switch h := p.Header.(type) {
	case *mail.InlineHeader:
		kind, _, _ = h.ContentType()
		inline = true
	case *mail.AttachmentHeader:
		kind, _, _ = h.ContentType()
		name, _ = h.Filename()
	}
	switch {
	case inline && kind == "text/plain" && l.Text == "":
		l.Text = strings.ReplaceAll(string(content), "\r\n", "\n")
	case inline && kind == "text/html" && l.HTML == "":
		l.HTML = string(content)
	default:
		l.Files = append(l.Files, letterFile{
			Name: name, ContentType: kind, ContentID: strings.Trim(p.Header.Get("Content-Id"), "<>"), Content: content, Inline: inline,
		})
	}
}
