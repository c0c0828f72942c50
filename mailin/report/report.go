// Package report recognises mails that report on other mails, and reads what they say: delivery status notifications (RFC 3464, with
// RFC 6522 and the non-ASCII forms of RFC 6533), the bounces that mail servers write in words of their own, abuse reports (RFC 5965) and
// message disposition notifications (RFC 8098).
//
// It is pure: it works on the decoded parts of a mail and knows neither MIME nor the rest of this program. It believes what the report says; whether
// the report is about a mail that we sent, and so worth believing, is for the caller to check with Result.MessageIDs. A bounce
// without a standard's form is only taken for one if several independent signs agree, since a person's mail that quotes a bounce must stay a
// person's mail. Time is linear in the input.
package report

import (
	"bytes"
	"strings"
	"sync"

	"letterlock/bridge"
)

// Part is one part of the mail, not of a message inside it.
type Part struct {
	Type    string // media type in lower case
	Content []byte // decoded
}

// Mail is what Read looks at.
type Mail struct {
	Type        string // media type of the whole, in lower case
	ReportType  string // its report-type parameter (RFC 6522)
	From        string // addr-spec of the author
	FromName    string
	Subject     string
	NullSender  bool                     // the reverse-path is known to be <>
	Field       func(name string) string // the first header field of that name (in lower case), decoded, or ""
	Text        string                   // the decoded body, also when it came as HTML; line endings LF
	Parts       []Part
	InReplyTo   bool // it has an In-Reply-To or References field
	Attachments int  // files beside the parts of a report that are programs or archives
}

// Result is what Read found.
type Result struct {
	Kind       bridge.MailKind
	Recipients []bridge.ReportedRecipient // for a bounce
	MessageIDs []string                   // of the reported mail, without angle brackets
	Envelope   string                     // its envelope id (RFC 3461); empty where none is named
}

// IsPart reports whether a media type is one that only reports have, so that it is no attachment.
func IsPart(mediaType string) bool {
	switch mediaType {
	case "message/delivery-status", "message/global-delivery-status", "message/feedback-report", "message/disposition-notification",
		"message/global-disposition-notification", "text/rfc822-headers", "message/rfc822-headers", "message/global-headers":
		return true
	}
	return false
}

// Read tells what kind of report a mail is. It reports false for anything that is none.
func Read(m Mail) (Result, bool) {
	if m.Field == nil {
		m.Field = func(string) string { return "" }
	}
	reporting := m.Type == "multipart/report"
	var status, feedback, disposition, returned, loose []byte
	var statuses [][]byte
	for _, p := range m.Parts {
		switch p.Type {
		case "message/delivery-status", "message/global-delivery-status":
			statuses = append(statuses, p.Content)
		case "message/feedback-report":
			feedback = p.Content
		case "message/disposition-notification", "message/global-disposition-notification":
			disposition = p.Content
		case LooseStatus:
			loose = p.Content
		default:
			if returned == nil && isReturned(p) {
				returned = p.Content
			}
		}
	}
	if statuses != nil {
		// Some servers split the report; its groups are one list.
		status = bytes.Join(append([][]byte{nil}, statuses...), []byte("\n\n"))
	}
	if status == nil {
		status = loose // its part has lost its type
	}
	believed := senderWeight(m) == 3 || isAutomatic(m)
	answered := isReplyOrForward(m.Subject) || m.InReplyTo
	multipart := reporting && (believed || !answered || !isReplyOrForward(m.Subject))
	if !reporting && (strings.HasPrefix(m.Type, "multipart/") || IsPart(m.Type)) {
		// A person's client keeps the parts of a report that the person sends on.
		multipart = !answered || m.NullSender || believed && !isReplyOrForward(m.Subject)
	}
	switch {
	case feedback != nil && (multipart || reporting), reporting && strings.EqualFold(m.ReportType, "feedback-report"):
		return Result{Kind: bridge.KindComplaint, MessageIDs: messageIDs(returned, feedback), Envelope: envelopeID(feedback)}, true
	case disposition != nil && (multipart || reporting) && status == nil, reporting && strings.EqualFold(m.ReportType, "disposition-notification"):
		return Result{Kind: bridge.KindReceipt, MessageIDs: originalIDs(disposition, returned)}, true
	case status != nil && multipart && (reporting || len(readStatus(status)) > 0 && (believed || machineWords(m))):
		return Result{Kind: bridge.KindBounce, Recipients: improve(readStatus(status), m), MessageIDs: messageIDs(returned, []byte(m.Text)), Envelope: envelopeID(status)}, true
	}
	if rs, copyOf, ok := readWords(m); ok {
		if returned == nil {
			returned = copyOf
		}
		return Result{Kind: bridge.KindBounce, Recipients: rs, MessageIDs: messageIDs(returned, []byte(m.Text))}, true
	}
	if multipart && reporting && (strings.EqualFold(m.ReportType, "delivery-status") || isDaemon(m.From)) {
		// It says that it is a DSN and tells nothing else.
		return Result{Kind: bridge.KindBounce, Recipients: improve(nil, m), MessageIDs: messageIDs(returned, nil)}, true
	}
	if r, ok := readReceipt(m); ok {
		return r, true
	}
	return readComplaint(m)
}

