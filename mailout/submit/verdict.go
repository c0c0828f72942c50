package submit

import (
	"errors"
	"strings"

	"github.com/emersion/go-smtp"

	"letterlock/mailout/compose"
)

// envelopeID returns the ENVID (RFC 3461, section 4.4) that a report will name: what the reverse-path has behind its "+", which is keyed, so
// that a forged one is of no use.
func envelopeID(m compose.Mail) string {
	local, _, _ := strings.Cut(m.ReversePath, "@")
	if _, tag, ok := strings.Cut(local, "+"); ok {
		return tag
	}
	return m.Delivery.String()
}

// unknownParameter reports whether a command was refused for a parameter (RFC 5321, section 4.2.4: 501, 504 and 555).
func unknownParameter(err error) bool {
	var reply *smtp.SMTPError
	if !errors.As(err, &reply) {
		return false
	}
	return (reply.Code == 501 || reply.Code == 504 || reply.Code == 555) &&
		(reply.EnhancedCode[0] <= 0 || reply.EnhancedCode == smtp.EnhancedCode{5, 5, 4} || reply.EnhancedCode == smtp.EnhancedCode{5, 5, 0})
}

// AddressRefused reports whether the recipient's address itself was refused for good, rather than this mail, its sender or its size: by a
// status that says so (RFC 3463, section 3.2; RFC 7505 for 5.1.10), or without one by a reply to RCPT that means a mailbox (RFC 5321, section
// 4.2.3).
func (e *Error) AddressRefused() bool {
	if e == nil || !e.Permanent {
		return false
	}
	switch e.Enhanced {
	case "5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.4", "5.1.6", "5.1.10", "5.2.1":
		return e.Stage != StageMail // where it would be the sender's
	case "":
		return e.Stage == StageRcpt && (e.Code == 550 || e.Code == 551 || e.Code == 553)
	}
	return false
}

// Crowded reports whether the next hop says that we have too many connections to it. No code means that alone, so its words are looked at.
func (e *Error) Crowded() bool {
	if e == nil || e.Code < 400 || e.Stage == StageRcpt || e.Stage == StageData || e.Stage == StageContent {
		return false
	}
	text := strings.ToLower(e.Text)
	for _, of := range []string{"connection", "session", "concurren"} {
		if !strings.Contains(text, of) {
			continue
		}
		for _, much := range []string{"too many", "too much", "exceed", "limit", "maximum", "max ", "concurren"} {
			if strings.Contains(text, much) {
				return true
			}
		}
	}
	return false
}
