package bridge

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"letterlock/bridge/mailaddr"
)

// cleanLine makes one line that is safe in a header field and on a page: no control or bidirectional-override characters,
// single spaces, at most limit characters.
func cleanLine(s string, limit int) string {
	var b strings.Builder
	b.Grow(min(len(s), max(limit, 0)))
	n, space := 0, false
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		if r > ' ' && r < 0x7f && !space && n < limit {
			b.WriteByte(byte(r)) // most are such
			n++
			continue
		}
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			space = true
			continue
		}
		if misleading(r) {
			continue
		}
		if n >= limit {
			break
		}
		if space && b.Len() > 0 {
			b.WriteByte(' ')
			n++
		}
		space = false
		b.WriteRune(r)
		n++
	}
	return b.String()
}

// misleading reports whether a rune changes how its neighbours read without being seen: overrides, isolates and the like in a
// name or subject can make one thing look like another.
func misleading(r rune) bool {
	switch {
	case r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069, r == 0x2028, r == 0x2029, r == 0xFEFF:
		return true
	}
	return false
}

// cleanText makes a text of many lines: LF line ends, no control characters but tab, no blank lines at either end.
func cleanText(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.ReplaceAll(s, "\r\n", "\n")
	s = strings.ReplaceAll(s, "\r", "\n")
	if hasControls(s) {
		s = strings.Map(func(r rune) rune {
			if r == '\n' || r == '\t' || !unicode.IsControl(r) {
				return r
			}
			return -1
		}, s)
	}
	s = strings.TrimRightFunc(s, unicode.IsSpace)
	for {
		line, rest, ok := strings.Cut(s, "\n")
		if !ok || strings.TrimSpace(line) != "" {
			return s
		}
		s = rest
	}
}

// hasControls reports whether there is a control character but line ends and tabs, in what is valid UTF-8. Nearly no text has one, and
// this looks at octets.
func hasControls(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ' && c != '\n' && c != '\t', c == 0x7f:
			return true
		case c == 0xc2 && i+1 < len(s) && s[i+1] < 0xa0: // U+0080 to U+009F
			return true
		}
	}
	return false
}

// fileName makes a name that is safe to show, to save under and to mail.
func fileName(s string) string {
	if i := strings.LastIndexAny(s, `/\`); i >= 0 {
		s = s[i+1:]
	}
	s = strings.TrimLeft(cleanLine(s, 1000), ". ")
	s = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`"<>|:*?`, r) {
			return '_'
		}
		return r
	}, s)
	if s == "" {
		return "attachment"
	}
	const most = 180 // octets, under what file systems allow
	if len(s) <= most {
		return s
	}
	ext := ""
	if i := strings.LastIndexByte(s, '.'); i > 0 && len(s)-i <= 16 {
		ext = s[i:]
	}
	cut := most - len(ext)
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + ext
}

// contentType keeps a plain type/subtype and calls everything else an octet stream.
func contentType(s string) string {
	s, _, _ = strings.Cut(s, ";")
	s = strings.ToLower(strings.TrimSpace(s))
	kind, sub, ok := strings.Cut(s, "/")
	if !ok || len(s) > 100 || !token(kind) || !token(sub) {
		return "application/octet-stream"
	}
	return s
}

func token(s string) bool {
	for _, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', strings.IndexByte("!#$&^_.+-", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}

// address normalises an address that somebody typed. Its error wraps ErrInvalid.
func address(s string) (string, error) {
	s = strings.TrimSpace(s)
	if err := mailaddr.Valid(s); err != nil {
		return "", fmt.Errorf("%q is not an email address (%v): %w", clip(cleanLine(s, 80), 80), err, ErrInvalid)
	}
	return mailaddr.Normalize(s), nil
}

// Preview returns the beginning of a message for a list, as one line.
func (m *Message) Preview() string {
	text := m.Text
	if len(text) > 800 {
		text = text[:800]
	}
	if p := cleanLine(text, 140); p != "" {
		return p
	}
	if len(m.Attachments) > 0 {
		return m.Attachments[0].Filename
	}
	return ""
}

// authorFor returns the author of a message as a contact may see it. Whoever has no name writes under their address, which is nobody
// else's business: another contact's is masked, and in place of a member of staff nobody is named but the organization.
func authorFor(reader ID, m Message) string {
	if m.Author == reader || !strings.Contains(m.AuthorName, "@") {
		return m.AuthorName
	}
	if m.AuthorKind != ByContact {
		return ""
	}
	words := strings.Fields(m.AuthorName)
	for i, w := range words {
		if masked := maskAddress(strings.Trim(w, "<>(),")); masked != "" {
			words[i] = masked
		}
	}
	return strings.Join(words, " ")
}

// maskAddress shows a person which of their addresses is meant, and a stranger little: a•••@example.org.
func maskAddress(addr string) string {
	local, domain, ok := mailaddr.Split(addr)
	if !ok {
		return ""
	}
	_, n := utf8.DecodeRuneInString(local)
	return local[:n] + "•••@" + domain
}
