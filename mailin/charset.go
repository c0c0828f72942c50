package mailin

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/emersion/go-message/charset"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
)

// decodeCharset returns octets of the named charset as valid UTF-8 without NUL. A label that cannot be right gives way to what
// the octets show: well-formed UTF-8 is UTF-8, since text of another charset is that only by a rare accident, and Windows-1252 is what is left.
// html says that the octets are an HTML document, which may name its charset itself.
func decodeCharset(b []byte, label string, html bool) string {
	return decodeWith(sound, b, label, html)
}

// decodeLines is decodeCharset for a text, of which every line shall end in LF.
func decodeLines(b []byte, label string, html bool) string {
	return newlines(decodeWith(soundLines, b, label, html))
}

// sound makes a string of what is well-formed UTF-8.
func sound(b []byte) string { return withoutNUL(string(b)) }

// soundLines is sound for a text whose lines end in CRLF, and copies it no more than once.
func soundLines(b []byte) string {
	if bytes.IndexByte(b, 0) >= 0 {
		return sound(b)
	}
	var out strings.Builder
	out.Grow(len(b) - bytes.Count(b, []byte("\r")))
	for rest := b; ; {
		i := bytes.IndexByte(rest, '\r')
		if i < 0 {
			out.Write(rest)
			return out.String()
		}
		if i+1 == len(rest) || rest[i+1] != '\n' {
			return sound(b)
		}
		out.Write(rest[:i])
		rest = rest[i+1:]
	}
}

// decodeWith is decodeCharset; whole makes a string of what needs no decoding.
func decodeWith(whole func([]byte) string, b []byte, label string, html bool) string {
	label = cleanLabel(label)
	if html && label == "" {
		label, html = cleanLabel(metaCharset(b)), false
	}
	if (strings.HasPrefix(label, "utf-16") || strings.HasPrefix(label, "utf-32")) && isNarrow(b) {
		label = "utf-8"
	}
	if strings.HasPrefix(label, "utf-16") && len(b)%2 == 1 && len(b) > 1 {
		b = b[:len(b)-1] // half a character, as where a line end was added
	}
	if label == "" || label == "us-ascii" || label == "utf-8" || label == "iso-8859-1" {
		if l := wideOctets(b); l != "" {
			label = l
		}
	}
	if isASCII(b) && !stateful(label) {
		return whole(b)
	}
	switch {
	case bytes.HasPrefix(b, []byte("\xef\xbb\xbf")) && utf8.Valid(b):
		return whole(b[3:])
	case bytes.HasPrefix(b, []byte("\xff\xfe\x00\x00")), bytes.HasPrefix(b, []byte("\x00\x00\xfe\xff")):
		return withoutNUL(decodeUTF32(b, label))
	case bytes.HasPrefix(b, []byte("\xff\xfe")), bytes.HasPrefix(b, []byte("\xfe\xff")):
		if len(b) >= 4 && !strings.HasPrefix(label, "utf-8") {
			return convert(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), b)
		}
	}
	label = trueLabel(b, label)
	switch label {
	case "", "utf-8", "us-ascii", "iso-8859-1", "windows-1252", "iso-8859-15":
		if utf8.Valid(b) && !bytes.Contains(b, []byte("\x1b$")) {
			return whole(b)
		}
		switch {
		case bytes.Contains(b, []byte("\x1b$")) && is7bit(b):
			return withoutNUL(decodeISO2022(b, "iso-2022-jp"))
		case label == "iso-8859-15":
			return convert(charmap.ISO8859_15, b)
		case label == "utf-8" && mostlyUTF8(b):
			// Cut or damaged UTF-8 is still UTF-8.
			return withoutNUL(strings.ToValidUTF8(string(b), "\uFFFD"))
		case mostlyUTF8(b):
			return withoutNUL(eachAsItIs(b)) // two charsets met, as where a quote of another mail stands
		}
		if enc := guessCharset(b); enc != nil {
			return convert(enc, b)
		}
		return withoutNUL(eachAsItIs(b))
	case "utf-7":
		return withoutNUL(decodeUTF7(b))
	case "gb2312", "gbk", "gb18030":
		return convertWide(simplifiedchinese.GB18030, b)
	case "hz-gb-2312":
		return convert(simplifiedchinese.HZGB2312, b)
	case "utf-16", "utf-16le", "utf-16be":
		return convert(unicode.UTF16(utf16Order(b, label), unicode.IgnoreBOM), b)
	case "utf-32", "utf-32le", "utf-32be":
		return withoutNUL(decodeUTF32(b, label))
	}
	if strings.HasPrefix(label, "iso-2022-") {
		return withoutNUL(decodeISO2022(b, label))
	}
	if enc := pages[label]; enc != nil {
		return convert(enc, b)
	}
	if half := halves[label]; half != "" {
		return withoutNUL(decodeHalf(b, half))
	}
	// The WHATWG's reading of a label comes first, since it is what senders mean; go-message knows those that are left.
	if enc, err := htmlindex.Get(label); err == nil && enc != encoding.Replacement {
		switch label {
		case "big5", "euc-kr", "euc-jp", "shift_jis":
			return convertWide(enc, b)
		}
		return convert(enc, b)
	}
	if r, err := charset.Reader(label, bytes.NewReader(b)); err == nil {
		if out, err := io.ReadAll(r); err == nil {
			return withoutNUL(strings.ToValidUTF8(string(out), "\uFFFD"))
		}
	}
	return decodeWith(whole, b, "", html) // a name that nobody knows says nothing
}

