package report

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"letterlock/bridge"
)

// maxRecipients bounds the recipients of one report.
const maxRecipients = 500

// maxEnvelopeID bounds an envelope id, in octets (RFC 3461, section 4.4).
const maxEnvelopeID = 100

// envelopeID finds the envelope id of the reported mail in message/delivery-status (RFC 3464, section 2.2.1).
func envelopeID(b []byte) string {
	for n := 0; len(b) > 0 && n < 40; n++ {
		var l []byte
		l, b, _ = bytes.Cut(b, []byte("\n"))
		name, value, ok := bytes.Cut(l, []byte(":"))
		if ok && bytes.EqualFold(bytes.TrimSpace(name), []byte("original-envelope-id")) {
			if value = bytes.TrimSpace(value); len(value) <= maxEnvelopeID {
				return string(bytes.ToValidUTF8(value, nil))
			}
			return ""
		}
	}
	return ""
}

// readStatus reads the fields of message/delivery-status (RFC 3464, section 2.1): groups apart by empty lines, the first about the
// message, each other one about a recipient. Servers leave groups out, add empty lines or put all into one group, so a group is
// what begins with a recipient.
func readStatus(b []byte) []bridge.ReportedRecipient {
	var list []bridge.ReportedRecipient
	var r statusFields
	flush := func() {
		if (r.final != "" || r.original != "" || r.action != "") && len(list) < maxRecipients {
			list = append(list, r.recipient())
		}
		r = statusFields{}
	}
	var name string
	var value []byte // grows in place: a field may be folded into thousands of lines
	field := func() {
		if name == "" {
			return
		}
		v := strings.TrimSpace(string(value))
		switch name {
		case "final-recipient":
			if r.final != "" {
				flush()
			}
			r.final = address(v)
		case "original-recipient":
			if r.original != "" {
				flush()
			}
			r.original = address(v)
		case "x-actual-recipient":
			r.actual = address(v)
		case "action":
			if r.action != "" && (r.final != "" || r.original != "") {
				flush()
			}
			r.action = action(v)
		case "status":
			if r.status = findEnhanced(v); r.status == "" && len(v) > 0 && strings.IndexByte("245", v[0]) >= 0 && (replyCode(v) != "" || len(v) == 1 || v[1] == '.') {
				r.status = v[:1] + ".0.0"
			}
		case "diagnostic-code":
			if r.diagnostic == "" {
				r.diagnostic = diagnostic(v)
			}
		case "x-supplementary-info", "x-display-name", "x-notes":
			if r.extra == "" {
				r.extra = v
			}
		}
		name, value = "", value[:0]
	}
	text := decode(b)
	for raw := range strings.SplitSeq(text, "\n") {
		l := strings.TrimRight(raw, "\r \t")
		if l == "" {
			field()
			flush()
			continue
		}
		if l[0] == ' ' || l[0] == '\t' {
			if len(value) < 4000 {
				value = append(append(value, ' '), strings.TrimSpace(l)...)
			}
			continue
		}
		field()
		n, v, ok := strings.Cut(l, ":")
		if !ok || len(n) > 60 {
			continue
		}
		name, value = strings.ReplaceAll(strings.ToLower(strings.TrimSpace(n)), " ", "-"), append(value[:0], v...)
	}
	field()
	flush()
	// A group without a recipient, beside ones that have one, was about the message.
	named := list[:0:0]
	for _, r := range list {
		if r.Recipient != "" {
			named = append(named, r)
		}
	}
	if len(named) > 0 {
		return named
	}
	return list
}

// statusFields is one recipient's group.
type statusFields struct {
	final, original, actual, action, status, diagnostic, extra string
}

func (s *statusFields) recipient() bridge.ReportedRecipient {
	r := bridge.ReportedRecipient{Recipient: s.final, Action: s.action, Status: s.status, Diagnostic: s.diagnostic}
	for _, a := range []string{s.original, s.actual} {
		// A final recipient may be a pipe, a mailbox's name or an X.400 address.
		if a != "" && (r.Recipient == "" || !strings.Contains(r.Recipient, "@") && strings.Contains(a, "@")) {
			r.Recipient = a
		}
	}
	if r.Diagnostic == "" {
		r.Diagnostic = s.extra
	}
	return r
}

// action reads an Action field. Words that the standard does not have are mapped to what they mean.
func action(v string) string {
	w := strings.ToLower(strings.TrimSpace(v))
	if i := strings.IndexAny(w, " \t(;,"); i > 0 {
		w = w[:i]
	}
	switch w {
	case "failed", "delayed", "delivered", "relayed", "expanded":
		return w
	case "failure", "fail", "error", "undelivered", "bounced", "rejected", "failed.":
		return "failed"
	case "delay", "deferred", "transient", "warning":
		return "delayed"
	case "success", "ok":
		return "delivered"
	}
	return ""
}

// address reads an address with its type (RFC 3464, section 2.3.1): "rfc822; ann@example.com". The type may be missing, and the
// address in brackets, in xtext (RFC 3461, section 4) or with the escapes of RFC 6533.
func address(v string) string {
	if kind, rest, ok := strings.Cut(v, ";"); ok && !strings.ContainsAny(kind, "@<") {
		kind = strings.ToLower(strings.TrimSpace(kind))
		v = strings.TrimSpace(rest)
		if kind == "utf-8" {
			v = unescape(v)
		}
		if strings.HasPrefix(kind, "x-") && !strings.Contains(v, "@") {
			return ""
		}
	}
	v = strings.TrimSpace(v)
	if !strings.Contains(v, "@") && strings.Contains(v, "+40") {
		v = strings.Replace(v, "+40", "@", 1)
	}
	if a, _, ok := findAddress(v); ok {
		return a
	}
	return clip(clean(strings.Trim(v, "<> ")), 254)
}

// unescape reads \x{1F600} (RFC 6533, section 3).
func unescape(s string) string {
	var b strings.Builder
	for {
		i := strings.Index(s, `\x{`)
		if i < 0 {
			break
		}
		j := strings.IndexByte(s[i:], '}')
		if j < 0 || j > 9 {
			b.WriteString(s[:i+3])
			s = s[i+3:]
			continue
		}
		var r rune
		for _, c := range s[i+3 : i+j] {
			switch {
			case '0' <= c && c <= '9':
				r = r<<4 | (c - '0')
			case 'a' <= c|0x20 && c|0x20 <= 'f':
				r = r<<4 | (c | 0x20 - 'a' + 10)
			}
		}
		b.WriteString(s[:i])
		if utf8.ValidRune(r) && r > ' ' {
			b.WriteRune(r)
		}
		s = s[i+j+1:]
	}
	b.WriteString(s)
	return b.String()
}

// diagnostic reads a Diagnostic-Code field: "smtp; 550 5.1.1 …".
func diagnostic(v string) string {
	if kind, rest, ok := strings.Cut(v, ";"); ok && len(kind) < 30 && !strings.ContainsAny(strings.TrimSpace(kind), " .,") {
		v = rest
	}
	return clip(spaces(clean(v)), 1000)
}

// decode makes octets valid UTF-8.
func decode(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	var s strings.Builder
	s.Grow(len(b) + 16)
	for _, c := range b {
		s.WriteRune(rune(c)) // ISO 8859-1
	}
	return s.String()
}

// clean takes control characters out.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r == '\r' {
			return ' '
		}
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

func spaces(s string) string { return strings.Join(strings.Fields(s), " ") }

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
