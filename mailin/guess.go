package mailin

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

// maxSample bounds the octets that a guess looks at.
const maxSample = 4096

// guessCharset tells the charset of octets that came without one, or with the wrong one that mailers put by default. They are not UTF-8.
// It returns nil where Windows-1252 is as good as anything: it must be surer of another charset than chance would make it.
func guessCharset(b []byte) encoding.Encoding {
	b = sample(b)
	high, letters, inRuns := 0, 0, 0
	for i := 0; i < len(b); {
		c := b[i]
		if c < utf8.RuneSelf {
			if 'a' <= c|0x20 && c|0x20 <= 'z' {
				letters++
			}
			i++
			continue
		}
		j := i
		for j < len(b) && b[j] >= utf8.RuneSelf {
			j++
		}
		if high += j - i; j-i >= 3 {
			inRuns += j - i
		}
		i = j
	}
	if high < 4 {
		return nil
	}
	wide, wideScore := guessWide(b, high, letters)
	if inRuns*2 < high && wideScore < 0.9 || high*3 < letters {
		// Letters of another script stand in words of their own; here single ones stand among Latin letters.
		return guessLatin(b)
	}
	narrow, narrowScore := guessNarrow(b)
	switch {
	case narrowScore >= 0.75 && narrowScore >= wideScore-0.05:
		return narrow
	case wideScore > 0.695:
		return wide
	case narrowScore >= 0.55:
		return narrow
	}
	return nil
}

// sample takes the lines with octets beyond ASCII, up to the bound: a mail may begin with much markup.
func sample(b []byte) []byte {
	if len(b) <= maxSample {
		return b
	}
	i := 0
	for i < len(b) && b[i] < utf8.RuneSelf {
		i++
	}
	return b[i:min(len(b), i+maxSample)]
}

// wideCharset is a charset of one and two octets, and how common its pairs are: weight returns a negative number for what cannot be.
type wideCharset struct {
	enc    encoding.Encoding
	weight func(lead, trail byte) (float64, bool) // false: the lead stands alone
}

// The first of the Japanese ones is EUC-JP, the second Shift_JIS.
const wideJapanese = 3

var wideCharsets = []wideCharset{
	{korean.EUCKR, func(l, t byte) (float64, bool) {
		switch {
		case l == 0x80 || l == 0xff || t < 0x41 || t == 0xff:
			return -1, true
		case l >= 0xb0 && l <= 0xc8 && t >= 0xa1:
			return 1, true
		case l >= 0xa1 && l <= 0xa3 && t >= 0xa1:
			return 0.8, true
		}
		return 0.05, true
	}},
	{simplifiedchinese.GB18030, func(l, t byte) (float64, bool) {
		switch {
		case l == 0x80 || l == 0xff || t < 0x40 || t == 0x7f || t == 0xff:
			return -1, true
		case l >= 0xb0 && l <= 0xd7 && t >= 0xa1, (l == 0xa1 || l == 0xa3) && t >= 0xa1:
			return 0.98, true
		case l >= 0xd8 && l <= 0xf7 && t >= 0xa1:
			return 0.35, true
		}
		return 0.05, true
	}},
	{traditionalchinese.Big5, func(l, t byte) (float64, bool) {
		switch {
		case l < 0x81 || l == 0xff || t < 0x40 || t > 0x7e && t < 0xa1 || t == 0xff:
			return -1, true
		case l >= 0xa4 && l <= 0xc6, l == 0xa1:
			return 0.97, true
		case l >= 0xc9 && l <= 0xf9:
			return 0.3, true
		}
		return 0.05, true
	}},
	{japanese.EUCJP, func(l, t byte) (float64, bool) {
		switch {
		case l == 0x8e && t >= 0xa1 && t <= 0xdf:
			return 0.5, true
		case l < 0xa1 || t < 0xa1 || l == 0xff || t == 0xff:
			return -1, true
		case l == 0xa4 && t <= 0xf3, l == 0xa5 && t <= 0xf6:
			return 1.5, true
		case l == 0xa1:
			return 1, true
		case l >= 0xb0 && l <= 0xcf:
			return 0.7, true
		case l >= 0xd0 && l <= 0xf4:
			return 0.3, true
		}
		return 0.05, true
	}},
	{japanese.ShiftJIS, func(l, t byte) (float64, bool) {
		switch {
		case l >= 0xa1 && l <= 0xdf:
			return 0.3, false
		case l == 0x80 || l == 0xa0 || l > 0xfc || t < 0x40 || t == 0x7f || t > 0xfc:
			return -1, true
		case l == 0x82 && t >= 0x9f && t <= 0xf1, l == 0x83 && t <= 0x96:
			return 1.5, true
		case l == 0x81:
			return 1, true
		case l >= 0x88 && l <= 0x97:
			return 0.7, true
		case l >= 0x98 && l <= 0x9f, l >= 0xe0 && l <= 0xea:
			return 0.3, true
		}
		return 0.05, true
	}},
}

// guessWide returns the likeliest charset of two octets a character, and a score: about 1 for ordinary text.
func guessWide(b []byte, high, letters int) (best encoding.Encoding, score float64) {
	for _, w := range wideCharsets {
		s, n := w.score(b)
		if n < 2 || n < 3 && letters > 0 || high*4 < letters {
			continue
		}
		if s > score {
			best, score = w.enc, s
		}
	}
	return best, score
}

// score tells how common the characters of b are in that charset, on average, and how many there are; zero where b cannot be of it.
func (w *wideCharset) score(b []byte) (score float64, n int) {
	sum := 0.0
	for i := 0; i < len(b); i++ {
		if b[i] < utf8.RuneSelf {
			continue
		}
		var t byte
		if i+1 < len(b) {
			t = b[i+1]
		} else if len(b) >= maxSample {
			break // cut by the sample
		}
		v, pair := w.weight(b[i], t)
		if v < 0 {
			return 0, 0
		}
		if pair {
			i++
		}
		sum += v
		n++
	}
	if n == 0 {
		return 0, 0
	}
	return sum / float64(n), n
}

