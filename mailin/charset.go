package mailin

import (
	"bytes"
	"encoding/base64"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/emersion/go-message/charset"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
)

// decodeCharset returns octets of the named charset as valid UTF-8 without NUL. A label that cannot be right gives way to what
// the octets show: well-formed UTF-8 is UTF-8, since text of another charset is that only by a rare accident, and Windows-1252 is what is left.
// html says that the octets are an HTML document, which may name its charset itself.
func decodeCharset(b []byte, label string, html bool) string {
	label = cleanLabel(label)
	if html && label == "" {
		label = cleanLabel(metaCharset(b))
	}
	if strings.HasPrefix(label, "utf-16") && len(b)%2 == 1 {
		b = b[:len(b)-1] // half a character, as where a line end was added
	}
	if isASCII(b) && !stateful(label) {
		return withoutNUL(string(b))
	}
	switch {
	case bytes.HasPrefix(b, []byte("\xef\xbb\xbf")) && utf8.Valid(b):
		return withoutNUL(string(b[3:]))
	case bytes.HasPrefix(b, []byte("\xff\xfe")), bytes.HasPrefix(b, []byte("\xfe\xff")):
		if len(b) >= 4 && !strings.HasPrefix(label, "utf-8") {
			return convert(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), b)
		}
	}
	switch label {
	case "", "utf-8", "us-ascii", "iso-8859-1", "windows-1252", "iso-8859-15":
		if utf8.Valid(b) && !bytes.Contains(b, []byte("\x1b$")) {
			return withoutNUL(string(b))
		}
		switch {
		case bytes.Contains(b, []byte("\x1b$")) && is7bit(b):
			return convert(japanese.ISO2022JP, b)
		case label == "iso-8859-15":
			return convert(charmap.ISO8859_15, b)
		case label == "utf-8" && mostlyUTF8(b):
			// Cut or damaged UTF-8 is still UTF-8.
			return withoutNUL(strings.ToValidUTF8(string(b), "\uFFFD"))
		case label == "":
			return withoutNUL(eachAsItIs(b))
		}
		return convert(charmap.Windows1252, b)
	case "utf-7":
		return withoutNUL(decodeUTF7(b))
	case "gb2312", "gbk", "gb18030":
		return convert(simplifiedchinese.GB18030, b)
	case "hz-gb-2312":
		return convert(simplifiedchinese.HZGB2312, b)
	}
	// The WHATWG's reading of a label comes first, since it is what senders mean; go-message knows those that are left.
	if enc, err := htmlindex.Get(label); err == nil && enc != encoding.Replacement {
		return convert(enc, b)
	}
	if r, err := charset.Reader(label, bytes.NewReader(b)); err == nil {
		if out, err := io.ReadAll(r); err == nil {
			return withoutNUL(strings.ToValidUTF8(string(out), "\uFFFD"))
		}
	}
	if utf8.Valid(b) {
		return withoutNUL(string(b))
	}
	return convert(charmap.Windows1252, b)
}

// labels maps what mailers write to what is meant.
var labels = map[string]string{
	"utf8": "utf-8", "unicode-1-1-utf-8": "utf-8", "utf-8-mac": "utf-8", "utf8mb4": "utf-8", "x-utf-8": "utf-8", "cp65001": "utf-8",
	"ascii": "us-ascii", "ansi": "windows-1252", "ansi_x3.4-1968": "us-ascii", "646": "us-ascii", "iso646-us": "us-ascii", "default": "", "unknown": "",
	"unknown-8bit": "", "x-unknown": "", "x-user-defined": "", "binary": "", "8bit": "", "7bit": "", "none": "", "en": "", "x-unkown": "",
	"latin1": "iso-8859-1", "latin-1": "iso-8859-1", "iso8859-1": "iso-8859-1", "iso_8859-1": "iso-8859-1", "iso88591": "iso-8859-1", "8859-1": "iso-8859-1", "l1": "iso-8859-1",
	"cp1252": "windows-1252", "x-cp1252": "windows-1252", "win-1252": "windows-1252", "cp-1252": "windows-1252", "windows1252": "windows-1252",
	"iso8859-15": "iso-8859-15", "iso_8859-15": "iso-8859-15", "latin9": "iso-8859-15", "latin-9": "iso-8859-15", "iso88592": "iso-8859-2",
	"cp936": "gbk", "x-gbk": "gbk", "gb_2312-80": "gb2312", "gb2312_charset": "gb2312", "x-gb18030": "gb18030", "chinese": "gbk", "hz": "hz-gb-2312",
	"cp932": "shift_jis", "ms932": "shift_jis", "windows-31j": "shift_jis", "x-sjis": "shift_jis", "sjis": "shift_jis", "shift-jis": "shift_jis", "x-ms-cp932": "shift_jis",
	"iso-2022-jp-1": "iso-2022-jp", "iso-2022-jp-2": "iso-2022-jp", "iso-2022-jp-ms": "iso-2022-jp", "cp50220": "iso-2022-jp", "cp50221": "iso-2022-jp",
	"ks_c_5601": "euc-kr", "ks_c_5601-1987": "euc-kr", "ks_c_5601-1989": "euc-kr", "ksc5601": "euc-kr", "cp949": "euc-kr", "ms949": "euc-kr", "uhc": "euc-kr", "korean": "euc-kr",
	"cp950": "big5", "x-big5": "big5", "big-5": "big5", "utf7": "utf-7", "unicode-1-1-utf-7": "utf-7", "x-utf-7": "utf-7", "csutf7": "utf-7",
	"cp1250": "windows-1250", "cp1251": "windows-1251", "win-1251": "windows-1251", "cp1253": "windows-1253", "cp1254": "windows-1254", "cp1255": "windows-1255",
	"cp1256": "windows-1256", "cp1257": "windows-1257", "cp1258": "windows-1258", "iso-8859-8-i": "iso-8859-8", "koi8r": "koi8-r", "koi8u": "koi8-u", "cp866": "ibm866",
}

func cleanLabel(s string) string {
	s = strings.ToLower(strings.Trim(s, " \t\"'<>;,:\r\n"))
	if l, ok := labels[s]; ok {
		return l
	}
	return s
}

// stateful charsets use ASCII octets for everything.
func stateful(label string) bool {
	return strings.HasPrefix(label, "utf-7") || strings.HasPrefix(label, "utf-16") || strings.HasPrefix(label, "utf-32") || strings.HasPrefix(label, "hz") ||
		strings.HasPrefix(label, "unicode")
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf || c == 0x1b || c == 0x0e {
			return false
		}
	}
	return true
}

func is7bit(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
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
