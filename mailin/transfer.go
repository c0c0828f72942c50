package mailin

import (
	"bytes"
	"encoding/base64"
	"unicode/utf8"
)

// transfer is a Content-Transfer-Encoding (RFC 2045, section 6).
type transfer int

const (
	encNone transfer = iota // 7bit, 8bit, binary, or nothing that is known
	encBase64
	encQP
	encUU
)

// parseEncoding reads a Content-Transfer-Encoding field as tolerantly as some client does: comments, quotes, trailing words.
func parseEncoding(value []byte) (enc transfer, known bool) {
	v := plainSpaces(unfold(value))
	if bytes.HasPrefix(v, []byte("=?")) {
		v = []byte(decodeWords(v))
	}
	i := skipSpace(v, 0)
	word := v[i:]
	if j := bytes.IndexAny(word, " \t;,("); j >= 0 {
		word = word[:j]
	}
	switch lowerWord(bytes.Trim(word, "\"'<>:")) {
	case "base64", "base-64", "b64", "x-base64", "b":
		return encBase64, true
	case "quoted-printable", "quotedprintable", "quoted_printable", "quoted-print", "qp", "q", "x-quoted-printable":
		return encQP, true
	case "x-uuencode", "uuencode", "x-uue", "uue", "x-uu":
		return encUU, true
	case "", "7bit", "8bit", "binary", "7-bit", "8-bit", "7bits", "8bits", "none", "plain", "ascii", "utf-8":
		return encNone, true
	}
	low := squeezeWord(v)
	switch {
	case bytes.Contains(low, []byte("base64")):
		return encBase64, false
	case bytes.Contains(low, []byte("quoted")):
		return encQP, false
	case bytes.Contains(low, []byte("uuencode")):
		return encUU, false
	}
	return encNone, false
}