// script is one that has charsets of one octet a character, and its most frequent letters.
type script struct {
	table    *unicode.RangeTable
	frequent string
	encs     []encoding.Encoding
}

var scripts = []script{
	{unicode.Cyrillic, "оеаинтсрвлкмдпуяыьгзбчйхжі", []encoding.Encoding{charmap.Windows1251, charmap.KOI8U, charmap.ISO8859_5, charmap.CodePage866, charmap.MacintoshCyrillic}},
	{unicode.Greek, "αοιετσνηυρπκμλςωάίόέήδγ", []encoding.Encoding{charmap.Windows1253, charmap.ISO8859_7}},
	{unicode.Hebrew, "יוהלאמתרשבנםדחקעפגכסטןצזךףץ", []encoding.Encoding{charmap.Windows1255}},
	{unicode.Arabic, "اليمنوترهدعبسفقةكحجشأصطىخضذغئثزظإء", []encoding.Encoding{charmap.Windows1256, charmap.ISO8859_6}},
	{unicode.Thai, "านรอกเงมยลวดทสตะปบคหแจพชขใไ่้ัีิุู์็ำโผซถธณ", []encoding.Encoding{charmap.Windows874}},
}

// guessNarrow returns the likeliest charset of another script than Latin with one octet a character, and a score: about 1 for ordinary text.
func guessNarrow(b []byte) (best encoding.Encoding, score float64) {
	for _, s := range scripts {
		for _, enc := range s.encs {
			decoded, err := enc.NewDecoder().Bytes(b)
			if err != nil {
				continue
			}
			sum, n := 0.0, 0
			var last rune
			for _, r := range string(decoded) {
				if r < utf8.RuneSelf {
					last = r
					continue
				}
				n++
				switch at := strings.IndexRune(s.frequent, r); {
				case at >= 0:
					switch at = utf8.RuneCountInString(s.frequent[:at]); {
					case at < 8:
						sum += 1.2
					case at < 16:
						sum++
					default:
						sum += 0.7
					}
				case unicode.IsUpper(r) && unicode.IsLower(last):
					sum -= 1.5 // aB: case turned around
				case unicode.IsUpper(r) && unicode.IsUpper(last):
					sum += 0.5
				case unicode.Is(s.table, r):
					sum += 0.7
				case unicode.IsPunct(r) || r == '\u00a0' || r == '№' || r == '₪' || r == '€':
					sum += 0.3
				default:
					sum--
				}
				last = r
			}
			if n > 0 && sum/float64(n) > score {
				best, score = enc, sum/float64(n)
			}
		}
	}
	return best, score
}

// latinCharsets are those of Latin letters beside Windows-1252, and the letters that their languages have.
var latinCharsets = []struct {
	enc     encoding.Encoding
	letters string
}{
	{charmap.Windows1250, "ąćęłńóśźżáčďéěíňřšťúůýžőöüűâăîșşţäôĺľŕđ"},
	{charmap.ISO8859_2, "ąćęłńóśźżáčďéěíňřšťúůýžőöüűâăîşţäôĺľŕđ"},
	{charmap.Windows1254, "çğıöşüâîûİ"},
}

const westernLetters = "äöüßéèêëàâçñóíáúôîïûùøåæãõœìòÿ"

// guessLatin returns a charset of other Latin letters, where reading it as Windows-1252 puts signs or odd letters within words and the other doesn't.
func guessLatin(b []byte) encoding.Encoding {
	score := func(enc encoding.Encoding, letters string) (sum int) {
		decoded, err := enc.NewDecoder().Bytes(b)
		if err != nil {
			return -len(b)
		}
		var last rune
		rs := []rune(string(decoded))
		for i, r := range rs {
			if r >= utf8.RuneSelf {
				inWord := i+1 < len(rs) && unicode.IsLetter(rs[i+1]) && (unicode.IsLetter(last) || i == 0)
				switch {
				case strings.ContainsRune(letters, unicode.ToLower(r)) || strings.ContainsRune(letters, r):
					sum++
					if unicode.IsUpper(r) && unicode.IsLower(last) {
						sum -= 3
					}
				case !unicode.IsLetter(r) && (inWord || unicode.IsLetter(last) && !unicode.IsPunct(r) && r != '\u00a0' && r != '°' && r != '€' && r != '²' && r != '³' && r != '™' && r != '®'):
					sum -= 2
				}
			}
			last = r
		}
		return sum
	}
	if isHungarian(b) {
		return charmap.Windows1250
	}
	best := score(charmap.Windows1252, westernLetters) + 2
	var enc encoding.Encoding
	for _, l := range latinCharsets {
		if s := score(l.enc, l.letters); s > best {
			best, enc = s, l.enc
		}
	}
	return enc
}

// isHungarian tells Hungarian from the languages of Windows-1252 that have the letters õ and û, which are its ő and ű: it has ö or ü and á or é beside them, and none of
// the letters of Portuguese, French or Estonian.
func isHungarian(b []byte) bool {
	var has [256]bool
	for _, c := range b {
		has[c|0x20] = has[c|0x20] || c >= 0xc0
	}
	if !has[0xf5] && !has[0xfb] || !has[0xf6] && !has[0xfc] || !has[0xe1] && !has[0xe9] {
		return false
	}
	for _, c := range []byte("\xe3\xe7\xea\xe0\xe8\xe4\xe2\xf4\xee") {
		if has[c] {
			return false
		}
	}
	return true
}
