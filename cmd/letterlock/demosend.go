package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"time"

	"github.com/emersion/go-smtp"
)

// outMail is a mail that somebody sends with the mailbox's buttons.
type outMail struct {
	from, to string // the envelope's
	at       time.Time
	raw      []byte
}

// answerTo composes what an ordinary mail program sends when its user answers: the new text, the signature, an attribution line, and the
// whole mail quoted below.
func answerTo(s sunk, from demoPerson, text string, at time.Time) outMail {
	l := s.Letter
	_, domain, _ := strings.Cut(from.Address, "@")
	subject := l.Subject
	if !strings.HasPrefix(strings.ToLower(subject), "re:") {
		subject = "Re: " + subject
	}
	var body strings.Builder
	body.WriteString(text + "\n")
	if from.Signature != "" {
		body.WriteString("\n-- \n" + from.Signature + "\n")
	}
	fmt.Fprintf(&body, "\nOn %s, %s <%s> wrote:\n\n", l.Date.Format("Mon, 2 Jan 2006 at 15:04"), strings.TrimSpace(l.From), l.FromAddr)
	for line := range strings.SplitSeq(strings.TrimRight(l.Text, "\n"), "\n") {
		body.WriteString(strings.TrimRight("> "+line, " ") + "\n")
	}

	var b bytes.Buffer
	field := func(name, value string) { fmt.Fprintf(&b, "%s: %s\r\n", name, value) }
	field("From", (&mail.Address{Name: from.Name, Address: from.Address}).String())
	field("To", (&mail.Address{Name: l.From, Address: l.replyTo()}).String())
	field("Subject", mime.QEncoding.Encode("utf-8", subject))
	field("Date", at.Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	field("Message-ID", "<"+rand.Text()+"@"+domain+">")
	if l.MessageID != "" {
		field("In-Reply-To", "<"+l.MessageID+">")
		ids := append(l.References, l.MessageID)
		field("References", "<"+strings.Join(ids, ">\r\n <")+">")
	}
	field("MIME-Version", "1.0")
	field("Content-Type", "text/plain; charset=utf-8")
	field("Content-Transfer-Encoding", "quoted-printable")
	b.WriteString("\r\n")
	w := quotedprintable.NewWriter(&b)
	_, _ = w.Write([]byte(strings.ReplaceAll(body.String(), "\n", "\r\n"))) // into memory
	_ = w.Close()
	return outMail{from: from.Address, to: l.replyTo(), at: at, raw: b.Bytes()}
}

// demoSender brings mail to the gateway's SMTP port, as anybody's mail server would.
type demoSender struct {
	address string // host:port of the gateway
	host    string // our name
}

// send sends one mail and returns what the server said to it, in full.
func (d *demoSender) send(ctx context.Context, m outMail) attempt {
	a := attempt{At: m.at, From: m.from, To: m.to, Raw: m.raw}
	said, err := d.submit(ctx, m)
	var refused *smtp.SMTPError
	switch {
	case err == nil:
		a.OK, a.Said = true, said
	case errors.As(err, &refused):
		a.Said = fmt.Sprintf("%d %d.%d.%d %s", refused.Code, refused.EnhancedCode[0], refused.EnhancedCode[1], refused.EnhancedCode[2], refused.Message)
	default:
		a.Said = err.Error()
	}
	return a
}

func (d *demoSender) submit(ctx context.Context, m outMail) (string, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", d.address)
	if err != nil {
		return "", err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	c := smtp.NewClient(conn)
	defer c.Close()
	if err := c.Hello(d.host); err != nil {
		return "", err
	}
	if err := c.Mail(m.from, nil); err != nil {
		return "", err
	}
	if err := c.Rcpt(m.to, nil); err != nil {
		return "", err
	}
	w, err := c.Data()
	if err != nil {
		return "", err
	}
	if _, err := w.Write(m.raw); err != nil {
		return "", err // closing w would end the mail here, as if it were whole
	}
	answer, err := w.CloseWithResponse()
	if err != nil {
		return "", err
	}
	_ = c.Quit() // the mail is taken; how the server says goodbye changes nothing
	return "250 " + answer.StatusText, nil
}
