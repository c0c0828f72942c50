// Package query reads what people type into a search field, and the words of texts in the form in which they are compared.
//
// A text is cut into words by Unicode Standard Annex 29, and each word is folded: case, accents, width and a few spellings don't
// matter. Scripts that put no spaces between words (Chinese, Japanese, Thai and others; Korean too, for its particles) are read as pairs
// of neighbouring characters instead, which finds any part of them without a dictionary.
//
// It must not know what is searched: no threads, no index, no keys.
package query

import (
	"iter"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Word is one word of a text.
type Word struct {
	Text       string // as it is compared
	Start, End int    // where it is in the text, in octets
	mid        int    // of a pair, where its second character begins in the text
	split      int    // of a pair, likewise in Text
	form       form
}

type form uint8

const (
	plain form = iota // of a script with spaces
	pair              // two neighbouring characters of a script without
	lone              // one such character by itself
)

// Bounds on one word: longer ones are no words, and count for their beginnings.
const (
	maxWord  = 64  // characters
	maxChunk = 512 // octets between two white spaces that are looked at as one
	maxMarks = 4   // combining marks on one character of a script without spaces
)

// The lengths of beginnings by which a word is found, in characters.
const (
	MinEdge = 3
	MaxEdge = 8
)

// Words returns the words of a text in order, with no two overlapping but for pairs. It takes linear time. Anything may be given,
// also what is not UTF-8.
func Words(text string) iter.Seq[Word] {
	return func(yield func(Word) bool) {
		c := cutter{text: text, fold: folder{caser: cases.Fold()}, yield: yield}
		for start := 0; start < len(text); {
			if space, n := spaceAt(text, start); space {
				start += n
				continue
			}
			end, ascii := chunk(text, start)
			if ascii {
				c.simple(start, end)
			} else {
				c.segments(start, end)
			}
			if c.stopped {
				return
			}
			start = end
		}
	}
}

func spaceAt(text string, i int) (bool, int) {
	if b := text[i]; b < utf8.RuneSelf {
		return b == ' ' || b >= '\t' && b <= '\r', 1
	}
	r, n := utf8.DecodeRuneInString(text[i:])
	return unicode.IsSpace(r), n
}

// chunk returns where the text without white space that begins at start ends, and whether it is all ASCII.
func chunk(text string, start int) (end int, ascii bool) {
	ascii = true
	for end = start; end < len(text); {
		space, n := spaceAt(text, end)
		if space || end > start && end-start+n > maxChunk {
			break
		}
		ascii = ascii && text[end] < utf8.RuneSelf
		end += n
	}
	return end, ascii
}

// cutter hands out the words of one text.
type cutter struct {
	text    string
	fold    folder
	yield   func(Word) bool
	stopped bool
	units   []unit // of the run of a script without spaces that is being read
}

// unit is one character of a script without spaces, with its marks.
type unit struct {
	text       string
	start, end int
}

func (c *cutter) give(w Word) {
	if !c.stopped && w.Text != "" {
		c.stopped = !c.yield(w)
	}
}

// simple reads ASCII, where a word is letters and digits.
func (c *cutter) simple(start, end int) {
	for i := start; i < end && !c.stopped; {
		if !alnum(c.text[i]) {
			i++
			continue
		}
		from := i
		for i < end && alnum(c.text[i]) {
			i++
		}
		c.plain(from, i)
	}
}

func alnum(b byte) bool { return b >= '0' && b <= '9' || b|0x20 >= 'a' && b|0x20 <= 'z' }

// segments reads any other text: word by word as the standard cuts it, and each of those once more at its punctuation, so
// that "l'hôpital" is found by "hôpital" and "blood_results.pdf" by "results".
func (c *cutter) segments(start, end int) {
	state := -1
	for rest := c.text[start:end]; rest != "" && !c.stopped; {
		var segment string
		segment, rest, state = uniseg.FirstWordInString(rest, state)
		c.segment(start, start+len(segment))
		start += len(segment)
	}
	c.flush()
}

func (c *cutter) segment(start, end int) {
	from := -1 // where a plain word began
	for i := start; i < end; {
		r, n := utf8.DecodeRuneInString(c.text[i:end])
		switch {
		case dense(r):
			c.endPlain(&from, i)
			c.units = append(c.units, unit{start: i, end: i + n})
		case mark(r):
			if from < 0 && len(c.units) > 0 {
				if u := &c.units[len(c.units)-1]; u.end == i && i-u.start < maxMarks*utf8.UTFMax {
					u.end = i + n
				}
			}
		case unicode.IsLetter(r) || unicode.IsNumber(r):
			if from < 0 {
				c.flush()
				from = i
			}
		default:
			c.endPlain(&from, i)
			c.flush()
		}
		i += n
	}
	c.endPlain(&from, end)
}

func (c *cutter) endPlain(from *int, end int) {
	if *from >= 0 {
		c.plain(*from, end)
		*from = -1
	}
}

func (c *cutter) plain(start, end int) {
	c.give(Word{Text: c.fold.word(c.text[start:end]), Start: start, End: end})
}

// flush hands out the pairs of the run that was read.
func (c *cutter) flush() {
	for i := range c.units {
		u := &c.units[i]
		u.text = c.fold.unit(c.text[u.start:u.end])
	}
	if len(c.units) == 1 {
		u := c.units[0]
		c.give(Word{Text: u.text, Start: u.start, End: u.end, form: lone})
	}
	for i := 0; i+1 < len(c.units); i++ {
		a, b := c.units[i], c.units[i+1]
		c.give(Word{Text: a.text + b.text, Start: a.start, End: b.end, mid: b.start, split: len(a.text), form: pair})
	}
	c.units = c.units[:0]
}

// Edges hands out the beginnings by which a word is found: three to eight characters of it, or each single character of a script
// without spaces.
func (w Word) Edges(yield func(string) bool) {
	switch w.form {
	case lone:
		yield(w.Text)
	case pair:
		_ = yield(w.Text[:w.split]) && yield(w.Text[w.split:])
	default:
		n := 0
		for i := range w.Text {
			if n >= MinEdge && !yield(w.Text[:i]) {
				return
			}
			if n++; n > MaxEdge {
				return
			}
		}
		if n >= MinEdge {
			yield(w.Text)
		}
	}
}

// dense reports whether a character is of a script that puts no spaces between words, or of Korean.
func dense(r rune) bool {
	switch {
	case r < 0x0E00, r >= 0x2000 && r <= 0x206F:
		return false
	case plainDense(r):
		return true
	case r == 'ー' || r == 'ｰ' || r == '々' || r == '〇' || r == '〆':
		return true
	}
	return unicode.IsLetter(r) && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo,
		unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

// plainDense reports the same for the characters that nearly all of such texts are made of, which have one form only.
func plainDense(r rune) bool {
	return r >= 0x4E00 && r <= 0x9FFF || r >= 0x3041 && r <= 0x3096 || r >= 0x30A1 && r <= 0x30FA || r >= 0xAC00 && r <= 0xD7A3
}

// mark reports whether a character belongs to the one before it: combining marks, the two half-width voicing marks, and what
// shows nothing by itself.
func mark(r rune) bool {
	return r >= 0x00AD && (unicode.IsMark(r) || r == 0xFF9E || r == 0xFF9F || unicode.Is(unicode.Cf, r))
}

// folder brings words to the form in which they are compared.
type folder struct {
	caser   cases.Caser
	letters *[0x600]string
	buf     []byte
}

func (f *folder) word(s string) string {
	if ascii(s) {
		return strings.ToLower(s[:min(len(s), maxWord)])
	}
	if w, ok := f.common(s); ok {
		return w
	}
	return f.any(s)
}

// common folds a word of the letters that most languages with spaces are written in, character by character.
func (f *folder) common(s string) (string, bool) {
	if f.letters == nil {
		f.letters = letters()
	}
	b := f.buf[:0]
	n := 0
	for _, r := range s {
		if int(r) >= len(f.letters) {
			return "", false
		}
		if n++; n > maxWord {
			break
		}
		b = append(b, f.letters[r]...)
	}
	f.buf = b
	return string(b), true
}

// letters returns the folded forms of Latin, Greek, Cyrillic, Armenian and Hebrew characters.
var letters = sync.OnceValue(func() *[0x600]string {
	f := folder{caser: cases.Fold()}
	var all [0x600]string
	for r := range rune(len(all)) {
		all[r] = f.any(string(r))
	}
	return &all
})

func (f *folder) any(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range f.caser.String(norm.NFKD.String(strings.ToValidUTF8(s, ""))) {
		if n++; n > maxWord {
			break
		}
		if to, ok := spellings[r]; ok {
			b.WriteString(to)
		} else if !accent(r) {
			b.WriteRune(digit(r))
		}
	}
	return norm.NFC.String(b.String())
}

// unit keeps marks: in these scripts they tell one word from another.
func (f *folder) unit(s string) string {
	if r, n := utf8.DecodeRuneInString(s); n == len(s) && plainDense(r) {
		return s
	}
	return f.caser.String(norm.NFKC.String(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) || r >= 0xFE00 && r <= 0xFE0F {
			return -1
		}
		return r
	}, s)))
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// accent reports whether a character only modifies another, so that it is left out: accents, Hebrew points, Arabic vowel marks,
// soft hyphens and joiners. Vowel signs of Indic scripts are none.
func accent(r rune) bool {
	switch {
	case r >= 0x0300 && r <= 0x036F, r >= 0x0591 && r <= 0x05C7, r >= 0x0610 && r <= 0x061A, r >= 0x064B && r <= 0x065F, r == 0x0670, r == 0x0640,
		r >= 0x06D6 && r <= 0x06ED, r >= 0x1AB0 && r <= 0x1AFF, r >= 0x1DC0 && r <= 0x1DFF, r >= 0x20D0 && r <= 0x20FF, r >= 0xFE00 && r <= 0xFE0F:
		return true
	}
	return unicode.Is(unicode.Cf, r)
}

// spellings are letters that no decomposition leads to the one that people type instead.
var spellings = map[rune]string{
	'ø': "o", 'đ': "d", 'ł': "l", 'ħ': "h", 'ı': "i", 'æ': "ae", 'œ': "oe", 'þ': "th", 'ð': "d", 'ŋ': "n", 'ß': "ss",
	'ى': "ي", 'ی': "ي", 'ة': "ه", 'ک': "ك", 'ہ': "ه", 'ς': "σ",
}

// digit returns the ASCII form of Arabic, Persian and Devanagari digits.
func digit(r rune) rune {
	for _, zero := range [...]rune{'٠', '۰', '०'} {
		if r >= zero && r <= zero+9 {
			return r - zero + '0'
		}
	}
	return r
}
