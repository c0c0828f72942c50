package compose

import (
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxWord bounds the encoded text of one encoded-word. RFC 2047, section 2, allows a whole word of 75; shorter ones fold better.
const maxWord = 52

// maxPlainWord is how long a word may be before a text is encoded just so that it can be folded.
const maxPlainWord = 200

// unstructured returns a value for Subject (RFC 5322, section 3.6.5), encoded where ASCII alone would not come out the same.
func unstructured(s string) string {
	s = oneLine(s)
	if plainWords(s) {
		return s
	}
	return encodedWords(s)
}

// mailbox returns a display name with an addr-spec that was found sendable (RFC 5322, section 3.4).
func mailbox(name, addr string) string {
	p := phrase(oneLine(name))
	if p == "" {
		return addr
	}
	return p + " <" + addr + ">"
}

// phrase returns a display name that is on one line as an atom, a quoted-string or encoded-words.
func phrase(s string) string {
	if !plainWords(s) {
		return encodedWords(s)
	}
	quoted := false
	for i := range len(s) {
		if c := s[i]; c != ' ' && !isAtext(c) {
			quoted = true
		}
	}
	switch {
	case !quoted:
		return s
	case len(s) > maxColumn/2 || strings.ContainsAny(s, `"\`):
		// Long ones could not be folded everywhere, and quoted-pairs are misread too often.
		return encodedWords(s)
	}
	return `"` + s + `"`
}

// plainWords reports whether a text on one line means the same written as it is.
func plainWords(s string) bool {
	if !isASCII(s) || strings.Contains(s, "=?") {
		return false
	}
	for word := range strings.SplitSeq(s, " ") {
		if len(word) > maxPlainWord {
			return false
		}
	}
	return true
}

func isAtext(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}

// encodedWords writes text as encoded-words (RFC 2047), each of whole characters, in whichever of the two encodings is shorter.
func encodedWords(s string) string {
	if s == "" {
		return ""
	}
	q := 0
	for i := range len(s) {
		if c := s[i]; c == ' ' || isQSafe(c) {
			q++
		} else {
			q += 3
		}
	}
	if q <= base64.StdEncoding.EncodedLen(len(s)) {
		return words(s, "=?utf-8?q?", func(r string) int { return len(qText(r)) }, qText)
	}
	return words(s, "=?utf-8?b?", func(r string) int { return len(r) }, func(t string) string {
		return base64.StdEncoding.EncodeToString([]byte(t))
	})
}

func words(s, prefix string, cost func(string) int, encode func(string) string) string {
	limit := maxWord
	if prefix == "=?utf-8?b?" {
		limit = maxWord / 4 * 3
	}
	var b strings.Builder
	for len(s) > 0 {
		end, used := 0, 0
		for end < len(s) {
			_, n := utf8.DecodeRuneInString(s[end:])
			c := cost(s[end : end+n])
			if used+c > limit && end > 0 {
				break
			}
			end, used = end+n, used+c
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(prefix)
		b.WriteString(encode(s[:end]))
		b.WriteString("?=")
		s = s[end:]
	}
	return b.String()
}

// isQSafe is the set that RFC 2047, section 5 (3), leaves for encoded-words in a phrase; it serves everywhere.
func isQSafe(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("!*+-/", c) >= 0
}

func qText(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c == ' ':
			b.WriteByte('_')
		case isQSafe(c):
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return b.String()
}

// maxSegment bounds the octets of a parameter's value on one line.
const maxSegment = 54

// parameter writes "; name=value" for a MIME field, each on a line of its own: as a quoted-string where the value is short,
// plain ASCII, and as RFC 2231 says otherwise. It never writes both, since readers disagree about which one counts.
func parameter(name, value string) string {
	if len(value) <= maxSegment && isASCII(value) && !strings.ContainsAny(value, `"\%`) {
		return ";\r\n " + name + `="` + value + `"`
	}
	var b strings.Builder
	segments := segmented("utf-8''", value)
	for i, s := range segments {
		if len(segments) == 1 {
			fmt.Fprintf(&b, ";\r\n %s*=%s", name, s)
		} else {
			fmt.Fprintf(&b, ";\r\n %s*%d*=%s", name, i, s)
		}
	}
	return b.String()
}

// segmented percent-encodes a value and cuts it between characters.
func segmented(prefix, s string) []string {
	var out []string
	var b strings.Builder
	b.WriteString(prefix)
	for len(s) > 0 {
		_, n := utf8.DecodeRuneInString(s)
		enc := s[:n]
		if n > 1 || !isAttributeChar(s[0]) {
			enc = ""
			for i := range n {
				enc += fmt.Sprintf("%%%02X", s[i])
			}
		}
		if b.Len()+len(enc) > maxSegment {
			out = append(out, b.String())
			b.Reset()
		}
		b.WriteString(enc)
		s = s[n:]
	}
	return append(out, b.String())
}

// isAttributeChar is attribute-char of RFC 2231, section 7.
func isAttributeChar(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("!#$&+-.^_`{|}~", c) >= 0
}
