package mailin

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
)

// trueLabel returns the label that octets beyond ASCII can have, given the one that they bear. Programs put the label of their own settings on text that
// they pass on, mostly on UTF-8; and they call the charsets of Windows by the names of those that these extend.
func trueLabel(b []byte, label string) string {
	switch label {
	case "", "utf-8", "us-ascii", "iso-8859-1", "windows-1252":
		return label
	case "iso-8859-15":
		if !utf8.Valid(b) && hasC1(b) {
			return "windows-1252"
		}
		return label
	case "utf-7", "hz-gb-2312":
		if !is7bit(b) {
			return ""
		}
		return label
	}
	if strings.HasPrefix(label, "iso-2022-") {
		if is7bit(b) || bytes.IndexByte(b, 0x1b) >= 0 || bytes.IndexByte(b, 0x0e) >= 0 {
			return label
		}
		switch {
		case utf8.Valid(b):
			return "utf-8"
		case strings.HasPrefix(label, "iso-2022-kr"):
			return "euc-kr"
		case strings.HasPrefix(label, "iso-2022-cn"):
			return "gb18030"
		}
		return eightBitJapanese(b, label)
	}
	if label == "shift_jis" {
		// Letters of EUC-JP look like half-width ones, which hardly any text consists of.
		euc, _ := wideCharsets[wideJapanese].score(sample(b))
		if own, _ := wideCharsets[wideJapanese+1].score(sample(b)); euc > 0.8 && own < 0.45 {
			return "euc-jp"
		}
	}
	// A charset of one octet a character gives well-formed UTF-8 by hardly any word; one of two gives it now and then by a short one.
	if n := sequences(b); n >= 4 || n >= 2 && !wideLabel(label) {
		return "utf-8"
	}
	if w := extended[label]; w != "" && hasC1(b) {
		return w
	}
	return label
}

// extended are the charsets of Windows that have letters where those of ISO have control characters. Where letters differ as well, such a text is not of ISO.
var extended = map[string]string{
	"iso-8859-2": "windows-1250", "iso-8859-4": "windows-1257", "iso-8859-5": "windows-1251", "iso-8859-6": "windows-1256", "iso-8859-7": "windows-1253", "iso-8859-8": "windows-1255",
	"iso-8859-13": "windows-1257",
}

func wideLabel(label string) bool {
	switch label {
	case "gb2312", "gbk", "gb18030", "big5", "euc-kr", "euc-jp", "shift_jis", "windows-874":
		return true
	}
	return false
}

// sequences counts the characters of well-formed UTF-8 beyond ASCII. It is zero where b is none.
func sequences(b []byte) int {
	n := 0
	for len(b) > 0 {
		if b[0] < utf8.RuneSelf {
			b = b[1:]
			continue
		}
		r, size := utf8.DecodeRune(b)
		if r == utf8.RuneError && size == 1 {
			return 0
		}
		n++
		b = b[size:]
	}
	return n
}

func hasC1(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 && c < 0xa0 {
			return true
		}
	}
	return false
}

// isNarrow tells text in octets from text in units of two or four, which is bound to have an octet of zero in its spaces and line ends.
func isNarrow(b []byte) bool {
	if bytes.IndexByte(b, 0) >= 0 || len(b) < 8 || !utf8.Valid(b) {
		return false
	}
	spaces := 0
	for _, c := range b {
		switch {
		case c == ' ' || c == '\n':
			spaces++
		case c < ' ' && c != '\r' && c != '\t':
			return false
		}
	}
	return spaces*20 > len(b) || sequences(b) >= 4
}

// eightBitJapanese tells what stands where escapes were promised: the label stays for half-width letters in eight bits.
func eightBitJapanese(b []byte, label string) string {
	half := true
	for _, c := range b {
		half = half && (c < utf8.RuneSelf || c >= 0xa1 && c <= 0xdf)
	}
	if half {
		return label
	}
	best, score := "shift_jis", 0.0
	for i, l := range []string{"euc-jp", "shift_jis"} {
		if s, _ := wideCharsets[wideJapanese+i].score(sample(b)); s > score {
			best, score = l, s
		}
	}
	return best
}

// convertWide reads a charset of several octets a character. One that leaves much unread is likely another one.
func convertWide(enc encoding.Encoding, b []byte) string {
	s := convert(enc, b)
	bad := strings.Count(s, "\uFFFD")
	if bad*25 <= len(s)/3 {
		return s
	}
	if g := guessCharset(b); g != nil && g != enc {
		if t := convert(g, b); strings.Count(t, "\uFFFD")*4 <= bad {
			return t
		}
	}
	return s
}
