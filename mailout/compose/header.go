package compose

import (
	"bytes"
	"strings"
	"unicode"
)

// maxColumn is where lines of the header section are folded (RFC 5322, section 2.1.1: "SHOULD be no more than 78 characters").
const maxColumn = 78

// maxID bounds a Message-ID, so that one which somebody else chose can't break the 998-octet limit of a line.
const maxID = 512

// header is a header section being written, in the order in which its fields are added.
type header struct{ b bytes.Buffer }

// add writes one field, folded between words. The value is ASCII, or UTF-8 where an address needs it, without control characters;
// its words are parted by single spaces, and none is longer than a line may be.
func (h *header) add(name, value string) {
	h.b.WriteString(name)
	h.b.WriteByte(':')
	column := len(name) + 1
	for word := range strings.SplitSeq(value, " ") {
		if column+1+len(word) > maxColumn && column > len(name)+1 {
			h.b.WriteString("\r\n")
			column = 0
		}
		h.b.WriteByte(' ')
		h.b.WriteString(word)
		column += 1 + len(word)
	}
	h.b.WriteString("\r\n")
}

// validID reports whether s can be written between the angle brackets of a Message-ID. It is stricter than RFC 5322, section 3.6.4
// where that helps (ASCII only, bounded) and laxer where real mail is.
func validID(s string) bool {
	if len(s) == 0 || len(s) > maxID {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '<' || c == '>' {
			return false
		}
	}
	return true
}

// idList writes Message-IDs for In-Reply-To or References, each once. What is no Message-ID is left out: a client finds the
// thread by the others.
func idList(ids []string) string {
	var b strings.Builder
	seen := make(map[string]bool, len(ids))
	for _, id := range ids {
		if !validID(id) || seen[id] {
			continue
		}
		seen[id] = true
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteByte('<')
		b.WriteString(id)
		b.WriteByte('>')
	}
	return b.String()
}

// clean returns s as valid UTF-8 in which each control character, line and paragraph separator is replaced. Marks that turn the
// direction of writing around are dropped: in a name they make one thing look like another.
func clean(s string, replacement rune) string {
	plain := true
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f {
			plain = false
			break
		}
	}
	if plain {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), r == '\u2028', r == '\u2029':
			return replacement
		case r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// lines returns a body's text as valid UTF-8 with "\n" line endings.
func lines(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if strings.IndexByte(s, '\r') < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}