// squeezeWord takes white space and comments out of a value, in lower case.
func squeezeWord(v []byte) []byte {
	out := make([]byte, 0, len(v))
	for i := 0; i < len(v); {
		if j := skipSpace(v, i); j > i {
			i = j
			continue
		}
		c := v[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		out = append(out, c)
		i++
	}
	return out
}

// base64Value maps an octet to its six bits, or 64 for "=", or 255.
var base64Value = func() (t [256]byte) {
	for i := range t {
		t[i] = 255
	}
	for i := range 64 {
		t["ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[i]] = byte(i)
	}
	t['='] = 64
	return t
}()

// decodeBase64 decodes into one buffer of the right size. It passes over octets outside the alphabet (RFC 2045, section 6.8) and
// takes missing padding for granted. Some readers stop at the first padding, others go on: where more follows it, the second
// result is the length of what the former see, and otherwise zero.
func decodeBase64(b []byte) (out []byte, first int) {
	out = make([]byte, 0, len(b)/4*3+3)
	var acc uint32
	n := 0
	for i := 0; i < len(b); {
		// Whole lines of clean text go through the standard library's decoder, which is several times faster.
		if n == 0 {
			end := bytes.IndexByte(b[i:], '\n')
			if end < 0 {
				end = len(b) - i
			}
			line := b[i : i+end]
			if l := len(line); l > 0 && line[l-1] == '\r' {
				line = line[:l-1]
			}
			if l := len(line); l > 0 && l%4 == 0 && line[l-1] != '=' {
				if k, err := base64.StdEncoding.Decode(out[len(out):cap(out)], line); err == nil {
					out = out[:len(out)+k]
					i = min(i+end+1, len(b))
					continue
				}
			}
			// Not clean: octet by octet to the end of this line.
			stop := min(i+end+1, len(b))
			var done bool
			if out, first, acc, n, done = decodeSlow(b, i, stop, out, first, acc, n); done {
				return out, first
			}
			i = stop
			continue
		}
		// In the middle of a quantum at the start of a line: the rest has to be read octet by octet until it is whole.
		end := bytes.IndexByte(b[i:], '\n')
		stop := len(b)
		if end >= 0 {
			stop = i + end + 1
		}
		var done bool
		if out, first, acc, n, done = decodeSlow(b, i, stop, out, first, acc, n); done {
			return out, first
		}
		i = stop
	}
	return tail64(out, acc, n), first
}

// plainAlphabet makes base64 out of the alphabet for URLs (RFC 4648, section 5), where it has only that one's signs.
func plainAlphabet(b []byte) []byte {
	if bytes.IndexByte(b, '-') < 0 && bytes.IndexByte(b, '_') < 0 {
		return b
	}
	for line := range bytes.Lines(b) {
		if l := bytes.TrimSpace(line); len(l) > 0 && len(bytes.Trim(l, "-_")) == 0 {
			return b // a rule
		}
	}
	plain, signs, padding := 0, 0, 0
	for _, c := range b {
		switch v := base64Value[c]; {
		case c == '-' || c == '_':
			signs++
		case c == '+' || c == '/' || v == 255 && c > ' ':
			return b
		case v < 64:
			plain++
		case v == 64:
			padding++
		}
	}
	// Else the signs are junk among whole groups.
	if n := plain + signs + padding; n%4 != 0 && (padding > 0 || n%4 == 1 || plain%4 == 0) {
		return b
	}
	out := bytes.ReplaceAll(b, []byte("-"), []byte("+"))
	for i, c := range out {
		if c == '_' {
			out[i] = '/'
		}
	}
	return out
}

// decodeSlow decodes b[i:stop] octet by octet. done is true if what follows a padding is no more base64.
func decodeSlow(b []byte, i, stop int, out []byte, first int, acc uint32, n int) ([]byte, int, uint32, int, bool) {
	for ; i < stop; i++ {
		v := base64Value[b[i]]
		switch {
		case v < 64:
			acc = acc<<6 | uint32(v)
			if n++; n == 4 {
				out = append(out, byte(acc>>16), byte(acc>>8), byte(acc))
				acc, n = 0, 0
			}
		case v == 64 && n == 2 && i+1 < len(b) && base64Value[b[i+1]] < 64:
			// One sign where two would be the padding: a stray one.
		case v == 64 && n >= 2:
			out = tail64(out, acc, n)
			acc, n = 0, 0
			for i+1 < len(b) && b[i+1] == '=' {
				i++
			}
			if first == 0 {
				if !moreBase64(b[i+1:]) {
					return out, first, acc, n, true
				}
				first = len(out)
			}
		}
	}
	return out, first, acc, n, false
}

func tail64(out []byte, acc uint32, n int) []byte {
	switch n {
	case 2:
		out = append(out, byte(acc>>4))
	case 3:
		out = append(out, byte(acc>>10), byte(acc>>2))
	}
	return out
}

// moreBase64 reports whether what follows a padding is base64 too, and not a footer that some list or scanner put below.
func moreBase64(b []byte) bool {
	b = bytes.TrimLeft(b, " \t\r\n")
	b = b[:min(len(b), 76)]
	good := 0
	for _, c := range b {
		switch {
		case base64Value[c] < 64:
			good++
		case c == '\r' || c == '\n' || c == '=':
		default:
			return false
		}
	}
	return good >= 2
}

// decodeQP decodes quoted-printable (RFC 2045, section 6.7) into one buffer. An "=" that begins nothing stays.
func decodeQP(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); {
		j := i
		for j < len(b) && b[j] != '=' && b[j] != '\n' {
			j++
		}
		out = append(out, b[i:j]...)
		if i = j; i == len(b) {
			break
		}
		if b[i] == '\n' {
			// White space at a line's end was added on the way (rule 3), and CRLF stays CRLF.
			cr := len(out) > 0 && out[len(out)-1] == '\r'
			end := len(out)
			if cr {
				end--
			}
			kept := end
			for kept > 0 && (out[kept-1] == ' ' || out[kept-1] == '\t') && !encodedSpace(b, i, end-kept, cr) {
				kept--
			}
			out = out[:kept]
			if cr {
				out = append(out, '\r')
			}
			out = append(out, '\n')
			i++
			continue
		}
		if i+2 < len(b) && unhex(b[i+1]) >= 0 && unhex(b[i+2]) >= 0 {
			out = append(out, byte(unhex(b[i+1])<<4|unhex(b[i+2])))
			i += 3
			continue
		}
		k := i + 1
		for k < len(b) && (b[k] == ' ' || b[k] == '\t' || b[k] == '\r') {
			k++
		}
		if k >= len(b) || b[k] == '\n' {
			i = min(k+1, len(b)) // a soft line break
			continue
		}
		out = append(out, '=')
		i++
	}
	return out
}

// encodedSpace reports whether the last space of a line was written as =20 or =09, which is meant to stay. nl is the index of the LF
// in the encoded text, trimmed how many literal spaces were already taken off.
func encodedSpace(b []byte, nl, trimmed int, cr bool) bool {
	at := nl - 1 - trimmed
	if cr {
		at--
	}
	return at < 0 || b[at] != ' ' && b[at] != '\t'
}

// mayBeBase64 looks at the first octets for what isWhollyBase64 wants, and of text also whether they decode to it: words in capitals, or digits, are base64 by
// their letters.
func mayBeBase64(raw []byte, isText bool) bool {
	var start [30]byte
	b := bytes.TrimSpace(raw)
	if len(b) < 40 {
		return false
	}
	if n, err := base64.StdEncoding.Decode(start[:], b[:40]); err != nil || n < len(start) {
		return false
	}
	isText = isText && len(raw)-len(b) < 1024 // else trueEncoding may see less than that
	for i := 0; isText && i < len(start)-utf8.UTFMax; {
		r, n := utf8.DecodeRune(start[i:])
		if r == utf8.RuneError && n == 1 {
			return false
		}
		i += n
	}
	return true
}

// isWhollyBase64 reports whether b is nothing but lines of base64, as long and even as an encoder makes them: content whose
// Content-Transfer-Encoding was lost.
func isWhollyBase64(b []byte) bool {
	b = bytes.TrimSpace(b)
	if len(b) < 24 {
		return false
	}
	total, width, lines, short := 0, 0, 0, false
	for len(b) > 0 {
		line := b
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			line, b = b[:i], b[i+1:]
		} else {
			b = nil
		}
		line = bytes.TrimRight(line, "\r \t")
		if len(line) == 0 || short {
			return false
		}
		lines++
		if width == 0 {
			width = len(line)
			if width < 40 && len(b) > 2 {
				return false
			}
		} else if len(line) > width {
			return false
		} else if len(line) < width {
			short = true
		}
		for i, c := range line {
			if v := base64Value[c]; v == 255 || v == 64 && (len(b) > 0 || i < len(line)-2) {
				return false
			}
		}
		total += len(line)
	}
	return total%4 == 0 && (lines > 1 && width >= 40 && width%4 == 0 || lines == 1 && width >= 64)
}
