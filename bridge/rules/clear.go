package rules

import (
	"math/bits"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// asRead returns a text as it reads: in compatibility form (full-width letters and digits are plain ones, circled ones too), without characters
// that have no width, with ASCII digits in place of any script's, and with every space but a line's end as a plain one.
func asRead(s string) string {
	i := plainTo(s, 0)
	if i == len(s) {
		return s
	}
	b := append(make([]byte, 0, len(s)+len(s)/8), s[:i]...)
	for i < len(s) {
		r, to, end := reads.piece(s, i)
		if to == mixed {
			b = appendRead(b, s[i:end])
		} else {
			b = reads.append(b, r, to)
		}
		i = plainTo(s, end)
		b = append(b, s[end:i]...)
	}
	return string(b)
}

// plainTo returns up to where a text is as it reads, from a place on, without the last rune if the next one is mixed.
func plainTo(s string, from int) int {
	i := from
	for i < len(s) {
		i += printable(s[i:])
		if i = reads.keptTo(s, i); i == len(s) {
			break
		}
		r, to, end := reads.next(s, i)
		if to != r {
			break
		}
		i = end
	}
	return reads.apart(s, from, i)
}

// reads has what runes read as.
var reads = byRune{become: appendRead}

// printable returns how many octets of a text, about, are printable ASCII before the first that is not.
func printable(s string) int {
	rest := s
	for ; len(rest) >= 8; rest = rest[8:] {
		w := eight(rest)
		if odd := (w | (w - ' '*ones)) & high; odd != 0 {
			return len(s) - len(rest) + bits.TrailingZeros64(odd)/8
		}
	}
	return len(s) - len(rest)
}

// appendRead is asRead for anything.
func appendRead(b []byte, s string) []byte {
	s = norm.NFKC.String(strings.ToValidUTF8(s, "\uFFFD"))
	for _, r := range s {
		switch {
		case r < utf8.RuneSelf:
			if r >= ' ' || r == '\n' || r == '\t' {
				b = append(b, byte(r))
			} else if r != 0 {
				b = append(b, ' ')
			}
		case invisible(r):
		case unicode.IsSpace(r) || unicode.Is(unicode.Z, r) || r == '\u2800' || r == '\u3164' || r == '\uFFA0':
			b = append(b, ' ')
		default:
			if d := digit(r); d >= 0 {
				b = append(b, '0'+byte(d))
			} else {
				b = utf8.AppendRune(b, r)
			}
		}
	}
	return b
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
func fold(clear string) string { return string(appendFold(nil, clear)) }

// folds has what runes are folded to.
var folds = byRune{become: appendFolded, joins: true}

// foldedASCII is what ASCII is folded to.
var foldedASCII = func() (all [utf8.RuneSelf]byte) {
	for c := range byte(utf8.RuneSelf) {
		all[c] = c
		switch {
		case c == ' ', c == '\n', c == '\t', c == '-', c == '_', c == '\r':
			all[c] = ' '
		case c >= 'A' && c <= 'Z':
			all[c] = c - 'A' + 'a'
		}
	}
	return all
}()

// appendFold is fold, into an empty b.
func appendFold(b []byte, clear string) []byte {
	b = slices.Grow(b, len(clear))
	for i := 0; i < len(clear); {
		if c := clear[i]; c < utf8.RuneSelf && (i+1 == len(clear) || clear[i+1] < utf8.RuneSelf) {
			if c = foldedASCII[c]; c != ' ' || len(b) == 0 || b[len(b)-1] != ' ' {
				b = append(b, c)
			}
			i++
			continue
		}
		if end := folds.apart(clear, i, folds.keptTo(clear, i)); end > i {
			b = append(b, clear[i:end]...)
			i = end
			continue
		}
		r, to, end := folds.piece(clear, i)
		before := len(b)
		if to == mixed {
			b = append(b, appendFolded(nil, clear[i:end])...)
		} else {
			b = folds.append(b, r, to)
		}
		if before > 0 && before < len(b) && b[before-1] == ' ' && b[before] == ' ' {
			b = slices.Delete(b, before, before+1)
		}
		i = end
	}
	return b
}

// appendFolded is appendFold for anything.
func appendFolded(b []byte, clear string) []byte {
	var folded strings.Builder
	space := false
	for _, r := range norm.NFKD.String(clear) {
		switch {
		case r != '\u3099' && r != '\u309A' && unicode.Is(unicode.Mn, r), r == '\u0640', invisible(r):
			continue
		case unicode.IsSpace(r), r == '_', unicode.Is(unicode.Pd, r), r == '\u2212':
			space = true
			continue
		}
		if space {
			folded.WriteByte(' ')
			space = false
		}
		r = unicode.ToLower(unicode.ToUpper(r))
		if s, ok := letters[r]; ok {
			folded.WriteString(s)
		} else {
			folded.WriteRune(r)
		}
	}
	if space {
		folded.WriteByte(' ')
	}
	return append(b, norm.NFC.String(folded.String())...)
}
