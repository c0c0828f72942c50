package submit

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/emersion/go-smtp"

	"letterlock/bridge"
	"letterlock/mailout/compose"
)

// settings are what all connections of a transport have in common.
type settings struct {
	localName string // for EHLO
	maxMails  int    // on one connection
	// How long each step may take.
	connect, command, block, final time.Duration

	dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// way is how one connection is opened: to whom, and what they must prove.
type way struct {
	network string // tcp or unix
	address string // as the network wants it

	lmtp      bool // RFC 2033
	implicit  bool // TLS from the first octet
	wantTLS   bool // STARTTLS where it is offered
	mustTLS   bool // nothing is said without TLS
	mustProve bool // nor to a peer that proves nothing
	tls       *tls.Config
	prove     proof
	account   *account // nil for none
}

// conn is one connection, past greeting, TLS and AUTH. One goroutine uses it at a time.
type conn struct {
	s        *settings
	net      *guarded
	smtp     *smtp.Client
	lmtp     bool
	path     bridge.Path
	unproven error // why the path is encrypted and no better
	onward   bool  // the path is verified because the peer offers REQUIRETLS, so a copy that needs it must ask for it
	mails    int
	used     time.Time
	expiry   *time.Timer
}

// open opens a connection up to the point where mail can be sent.
func open(ctx context.Context, s *settings, w way) (_ *conn, err error) {
	dialCtx, cancel := context.WithTimeout(ctx, s.connect)
	defer cancel()
	raw, err := s.dial(dialCtx, w.network, w.address)
	if err != nil {
		return nil, failure(StageConnect, err)
	}
	// Whatever waits on the connection ends with ctx.
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	defer stop()
	defer func() {
		if err != nil {
			raw.Close()
		}
	}()

	local := isLoopback(raw)
	if w.account != nil && !local {
		if !w.wantTLS && !w.implicit {
			return nil, &Error{Stage: StageTLS, Relay: true, Text: "the password is not sent to a mail server elsewhere without TLS"}
		}
		w.mustTLS, w.mustProve = true, true
	}

	g := &guarded{Conn: raw, block: s.block}
	c := &conn{s: s, net: g, lmtp: w.lmtp, path: bridge.PathClear}
	greeting, offered := "", w.implicit
	if w.wantTLS && !w.implicit {
		p := plainDialogue{conn: g, name: s.localName, lmtp: w.lmtp, timeout: s.command}
		if greeting, offered, err = p.startTLS(); err != nil {
			return nil, err
		}
	}
	switch {
	case offered:
		if c.path, c.unproven, err = handshake(ctx, g, w, s.connect); err != nil {
			return nil, failure(StageTLS, err)
		}
	case w.mustTLS:
		return nil, &Error{Stage: StageTLS, Relay: true, Text: "the mail server does not offer TLS (STARTTLS), and it is required", Err: errNoTLS}
	}
	// go-smtp begins with the greeting, which was read already if we asked for STARTTLS.
	g.before = greeting

	if c.smtp = smtp.NewClient(g); w.lmtp {
		c.smtp = smtp.NewClientLMTP(g)
	}
	c.smtp.CommandTimeout, c.smtp.SubmissionTimeout = s.command, s.final
	if err := c.smtp.Hello(s.localName); err != nil {
		return nil, failure(StageHello, err)
	}
	if w.account != nil {
		if !offered && !local {
			return nil, &Error{Stage: StageAuth, Relay: true, Text: "the password is not sent without TLS"}
		}
		if err := w.account.signIn(ctx, c.smtp); err != nil {
			return nil, err
		}
	}
	if !stop() {
		return nil, &Error{Stage: StageConnect, Text: "stopped while connecting", Err: context.Cause(ctx)}
	}
	return c, nil
}

// errNoTLS is why a connection was not used that offers no TLS.
var errNoTLS = errors.New("no STARTTLS")

// dataTimeout bounds the reply to DATA (RFC 5321, section 4.5.3.2.4).
const dataTimeout = 2 * time.Minute

// send runs one mail transaction (RFC 5321, section 3.3).
func (c *conn) send(ctx context.Context, m compose.Mail) (string, *Error) {
	stop := context.AfterFunc(ctx, func() { c.net.Close() })
	defer stop()
	c.mails++
	if c.lmtp && c.mails > 1 {
		// go-smtp would wait for a reply for each recipient of the mails before as well.
		if err := c.smtp.Reset(); err != nil {
			return "", failure(StageMail, err)
		}
		if err := c.smtp.Hello(c.s.localName); err != nil {
			return "", failure(StageMail, err)
		}
	}

	if utf8, _ := c.smtp.Extension("SMTPUTF8"); m.UTF8 && !utf8 {
		return "", &Error{
			Permanent: true, Stage: StageMail, Code: 553, Enhanced: "5.6.7",
			Text: "the address has letters beyond ASCII, and the mail server does not offer SMTPUTF8",
		}
	}
	if limit, ok := c.smtp.MaxMessageSize(); ok && limit > 0 && len(m.Data) > limit {
		return "", &Error{
			Permanent: true, TooLarge: true, Stage: StageMail, Code: 552, Enhanced: "5.3.4",
			Text: fmt.Sprintf("the mail has %d octets, and the mail server takes at most %d", len(m.Data), limit),
		}
	}
	mail := &smtp.MailOptions{
		Size:       int64(len(m.Data)),
		UTF8:       m.UTF8,
		Return:     smtp.DSNReturnHeaders, // a report must not carry the message back
		EnvelopeID: envelopeID(m),
	}
	if c.onward && m.Form == bridge.FormCopy && !m.Need.MetBy(bridge.PathTLS) {
		mail.RequireTLS = true
	}
	rcpt := &smtp.RcptOptions{Notify: []smtp.DSNNotify{smtp.DSNNotifyFailure, smtp.DSNNotifyDelayed}}
	if m.ReversePath == "" {
		rcpt.Notify = []smtp.DSNNotify{smtp.DSNNotifyNever}
	}
	refused := func(stage Stage, err error) *Error { return demanding(failure(stage, err), mail.RequireTLS) }
	c.net.follow = c.pipeline(m, rcpt)
	err := c.smtp.Mail(m.ReversePath, mail)
	c.net.follow = nil
	if unknownParameter(err) && !mail.RequireTLS {
		// It does not know what it offered. No report is better than no mail.
		err = c.smtp.Mail(m.ReversePath, &smtp.MailOptions{UTF8: m.UTF8})
	}
	if err != nil {
		return "", refused(StageMail, err)
	}
	if err = c.smtp.Rcpt(m.Recipient, rcpt); unknownParameter(err) {
		err = c.smtp.Rcpt(m.Recipient, nil)
	}
	if err != nil {
		return "", refused(StageRcpt, err)
	}
	c.smtp.CommandTimeout = min(c.s.command, dataTimeout)
	w, err := c.smtp.Data()
	c.smtp.CommandTimeout = c.s.command
	if err != nil {
		return "", refused(StageData, err)
	}
	if _, err := w.Write(m.Data); err != nil {
		// The end of the data was not sent, so the peer can't have taken it.
		return "", failure(StageData, err)
	}
	said, err := c.finish(w)
	if err != nil {
		return "", refused(StageContent, err)
	}
	if !stop() {
		// It was taken all the same; only the connection is gone.
		c.mails = c.s.maxMails
	}
	return cleanText("250 " + said), nil
}

// finish ends the data and reads what is said to it. In LMTP each recipient has a reply, and there is one.
func (c *conn) finish(w *smtp.DataCommand) (string, error) {
	if !c.lmtp {
		done, err := w.CloseWithResponse()
		if err != nil {
			return "", err
		}
		return done.StatusText, nil
	}
	all, err := w.CloseWithLMTPResponse()
	var each smtp.LMTPDataError
	if errors.As(err, &each) {
		for _, one := range each {
			return "", one
		}
	}
	for _, done := range all {
		return done.StatusText, nil
	}
	return "", err
}

// demanding reads a refusal of a mail that asked for REQUIRETLS: where it is refused for that (RFC 8689, section 4.2.1, and those who offer
// what they don't know), nothing is wrong with the mail.
func demanding(e *Error, asked bool) *Error {
	if !asked || e.Code < 500 {
		return e
	}
	switch {
	case e.Enhanced == "5.7.10", e.Enhanced == "5.7.30":
	case e.Stage == StageMail && (e.Code == 501 || e.Code == 504 || e.Code == 555 || e.Enhanced == "5.5.4"):
	default:
		return e
	}
	e.Permanent, e.TooLarge, e.Weak = false, false, true
	return e
}

func (c *conn) noop(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { c.net.Close() })
	defer stop()
	c.smtp.CommandTimeout = min(c.s.command, 10*time.Second)
	defer func() { c.smtp.CommandTimeout = c.s.command }()
	return c.smtp.Noop()
}

// reset ends a transaction that failed at a stage, so that the connection can be used for the next.
func (c *conn) reset(ctx context.Context, at Stage) error {
	if at != StageRcpt && at != StageData {
		return nil // none was begun, or it is over
	}
	stop := context.AfterFunc(ctx, func() { c.net.Close() })
	defer stop()
	if err := c.smtp.Reset(); err != nil {
		return err
	}
	return c.smtp.Hello(c.s.localName)
}

// quitTimeout bounds the farewell: what matters has been said by then.
const quitTimeout = 2 * time.Second

func (c *conn) quit() {
	c.smtp.CommandTimeout = quitTimeout
	c.net.block = quitTimeout
	if c.smtp.Quit() != nil {
		c.drop()
	}
}

func (c *conn) drop() { c.net.Close() }

func isLoopback(c net.Conn) bool {
	switch a := c.RemoteAddr().(type) {
	case *net.TCPAddr:
		return a.IP.IsLoopback()
	case *net.UnixAddr:
		return true
	}
	return false
}

// cause returns the words of a network fault without what only a programmer reads.
func cause(err error) string {
	var timeout net.Error
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "it was closed by the mail server"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time"
	}
	return strings.TrimPrefix(err.Error(), "smtp: ")
}
