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

// conn is one connection, past greeting, TLS and AUTH. One goroutine uses it at a time.
type conn struct {
	r      *Relay
	net    *guarded
	smtp   *smtp.Client
	path   bridge.Path
	mails  int
	used   time.Time
	expiry *time.Timer
}

// connect opens a connection up to the point where mail can be sent.
func (r *Relay) connect(ctx context.Context) (*conn, error) {
	wantTLS, verified := r.c.Security != TLSNone, r.c.Security == TLSRequired
	c, err := r.open(ctx, wantTLS, verified)
	var e *Error
	if r.c.Security == TLSOpportunistic && !r.c.Implicit && errors.As(err, &e) && e.Stage == StageTLS && ctx.Err() == nil {
		// It offers TLS and can't do it. In clear is what was asked for then (RFC 7435, section 3); open refuses to sign in that way.
		return r.open(ctx, false, false)
	}
	return c, err
}

func (r *Relay) open(ctx context.Context, wantTLS, verified bool) (_ *conn, err error) {
	dialCtx, cancel := context.WithTimeout(ctx, r.c.ConnectTimeout)
	defer cancel()
	raw, err := r.c.Dial(dialCtx, "tcp", r.c.Address)
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
	if r.c.Username != "" && !local {
		if !wantTLS {
			return nil, &Error{Stage: StageTLS, Relay: true, Text: "the password is not sent to a relay elsewhere without TLS"}
		}
		verified = true
	}

	g := &guarded{Conn: raw, block: r.c.BlockTimeout}
	greeting := ""
	encrypted := false
	switch {
	case r.c.Implicit:
		if err := r.handshake(ctx, g, verified); err != nil {
			return nil, failure(StageTLS, err)
		}
		encrypted = true
	case wantTLS:
		p := plainDialogue{conn: g, name: r.c.LocalName, timeout: r.c.CommandTimeout}
		if greeting, encrypted, err = p.startTLS(); err != nil {
			return nil, err
		}
		if !encrypted && verified {
			return nil, &Error{Stage: StageTLS, Relay: true, Text: "the relay does not offer TLS (STARTTLS), and it is required"}
		}
		if encrypted {
			if err := r.handshake(ctx, g, verified); err != nil {
				return nil, failure(StageTLS, err)
			}
		}
	}
	// go-smtp begins with the greeting, which was read already if we asked for STARTTLS.
	g.before = greeting

	c := &conn{r: r, net: g, smtp: smtp.NewClient(g)}
	c.smtp.CommandTimeout, c.smtp.SubmissionTimeout = r.c.CommandTimeout, r.c.FinalTimeout
	if err := c.smtp.Hello(r.c.LocalName); err != nil {
		return nil, failure(StageHello, err)
	}
	if r.c.Username != "" {
		if !encrypted && !local {
			return nil, &Error{Stage: StageAuth, Relay: true, Text: "the password is not sent without TLS"}
		}
		if err := c.signIn(); err != nil {
			return nil, err
		}
	}
	if !stop() {
		return nil, &Error{Stage: StageConnect, Text: "stopped while connecting", Err: context.Cause(ctx)}
	}
	return c, nil
}

// handshake puts TLS over the connection.
func (r *Relay) handshake(ctx context.Context, g *guarded, verified bool) error {
	config := r.c.TLS
	if !verified {
		config = config.Clone()
		config.InsecureSkipVerify = true
	}
	t := tls.Client(g.Conn, config)
	ctx, cancel := context.WithTimeout(ctx, r.c.ConnectTimeout)
	defer cancel()
	if err := t.HandshakeContext(ctx); err != nil {
		return err
	}
	g.Conn = t
	return nil
}

// send runs one mail transaction (RFC 5321, section 3.3).
func (c *conn) send(ctx context.Context, m compose.Mail) (string, *Error) {
	stop := context.AfterFunc(ctx, func() { c.net.Close() })
	defer stop()
	c.mails++

	if utf8, _ := c.smtp.Extension("SMTPUTF8"); m.UTF8 && !utf8 {
		return "", &Error{
			Permanent: true, Stage: StageMail, Code: 553, Enhanced: "5.6.7",
			Text: "the address has letters beyond ASCII, and the relay does not offer SMTPUTF8",
		}
	}
	if limit, ok := c.smtp.MaxMessageSize(); ok && limit > 0 && len(m.Data) > limit {
		return "", &Error{
			Permanent: true, TooLarge: true, Stage: StageMail, Code: 552, Enhanced: "5.3.4",
			Text: fmt.Sprintf("the mail has %d octets, and the relay takes at most %d", len(m.Data), limit),
		}
	}
	mail := &smtp.MailOptions{
		Size:       int64(len(m.Data)),
		UTF8:       m.UTF8,
		Return:     smtp.DSNReturnHeaders, // a report must not carry the message back
		EnvelopeID: m.Delivery.String(),
	}
	if err := c.smtp.Mail(m.ReversePath, mail); err != nil {
		return "", failure(StageMail, err)
	}
	rcpt := &smtp.RcptOptions{Notify: []smtp.DSNNotify{smtp.DSNNotifyFailure, smtp.DSNNotifyDelayed}}
	if m.ReversePath == "" {
		rcpt.Notify = []smtp.DSNNotify{smtp.DSNNotifyNever}
	}
	if err := c.smtp.Rcpt(m.Recipient, rcpt); err != nil {
		return "", failure(StageRcpt, err)
	}
	w, err := c.smtp.Data()
	if err != nil {
		return "", failure(StageData, err)
	}
	if _, err := w.Write(m.Data); err != nil {
		// The end of the data was not sent, so the relay can't have taken it.
		return "", failure(StageData, err)
	}
	done, err := w.CloseWithResponse()
	if err != nil {
		return "", failure(StageContent, err)
	}
	if !stop() {
		// It was taken all the same; only the connection is gone.
		c.mails = c.r.c.MaxMails
	}
	return cleanText("250 " + done.StatusText), nil
}

func (c *conn) noop(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { c.net.Close() })
	defer stop()
	c.smtp.CommandTimeout = min(c.r.c.CommandTimeout, 10*time.Second)
	defer func() { c.smtp.CommandTimeout = c.r.c.CommandTimeout }()
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
	return c.smtp.Hello(c.r.c.LocalName)
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

// maxReply bounds what a peer may say between two commands of ours, in octets.
const maxReply = 64 << 10

var errReplyTooLong = errors.New("the peer's reply does not end")

// guarded is a connection with bounds that go-smtp does not set: on the time each write takes, and on what is read until the
// next write.
type guarded struct {
	net.Conn
	block  time.Duration
	before string // to be read first
	read   int
}

func (g *guarded) Read(b []byte) (int, error) {
	if g.before != "" {
		n := copy(b, g.before)
		g.before = g.before[n:]
		return n, nil
	}
	n, err := g.Conn.Read(b)
	if g.read += n; g.read > maxReply {
		return 0, errReplyTooLong
	}
	return n, err
}

func (g *guarded) Write(b []byte) (int, error) {
	g.read = 0
	// A large message is one write for bufio, so it goes in pieces that each have their time.
	const piece = 64 << 10
	sent := 0
	for len(b) > 0 {
		next := b[:min(piece, len(b))]
		if err := g.Conn.SetWriteDeadline(time.Now().Add(g.block)); err != nil {
			return sent, err
		}
		n, err := g.Conn.Write(next)
		sent += n
		if err != nil {
			return sent, err
		}
		b = b[len(next):]
	}
	return sent, nil
}

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
		return "it was closed by the relay"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time"
	}
	return strings.TrimPrefix(err.Error(), "smtp: ")
}
