package smtpd

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/emersion/go-smtp"

	"letterlock/bridge"
)

// Errors of this package that have a reply.
var (
	errLongPath = errors.New("the path is too long")
	errOddPath  = errors.New("the path has characters that no address has")
	errUTF8Path = errors.New("the path is not ASCII and SMTPUTF8 was not given")
	errTooBig   = errors.New("over the size limit")
	errNoRoom   = errors.New("too many big mails at once")
	errSlow     = errors.New("too slow while others wait")
	errLoop     = errors.New("too many Received fields")
	errVerdict  = errors.New("the sender can't be checked at the moment")
)

// replies is the one table from errors to SMTP replies (RFC 5321, section 4.2; RFC 3463). The first that matches holds. Where no text
// stands, the Gateway's own sentence is sent: it holds the sign-in URL where that helps.
var replies = []struct {
	err  error
	code int
	enh  smtp.EnhancedCode
	text string
}{
	{bridge.ErrUnavailable, 451, smtp.EnhancedCode{4, 3, 0}, "Temporarily unavailable, try again later"},
	{bridge.ErrTooMany, 451, smtp.EnhancedCode{4, 7, 0}, "Too much at once, try again later"},
	{bridge.ErrUnknownRcpt, 550, smtp.EnhancedCode{5, 1, 1}, ""},
	{bridge.ErrRevokedRcpt, 550, smtp.EnhancedCode{5, 1, 1}, ""},
	{bridge.ErrRepliesOff, 550, smtp.EnhancedCode{5, 7, 1}, ""},
	{bridge.ErrForbidden, 550, smtp.EnhancedCode{5, 7, 1}, ""},
	{bridge.ErrTooLarge, 552, smtp.EnhancedCode{5, 3, 4}, ""},
	{bridge.ErrInvalid, 554, smtp.EnhancedCode{5, 6, 0}, ""},
	{errLongPath, 501, smtp.EnhancedCode{5, 1, 3}, "The address is too long"},
	{errOddPath, 501, smtp.EnhancedCode{5, 1, 3}, "The address has characters that no address has"},
	{errUTF8Path, 553, smtp.EnhancedCode{5, 6, 7}, "An address that is not ASCII needs SMTPUTF8"},
	{errTooBig, 552, smtp.EnhancedCode{5, 3, 4}, "The mail is larger than this host takes"},
	{errTooMuch, 552, smtp.EnhancedCode{5, 3, 4}, "The mail is larger than this host takes, closing"},
	{errNoRoom, 452, smtp.EnhancedCode{4, 3, 1}, "Too many large mails at once, try again later"},
	{errSlow, 421, smtp.EnhancedCode{4, 3, 1}, "Others wait for room, and this mail comes too slowly, closing"},
	{errLoop, 554, smtp.EnhancedCode{5, 4, 6}, "Too many Received fields, this mail is going round in a loop"},
	{errBareLine, 550, smtp.EnhancedCode{5, 6, 0}, "Lines of a mail must end with CR LF, a bare CR or LF is not taken (RFC 5321, section 2.3.8)"},
	{errVerdict, 451, smtp.EnhancedCode{4, 7, 0}, "The sender can't be checked at the moment, try again later"},
	{io.ErrUnexpectedEOF, 451, smtp.EnhancedCode{4, 4, 2}, "The mail was cut short"},
	{context.DeadlineExceeded, 451, smtp.EnhancedCode{4, 3, 0}, "That took too long, try again later"},
}

// maxText is the longest text of a reply that is sent, in octets: a reply line has 512 (RFC 5321, section 4.5.3.1.5).
const maxText = 490

// replyTo returns the reply for an error. Whatever is not in the table is our own fault, so the client is asked to try again.
func (r *run) replyTo(err error) *smtp.SMTPError {
	for _, e := range replies {
		if !errors.Is(err, e.err) {
			continue
		}
		text := e.text
		if text == "" {
			text = oneLine(r.Gateway.Refusal(err))
		}
		if text == "" {
			text = "Refused"
		}
		return &smtp.SMTPError{Code: e.code, EnhancedCode: e.enh, Message: text}
	}
	return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "Something went wrong here, try again later"}
}

// oneLine makes a text fit for a reply: one line of printable ASCII.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		switch {
		case r < ' ' || r == 0x7f:
			return ' '
		case r > 0x7f:
			return '?'
		}
		return r
	}, s)), " ")
	if len(s) > maxText {
		s = s[:maxText]
	}
	return s
}

// isPermanent reports whether trying again is of no use.
func isPermanent(e *smtp.SMTPError) bool { return e.Code >= 500 }
