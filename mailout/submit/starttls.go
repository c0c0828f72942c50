package submit

import (
	"bufio"
	"errors"
	"io"
	"net/textproto"
	"strings"
	"time"

	"github.com/emersion/go-smtp"
)

// plainDialogue is what is said before TLS. go-smtp can say it too, but only as "localhost", which some servers refuse.
type plainDialogue struct {
	conn    *guarded
	name    string
	lmtp    bool
	timeout time.Duration
}

// continued stands for the greeting when go-smtp goes on where this dialogue ended: after STARTTLS the server greets no more
// (RFC 3207, section 4.2).
const continued = "220 continued\r\n"

// startTLS reads the greeting and asks for TLS. It returns true if the peer now waits for the handshake, and false if it does
// not offer TLS; in either case the session begins anew with EHLO.
func (p *plainDialogue) startTLS() (greeting string, ok bool, err error) {
	t := textproto.NewReader(bufio.NewReader(io.LimitReader(p.conn, maxReply)))
	if _, _, err := p.reply(t, 220); err != nil {
		return "", false, failure(StageConnect, err)
	}
	hello := "EHLO "
	if p.lmtp {
		hello = "LHLO "
	}
	_, extensions, err := p.command(t, 250, hello+p.name)
	if err != nil {
		var refused *smtp.SMTPError
		if errors.As(err, &refused) && (refused.Code == 500 || refused.Code == 502) {
			return continued, false, nil // it knows HELO at best
		}
		return "", false, failure(StageHello, err)
	}
	offered := false
	for i, line := range strings.Split(extensions, "\n") {
		keyword, _, _ := strings.Cut(line, " ")
		offered = offered || i > 0 && strings.EqualFold(strings.TrimSpace(keyword), "STARTTLS")
	}
	if !offered {
		return continued, false, nil
	}
	if _, _, err := p.command(t, 220, "STARTTLS"); err != nil {
		return "", false, failure(StageTLS, err)
	}
	// Whatever was slipped in before the handshake must not pass for an answer under TLS.
	if t.R.Buffered() > 0 || p.conn.turn.broken {
		return "", false, &Error{Stage: StageTLS, Relay: true, Text: "the mail server, or somebody in between, spoke before TLS began"}
	}
	return continued, true, nil
}

func (p *plainDialogue) command(t *textproto.Reader, expect int, line string) (int, string, error) {
	if _, err := p.conn.Write([]byte(line + "\r\n")); err != nil {
		return 0, "", err
	}
	return p.reply(t, expect)
}

// reply reads one reply, and returns another than the expected as go-smtp would.
func (p *plainDialogue) reply(t *textproto.Reader, expect int) (int, string, error) {
	if err := p.conn.SetReadDeadline(time.Now().Add(p.timeout)); err != nil {
		return 0, "", err
	}
	code, text, err := t.ReadResponse(expect)
	var other *textproto.Error
	if errors.As(err, &other) {
		err = &smtp.SMTPError{Code: other.Code, Message: other.Msg}
	}
	if derr := p.conn.SetReadDeadline(time.Time{}); err == nil {
		err = derr
	}
	return code, text, err
}
