package rules

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// asRead returns a text as it reads: in compatibility form (full-width letters and digits are plain ones, circled ones too), without characters
// that have no width, with ASCII digits in place of any script's, and with every space but a line's end as a plain one.
func asRead(s string) string {
	if plainASCII(s) {
		return s
	}
	s = norm.NFKC.String(strings.ToValidUTF8(s, "\uFFFD"))
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range s {
		switch {
		case r < utf8.RuneSelf:
			if r >= ' ' || r == '\n' || r == '\t' {
				b.WriteByte(byte(r))
			} else if r != 0 {
				b.WriteByte(' ')
			}
		case invisible(r):
		case unicode.IsSpace(r) || unicode.Is(unicode.Z, r) || r == '\u2800' || r == '\u3164' || r == '\uFFA0':
			b.WriteByte(' ')
		default:
			if d := digit(r); d >= 0 {
				b.WriteByte('0' + byte(d))
			} else {
				b.WriteRune(r)
			}
		}
	}
	return b.String()
}

func plainASCII(s string) bool {
	for i := range len(s) {
		if c := s[i]; c >= utf8.RuneSelf || c < ' ' && c != '\n' && c != '\t' {
			return false
		}
	}
	return true
}

// invisible reports whether a rune shows nothing: format characters, variation selectors, the keycap that goes around a digit, and
// fillers. They may stand between any two characters without being seen.
func invisible(r rune) bool {
	switch {
	case r == '\u034F', r == '\u115F', r == '\u1160', r == '\u17B4', r == '\u17B5', r == '\u20E3',
		r >= '\u180B' && r <= '\u180F', r >= '\uFE00' && r <= '\uFE0F', r >= 0xE0000 && r <= 0xE0FFF:
		return true
	}
	return unicode.In(r, unicode.Cf, unicode.Me)
}

// digit returns what a digit of any script is worth, or -1. Unicode keeps the ten digits of a script together, zero first, so that each
// range of category Nd is made of tens.
func digit(r rune) int {
	switch {
	case r >= 0x2776 && r <= 0x277E: // negative circled, which have no compatibility form
		return int(r-0x2776) + 1
	case r >= 0x2780 && r <= 0x2788:
		return int(r-0x2780) + 1
	case r >= 0x278A && r <= 0x2792:
		return int(r-0x278A) + 1
	case r >= 0x24F5 && r <= 0x24FD: // double circled
		return int(r-0x24F5) + 1
	case r == 0x24FF:
		return 0
	case !unicode.Is(unicode.Nd, r):
		return -1
	}
	for _, g := range unicode.Nd.R16 {
		if r <= rune(g.Hi) && r >= rune(g.Lo) {
			return int(r-rune(g.Lo)) % 10
		}
	}
	for _, g := range unicode.Nd.R32 {
		if r <= rune(g.Hi) && r >= rune(g.Lo) {
			return int(r-rune(g.Lo)) % 10
		}
	}
	return -1
}

// letters are those that differ by a stroke or are two in one, and so have no decomposition.
var letters = map[rune]string{
	'ß': "ss", 'æ': "ae", 'œ': "oe", 'ø': "o", 'ł': "l", 'đ': "d", 'ð': "d", 'þ': "th", 'ħ': "h", 'ŧ': "t", 'ı': "i", 'ŋ': "n",
}

// fold makes of a cleared text one in which words are compared: small letters without accents, and one space for each run of spaces, line ends,
// dashes and underscores. Marks that tell letters apart in Japanese stay.
func fold(clear string) string {
	var b strings.Builder
	b.Grow(len(clear))
	space := false
	write := func(s string) {
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteString(s)
	}
	if isASCII(clear) {
		for i := range len(clear) {
			switch c := clear[i]; {
			case c == ' ', c == '\n', c == '\t', c == '-', c == '_', c == '\r':
				space = true
			case c >= 'A' && c <= 'Z':
				write(lower[c-'A' : c-'A'+1])
			default:
				write(clear[i : i+1])
			}
		}
		if space {
			b.WriteByte(' ')
		}
		return b.String()
	}
	for _, r := range norm.NFKD.String(clear) {
		switch {
		case r != '\u3099' && r != '\u309A' && unicode.Is(unicode.Mn, r), r == '\u0640', invisible(r):
		case unicode.IsSpace(r), r == '_', unicode.Is(unicode.Pd, r), r == '\u2212':
			space = true
		default:
			r = unicode.ToLower(unicode.ToUpper(r))
			if s, ok := letters[r]; ok {
				write(s)
			} else {
				write(string(r))
			}
		}
	}
	if space {
		b.WriteByte(' ')
	}
	return norm.NFC.String(b.String())
}

const lower = "abcdefghijklmnopqrstuvwxyz"

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