// LooseStatus is the type that a caller gives to a part that holds the fields of a delivery status and says to be something else.
const LooseStatus = "x-letterlock/delivery-status"

// IsStatus reports whether the content of a part is that of a delivery status, whatever its type says.
func IsStatus(b []byte) bool {
	if len(b) > 64<<10 {
		return false
	}
	low := bytes.ToLower(b)
	return bytes.Contains(low, []byte("final-recipient:")) && bytes.Contains(low, []byte("action:")) && len(readStatus(b)) > 0
}

// machineWords reports whether what a mail says begins as servers write and comes from no sender that is plainly a person.
func machineWords(m Mail) bool {
	words, _ := wordsOf(m.Text)
	if passedOn(words) {
		return false
	}
	return opensAtOnce(words) || isBounceSubject(m.Subject) && (isMachine(m.From) || len(words) == 0)
}

// improve fills what the machine-readable part of a DSN left out from the words beside it.
func improve(rs []bridge.ReportedRecipient, m Mail) []bridge.ReportedRecipient {
	var words []line
	var found []bridge.ReportedRecipient
	looked := false
	look := func() {
		if !looked {
			looked = true
			words, _ = wordsOf(m.Text)
			found = findRecipients(m, words, returnedMail(m.Parts, ""))
		}
	}
	suggested := sync.OnceValue(func() string { return guessAction(m, words) })
	if len(rs) == 0 {
		look()
		for i := range found {
			finish(&found[i], suggested())
		}
		return found
	}
	for i := range rs {
		r := &rs[i]
		if !strings.Contains(r.Recipient, "@") || r.Diagnostic == "" || generic(r.Status) || r.Status == "" {
			look()
			// The words name the address where the fields have a mailbox's internal name, or nothing.
			if !strings.Contains(r.Recipient, "@") && len(found) > 0 && len(found) == len(rs) {
				r.Recipient = found[i].Recipient
			}
			for _, f := range found {
				if r.Diagnostic == "" && strings.EqualFold(f.Recipient, r.Recipient) {
					r.Diagnostic = f.Diagnostic
				}
			}
		}
		given := ""
		if r.Action == "" {
			look()
			given = suggested()
		}
		finish(r, given)
	}
	return rs
}

// messageIDs finds the Message-ID of the returned mail: in its header, else where the report's own words give one.
func messageIDs(returned, elsewhere []byte) []string {
	if ids := idsIn(returned, 64<<10, "message-id"); len(ids) > 0 {
		return ids
	}
	return idsIn(elsewhere, 256<<10, "message-id", "original-message-id", "x-original-message-id")
}

func originalIDs(disposition, returned []byte) []string {
	if ids := idsIn(disposition, 64<<10, "original-message-id"); len(ids) > 0 {
		return ids
	}
	return idsIn(returned, 64<<10, "message-id")
}

// idsIn finds fields of those names in the first octets of a text, and what stands in their angle brackets.
func idsIn(b []byte, limit int, names ...string) []string {
	b = b[:min(len(b), limit)]
	var ids []string
	for len(b) > 0 && len(ids) < 20 {
		var l []byte
		l, b, _ = bytes.Cut(b, []byte("\n"))
		l = bytes.TrimLeft(l, "> \t|")
		name, value, ok := bytes.Cut(l, []byte(":"))
		if !ok || len(name) > 40 {
			continue
		}
		for _, n := range names {
			if !strings.EqualFold(string(bytes.TrimSpace(name)), n) {
				continue
			}
			if len(bytes.TrimSpace(value)) == 0 {
				// A long Message-ID is folded behind the name.
				value, _, _ = bytes.Cut(b, []byte("\n"))
			}
			if id, ok := angle(string(value)); ok {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

func angle(s string) (string, bool) {
	i := strings.IndexByte(s, '<')
	if i < 0 {
		return "", false
	}
	j := strings.IndexByte(s[i:], '>')
	if j < 4 || j > 998 {
		return "", false
	}
	id := clean(s[i+1 : i+j])
	return id, id != "" && !strings.ContainsAny(id, " \t<")
}