// utf16Order returns the order of octets: the one that a mark or the label tells, else the one in which more of the common characters stand.
func utf16Order(b []byte, label string) unicode.Endianness {
	switch {
	case bytes.HasPrefix(b, []byte("\xff\xfe")):
		return unicode.LittleEndian
	case bytes.HasPrefix(b, []byte("\xfe\xff")):
		return unicode.BigEndian
	case label == "utf-16be":
		return unicode.BigEndian
	case label == "utf-16le":
		return unicode.LittleEndian
	}
	little, big := 0, 0
	for i := 0; i+1 < len(b) && i < 4096; i += 2 {
		switch {
		case b[i+1] == 0 && b[i] != 0:
			little++
		case b[i] == 0 && b[i+1] != 0:
			big++
		}
	}
	if little > big {
		return unicode.LittleEndian
	}
	return unicode.BigEndian // RFC 2781, section 4.3
}

// wideOctets tells UTF-16 that came without a label by the zero octets that Latin letters leave in it, or returns "".
func wideOctets(b []byte) string {
	b = b[:min(len(b), 1024)]
	if bytes.IndexByte(b, 0) < 0 || len(b) < 8 || bytes.HasPrefix(b, []byte("\xff\xfe")) || bytes.HasPrefix(b, []byte("\xfe\xff")) {
		return ""
	}
	var zeros [2]int
	for i, c := range b {
		if c == 0 {
			zeros[i&1]++
		}
	}
	switch half := len(b) / 2; {
	case zeros[1]*2 > half && zeros[0]*20 < half:
		return "utf-16le"
	case zeros[0]*2 > half && zeros[1]*20 < half:
		return "utf-16be"
	}
	return ""
}

