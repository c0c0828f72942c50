// Package submit hands mail to the next hop over SMTP (RFC 5321), with STARTTLS (RFC 3207) or TLS from the first octet (RFC
// 8314), AUTH (RFC 4954), SIZE (RFC 1870), 8BITMIME (RFC 6152), SMTPUTF8 (RFC 6531), DSN (RFC 3461) and REQUIRETLS (RFC 8689) where they
// are offered, or over LMTP (RFC 2033).
//
// There are two ways out. A [Relay] takes all mail. [Direct] brings each mail to the recipient's mail exchangers (RFC 5321, section 5),
// under MTA-STS (RFC 8461) and DANE (RFC 7672). Both promise: a mail counts as taken only after the reply to the end of its data; a reply
// that was lost is a temporary failure, so that the mail is sent again with the same Message-ID; a copy is offered only on a connection
// that has proven what the copy needs; no password crosses a network in clear; no step waits without end, and no peer can make them use
// unbounded memory.
//
// The package knows nothing of the queue, of modes or of what a mail says.
package submit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"unicode"

	"github.com/emersion/go-smtp"

	"letterlock/bridge"
	"letterlock/mailout/compose"
)

// Transport is a way out. A delivery's destination is bridge.Delivery.Domain, which Gateway.ClaimDeliveries fills in.
type Transport interface {
	// NextHop names what a mail to a domain is handed to, without asking anybody: the same for all domains where there is a relay, and
	// the domain itself where mail goes to its exchangers. Bounds, pauses and what is down are kept for each next hop.
	NextHop(domain string) string
	// Connect returns a session in which mail to a domain can be sent at once. Connecting can take minutes: what the mail is to be is
	// decided after it, so that no decision is old when the mail leaves. Its errors are of type *Error.
	Connect(ctx context.Context, domain string) (Session, error)
}

// Session is the use of one connection by one goroutine.
type Session interface {
	// Path says what the connection has proven. It does not change.
	Path() bridge.Path
	// Send submits one mail and returns what the next hop said when it took it. A copy that needs more than the connection has proven is not
	// offered. Its errors are of type *Error. Several mails may follow each other, as long as Send returns no error.
	Send(ctx context.Context, m compose.Mail) (said string, err error)
	// Close ends the use, whether anything was sent or not.
	Close()
}

var (
	_ Transport    = (*Relay)(nil)
	_ bridge.Paths = (*Relay)(nil)
)

// Stage is the step at which a submission failed.
type Stage string

// The stages, in their order.
const (
	StageConnect Stage = "connect" // until the greeting
	StageHello   Stage = "hello"
	StageTLS     Stage = "tls"
	StageAuth    Stage = "auth"
	StageMail    Stage = "mail"
	StageRcpt    Stage = "rcpt"
	StageData    Stage = "data"    // the DATA command
	StageContent Stage = "content" // the message and the reply to its end
)

// Error says why a mail was not taken, or may not have been.
type Error struct {
	Permanent bool // trying again can't help (RFC 5321, section 4.2.1: 5yz); false for 4yz and for all faults of network and protocol
	Relay     bool // it lies with the next hop or the way to it, not with this mail: another would have fared the same
	Stale     bool // a connection that was kept turned out to be closed before the mail was offered: try again at once
	TooLarge  bool // the mail is larger than the next hop takes
	Weak      bool // the mail is a copy, and the next hop turned out not to be what it needs: a notice may go at once
	Stage     Stage
	Code      int    // the reply code; zero if there was no reply
	Enhanced  string // the enhanced status code (RFC 3463), such as 5.1.1; may be empty
	Text      string // what the peer said, on one line and bounded; or what went wrong, in our words
	Err       error  // the cause, if it was not a reply
}

// Error implements error. It quotes the peer, who may have quoted an address: it is for the delivery's record and not for logs.
func (e *Error) Error() string {
	return fmt.Sprintf("submit (%s): %s", e.Stage, e.Said())
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Said returns what to keep in the delivery's record: the reply, or what went wrong.
func (e *Error) Said() string {
	if e.Code == 0 {
		return e.Text
	}
	parts := []string{fmt.Sprint(e.Code)}
	if e.Enhanced != "" {
		parts = append(parts, e.Enhanced)
	}
	if e.Text != "" {
		parts = append(parts, e.Text)
	}
	return strings.Join(parts, " ")
}

// LogValue implements slog.LogValuer with all that says nothing of people: no text of the peer's.
func (e *Error) LogValue() slog.Value {
	if e == nil {
		return slog.Value{}
	}
	attrs := []slog.Attr{slog.String("stage", string(e.Stage)), slog.Bool("permanent", e.Permanent)}
	if e.Code != 0 {
		attrs = append(attrs, slog.Int("code", e.Code))
	}
	if e.Enhanced != "" {
		attrs = append(attrs, slog.String("status", e.Enhanced))
	}
	if e.Code == 0 && e.Text != "" {
		attrs = append(attrs, slog.String("cause", e.Text))
	}
	return slog.GroupValue(attrs...)
}

// maxText bounds what is kept of a reply, in octets.
const maxText = 400

// cleanText returns a peer's words on one line, valid, without control characters, and bounded.
func cleanText(s string) string {
	if len(s) > 4*maxText {
		s = s[:4*maxText]
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), unicode.IsSpace(r):
			return ' '
		case !unicode.IsGraphic(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") + "…"
	}
	return s
}

// failure turns what go-smtp returned at a stage into an *Error.
func failure(stage Stage, err error) *Error {
	e := &Error{Stage: stage, Err: err}
	var reply *smtp.SMTPError
	if !errors.As(err, &reply) {
		e.Text = cleanText(fmt.Sprintf("the connection to the mail server failed: %s", cause(err)))
		e.Relay = stage != StageContent
		return e
	}
	e.Err = nil
	e.Code = reply.Code
	if c := reply.EnhancedCode; c[0] > 0 {
		e.Enhanced = fmt.Sprintf("%d.%d.%d", c[0], c[1], c[2])
	}
	e.Text = cleanText(reply.Message)
	classify(e)
	return e
}

// classify reads the reply code with its stage.
func classify(e *Error) {
	switch {
	case e.Code == 421:
		// The server is closing, at whatever stage (RFC 5321, section 3.8).
		e.Relay = true
	case e.Stage == StageConnect, e.Stage == StageHello, e.Stage == StageTLS, e.Stage == StageAuth:
		// Even a 5yz here says nothing about a mail: nobody should lose one to a password that was changed.
		e.Relay = true
	case e.Code == 530, e.Code == 534, e.Code == 535, e.Code == 538:
		// Sign in first, or use TLS first (RFC 4954, section 6): the settings are wrong, not the mail.
		e.Relay = true
	case e.Code == 552 && e.Stage == StageRcpt:
		// RFC 5321, section 4.5.3.1.10: too many recipients; to be read as 452.
	case e.Code >= 500 && e.Code <= 599:
		e.Permanent = true
		e.TooLarge = e.Enhanced == "5.3.4" || e.Enhanced == "5.2.3" || e.Code == 552 && !strings.HasPrefix(e.Enhanced, "5.2.2")
	case e.Code < 400:
		// A reply that makes no sense here. Whatever state the peer is in, it is not ours.
		e.Relay = e.Stage != StageContent
	}
}
