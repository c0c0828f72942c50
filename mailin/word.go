package mailin

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// decodeText returns an unstructured field as text: unfolded, encoded-words decoded (RFC 2047), raw 8-bit read as what it most
// likely is, without control characters.
func decodeText(value []byte) string {
	if len(value) == 0 {
		return ""
	}
	return oneLine(decodeWords(unfold(value)))
}

// oneLine makes a string fit for one line: no control characters, spaces in place of tabs and line ends, valid UTF-8.
func oneLine(s string) string {
	clean := true
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			clean = false
			break
		}
	}
	if clean {
		return strings.TrimSpace(s)
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\r' || r == '\u2028' || r == '\u2029':
			return ' '
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD")))
}

// spaced puts one space between the words of a string, and none around them.
func spaced(s string) string {
	before := ' '
	for _, r := range s {
		if r != ' ' && unicode.IsSpace(r) || r == ' ' && before == ' ' {
			return strings.Join(strings.Fields(s), " ")
		}
		before = r
	}
	return strings.TrimSuffix(s, " ")
}

// word is one encoded-word, its text decoded to the octets of its charset.
type word struct {
	charset string
	octets  []byte
	tail    []byte // base64 that was cut in the middle of a quantum: it goes on in the next word, or is all there is
}

// whole returns all octets of a word that nothing follows.
func (w *word) whole() []byte {
	if len(w.tail) == 0 {
		return w.octets
	}
	b, _ := decodeBase64(w.tail)
	return append(w.octets, b...)
}

// ended reports whether a word's base64 ends with its tail, its padding left out, although a word of n signs follows. The bits that fill its last sign up are
// zero then. Where they belong to the next octet, that is a control character if there are four of them. If there are two it may be a space or a digit too; but
// then what makes the quantum whole is an odd number of signs, where all words before the last are of even length.
func (w *word) ended(n int) bool {
	switch len(w.tail) {
	case 2:
		return base64Value[w.tail[1]]&15 == 0
	case 3:
		return base64Value[w.tail[2]]&3 == 0 && n%2 == 0
	}
	return false
}

// join appends the next word, which has the same charset.
func (w *word) join(next word, base64 []byte) {
	if len(w.tail) > 0 && base64 != nil && !w.ended(len(base64)) {
		next = splitBase64(next.charset, append(bytes.Clone(w.tail), base64...))
		w.octets = append(w.octets, next.octets...)
	} else {
		w.octets = append(w.whole(), next.octets...)
	}
	w.tail = next.tail
}

// splitBase64 decodes the whole quanta of a word's text.
func splitBase64(charset string, text []byte) word {
	w := word{charset: charset}
	text = plainAlphabet(text)
	n := len(text)
	if bytes.IndexByte(text, '=') < 0 && bytes.IndexByte(text, ' ') < 0 {
		n &^= 3
	}
	w.octets, _ = decodeBase64(text[:n])
	w.tail = text[n:]
	return w
}

// decodeWords decodes every encoded-word in b, wherever it stands: real senders put them into quoted strings and leave out the
// spaces around them. Neighbours of one charset are joined before their charset is decoded, since many senders cut a
// character in two. Time is linear in b.
func decodeWords(b []byte) string {
	i := bytes.Index(b, []byte("=?"))
	if i < 0 {
		return decodeRaw(b)
	}
	var out strings.Builder
	out.Grow(len(b))
	var pending word
	open := false // an encoded-word was the last thing read
	flush := func() {
		if open {
			out.WriteString(decodeCharset(pending.whole(), pending.charset, false))
			open = false
		}
	}
	for {
		w, base64, after, ok, more := readWord(b, i)
		if !ok {
			if !more {
				break
			}
			// Not one after all: go on behind its first sign, keeping what was passed for the next raw stretch.
			j := bytes.Index(b[i+2:], []byte("=?"))
			if j < 0 {
				break
			}
			i += 2 + j
			continue
		}
		raw := b[:i]
		if !open || !isBlank(raw) {
			flush()
			out.WriteString(decodeRaw(raw))
		}
		if open && strings.EqualFold(pending.charset, w.charset) {
			pending.join(w, base64)
		} else {
			flush()
			pending, open = w, true
		}
		b = b[after:]
		if i = bytes.Index(b, []byte("=?")); i < 0 {
			break
		}
	}
	flush()
	out.WriteString(decodeRaw(b))
	return out.String()
}

// readWord reads the encoded-word that begins at b[i:]. more is false if no further one can follow, so that a value full of
// beginnings without an end is not searched from each of them. base64 is the text of a word in that encoding.
func readWord(b []byte, i int) (w word, base64 []byte, after int, ok, more bool) {
	p := i + 2
	q := bytes.IndexByte(b[p:min(p+80, len(b))], '?')
	if q <= 0 {
		return w, nil, 0, false, true
	}
	charset := b[p : p+q]
	if bytes.IndexByte(charset, ' ') >= 0 {
		return w, nil, 0, false, true
	}
	p += q + 1
	if p+2 > len(b) || b[p+1] != '?' {
		return w, nil, 0, false, true
	}
	enc := b[p] | 0x20
	if enc != 'b' && enc != 'q' {
		return w, nil, 0, false, true
	}
	p += 2
	e := bytes.Index(b[p:], []byte("?="))
	if e < 0 {
		return w, nil, 0, false, false
	}
	text := b[p : p+e]
	if star := bytes.IndexByte(charset, '*'); star > 0 {
		charset = charset[:star] // RFC 2231, section 5: a language follows
	}
	if enc == 'b' {
		return splitBase64(string(charset), text), text, p + e + 2, true, true
	}
	return word{charset: string(charset), octets: decodeQ(text)}, nil, p + e + 2, true, true
}

// decodeQ decodes the "Q" encoding (RFC 2047, section 4.2).
func decodeQ(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '_':
			out = append(out, ' ')
		case c == '=' && i+2 < len(b) && unhex(b[i+1]) >= 0 && unhex(b[i+2]) >= 0:
			out = append(out, byte(unhex(b[i+1])<<4|unhex(b[i+2])))
			i += 2
		default:
			out = append(out, c)
		}
	}
	return out
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// decodeRaw reads octets that stand undeclared in a header.
func decodeRaw(b []byte) string {
	for _, c := range b {
		if c >= utf8.RuneSelf || c == 0x1b {
			return decodeCharset(b, "", false)
		}
	}
	return string(b)
}