func decodeUTF32(b []byte, label string) string {
	big := label != "utf-32le" && !bytes.HasPrefix(b, []byte("\xff\xfe\x00\x00"))
	if label == "utf-32" && len(b) >= 4 && b[0] != 0 && b[3] == 0 {
		big = false
	}
	var out strings.Builder
	out.Grow(len(b) / 2)
	for ; len(b) >= 4; b = b[4:] {
		r := rune(b[0]) | rune(b[1])<<8 | rune(b[2])<<16 | rune(b[3])<<24
		if big {
			r = rune(b[3]) | rune(b[2])<<8 | rune(b[1])<<16 | rune(b[0])<<24
		}
		if r == 0xfeff {
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}

// decodeHalf reads a charset whose lower half is ASCII.
func decodeHalf(b []byte, half string) string {
	upper := []rune(half)
	var out strings.Builder
	out.Grow(len(b) + len(b)/2)
	for _, c := range b {
		if c < utf8.RuneSelf {
			out.WriteByte(c)
		} else {
			out.WriteRune(upper[c-utf8.RuneSelf])
		}
	}
	return out.String()
}

func isASCII(b []byte) bool {
	return is7bit(b) && bytes.IndexByte(b, 0x1b) < 0 && bytes.IndexByte(b, 0x0e) < 0
}

func is7bit(b []byte) bool {
	for len(b) >= 8 {
		if binary.LittleEndian.Uint64(b)&0x8080808080808080 != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// control returns the index of the next control character at or behind i, or len(b).
func control(b []byte, i int) int {
	// Eight octets at once: one below a space borrows into its highest bit, where it has none itself.
	const spaces, high = 0x2020202020202020, 0x8080808080808080
	for ; i+8 <= len(b); i += 8 {
		if v := binary.LittleEndian.Uint64(b[i:]); (v-spaces)&^v&high != 0 {
			break
		}
	}
	for i < len(b) && b[i] >= ' ' {
		i++
	}
	return i
}

// mostlyUTF8 tells damaged UTF-8 from text that never was: at least ten sound characters beyond ASCII for each broken one.
func mostlyUTF8(b []byte) bool {
	good, bad := 0, 0
	broken := false // the octet before was broken too: a character cut short counts once
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		switch {
		case r == utf8.RuneError && n == 1:
			if !broken {
				bad++
			}
		case n > 1:
			good++
		}
		broken = r == utf8.RuneError && n == 1
		b = b[n:]
	}
	return good >= 10*bad || good > 0 && bad == 1
}

// eachAsItIs reads undeclared octets in which two charsets met, as where a quote of another mail stands: what is well-formed UTF-8 as that, other octets as
// Windows-1252.
func eachAsItIs(b []byte) string {
	var out strings.Builder
	out.Grow(len(b) + len(b)/4)
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			r = charmap.Windows1252.DecodeByte(b[0])
		}
		out.WriteRune(r)
		b = b[n:]
	}
	return out.String()
}

func convert(enc encoding.Encoding, b []byte) string {
	out, err := enc.NewDecoder().Bytes(b)
	if err != nil {
		// The decoders of x/text replace what they cannot read, so this is a fault of the encoding itself.
		return withoutNUL(strings.ToValidUTF8(string(b), "\uFFFD"))
	}
	return withoutNUL(strings.ToValidUTF8(string(out), "\uFFFD"))
}

func withoutNUL(s string) string {
	if strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(s, "\x00", "")
}

// metaCharset finds the charset that an HTML document names near its beginning.
func metaCharset(b []byte) string {
	b = bytes.ToLower(b[:min(len(b), 2048)])
	for {
		i := bytes.Index(b, []byte("<meta"))
		if i < 0 {
			return ""
		}
		b = b[i+5:]
		tag := b
		if j := bytes.IndexByte(tag, '>'); j >= 0 {
			tag = tag[:j]
		}
		if j := bytes.Index(tag, []byte("charset")); j >= 0 {
			v := bytes.TrimLeft(tag[j+7:], " \t\r\n")
			if len(v) > 0 && v[0] == '=' {
				v = bytes.TrimLeft(v[1:], " \t\r\n\"'")
				if k := bytes.IndexAny(v, " \t\r\n\"';/>"); k >= 0 {
					v = v[:k]
				}
				// A document that says UTF-16 in ASCII letters is not UTF-16.
				if len(v) < 40 && !bytes.HasPrefix(v, []byte("utf-16")) {
					return string(v)
				}
			}
		}
	}
}

// decodeUTF7 reads UTF-7 (RFC 2152). What is not well-formed is kept as it stands.
func decodeUTF7(b []byte) string {
	var out strings.Builder
	out.Grow(len(b))
	for i := 0; i < len(b); {
		c := b[i]
		if c != '+' {
			if c < utf8.RuneSelf {
				out.WriteByte(c)
			} else {
				out.WriteRune(utf8.RuneError)
			}
			i++
			continue
		}
		j := i + 1
		for j < len(b) && base64Value[b[j]] < 64 {
			j++
		}
		if j == i+1 {
			out.WriteByte('+')
			i++
			if i < len(b) && b[i] == '-' {
				i++
			}
			continue
		}
		raw := make([]byte, base64.RawStdEncoding.DecodedLen(j-i-1))
		if k, _ := base64.RawStdEncoding.Decode(raw, b[i+1:j]); k > 0 {
			units := make([]uint16, k/2)
			for u := range units {
				units[u] = uint16(raw[2*u])<<8 | uint16(raw[2*u+1])
			}
			out.WriteString(string(utf16.Decode(units)))
		}
		i = j
		if i < len(b) && b[i] == '-' {
			i++
		}
	}
	return out.String()
}
