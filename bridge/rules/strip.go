package rules

import (
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// gap is what stands between two letters or digits.
type gap byte

const (
	none gap = iota // nothing
	thin            // what people put into one number: spaces, dashes, dots, on one line
	wide            // a line's end, a comma, a bracket: one number if the groups look like it
	wall            // anything longer or else
	plus            // a wall, and the plus sign of a telephone number
)

// The longest gaps that a number may have.
const (
	thinMost = 8
	wideMost = 3
)

// strip is a text reduced to ASCII letters and digits, with the gaps before each. The last gap is that at the end.
type strip struct {
	c     []byte
	gap   []gap
	above string // the text before
}

// strips are used again: nearly every mail needs one.
var strips = sync.Pool{New: func() any { return new(strip) }}

// maxKept is the length up to which a strip is kept, in characters.
const maxKept = 64 << 10

// forget ends a strip's use. Nothing of the text stays in it.
func (s *strip) forget() {
	if cap(s.c) > maxKept {
		return
	}
	s.reset()
	strips.Put(s)
}

func (s *strip) reset() {
	clear(s.c)
	s.c, s.gap, s.above = s.c[:0], s.gap[:0], ""
}

// read reduces a part of a cleared text.
func (s *strip) read(text string, from, to int) {
	s.reset()
	s.above, text = text[:from], text[from:to]
	s.c, s.gap = slices.Grow(s.c, len(text)), slices.Grow(s.gap, len(text)+1)
	c, gaps, n := s.c[:len(text)], s.gap[:len(text)+1], 0
	g := gapReader{kind: wall}
	for i := 0; i < len(text); {
		k := kinds[text[i]]
		if k < '0' {
			i += g.next(text[i:])
			continue
		}
		c[n], gaps[n] = k, g.end()
		i, n = i+1, n+1
		for ; i < len(text) && kinds[text[i]] >= '0'; i, n = i+1, n+1 {
			c[n], gaps[n] = kinds[text[i]], none
		}
		g = gapReader{}
	}
	gaps[n] = wall
	s.c, s.gap = c[:n], gaps[:n+1]
}

// kinds has for each letter its capital, for each digit itself, for all else in ASCII the gap that it makes, and none for what is not ASCII.
var kinds = func() (all [256]byte) {
	for c := range byte(utf8.RuneSelf) {
		switch {
		case isDigit(c), c >= 'A' && c <= 'Z':
			all[c] = c
		case c >= 'a' && c <= 'z':
			all[c] = c - 'a' + 'A'
		case strings.IndexByte(" -._/\\|*~+", c) >= 0:
			all[c] = byte(thin)
		default:
			all[c] = byte(wide)
		}
	}
	return all
}()

// gapReader classifies what stands between.
type gapReader struct {
	kind  gap
	runes int
	plus  bool // the last one was a plus
}

// next takes the first character of a text, which is no letter or digit of ASCII, and returns how long it is.
func (g *gapReader) next(text string) int {
	if c := text[0]; c < utf8.RuneSelf {
		g.ascii(c)
		return 1
	}
	r, size := utf8.DecodeRuneInString(text)
	g.read(r)
	return size
}

func (g *gapReader) ascii(c byte) {
	g.plus = c == '+'
	g.widen(gap(kinds[c]))
}

// end returns the gap when a letter or digit follows.
func (g *gapReader) end() gap {
	if g.plus && (g.runes > 1 || g.kind == wall) {
		return plus // alone between two digits it is a separator
	}
	return g.kind
}

// read takes a rune that is not ASCII.
func (g *gapReader) read(r rune) {
	if g.kind == wall && !g.plus {
		g.plus = r == '＋' // nothing else matters any more
		return
	}
	if letter(r) {
		g.plus = false
		g.widen(wall)
		return
	}
	if unicode.Is(unicode.Mn, r) {
		return // an accent over a digit, or one that a letter lost
	}
	g.plus = r == '＋'
	switch r {
	case '·', '•', '‧', '∙', '⋅', '・', '−', '⁄':
		g.widen(thin)
	default:
		switch {
		case unicode.Is(unicode.Pd, r):
			g.widen(thin)
		case unicode.IsPunct(r) || unicode.IsSymbol(r):
			g.widen(wide)
		default:
			g.widen(wall) // a letter of another script
		}
	}
}

// letter reports whether a rune is among most letters of texts that are not in ASCII.
func letter(r rune) bool {
	return r >= 'А' && r <= 'я' || eastAsian(r) || r >= 'À' && r <= 'ÿ' && r != '×' && r != '÷'
}

// eastAsian reports whether a rune is among most letters of Chinese, Japanese and Korean texts.
func eastAsian(r rune) bool {
	return r >= 'ぁ' && r <= 'ゖ' || r >= 'ァ' && r <= 'ヺ' || r >= '一' && r <= '鿿' || r >= '가' && r <= '힣'
}

// widen adds a character to a gap.
func (g *gapReader) widen(by gap) {
	g.runes++
	g.kind = max(g.kind, by)
	if g.kind == thin && g.runes > thinMost || g.kind == wide && g.runes > wideMost {
		g.kind = wall
	}
}

// window returns n characters from i on and the widest gap within, if none is a wall and something ends there.
func (s *strip) window(i, n int) ([]byte, gap, bool) {
	end := i + n
	if end > len(s.c) {
		return nil, wall, false
	}
	if after := s.gap[end]; after == none && (!isDigit(s.c[end-1]) || isDigit(s.c[end])) {
		return nil, wall, false
	}
	widest := none
	for _, g := range s.gap[i+1 : end] {
		widest = max(widest, g)
	}
	return s.c[i:end], widest, widest < wall
}

// before returns the letters and digits before i, in b and as many as it holds.
func (s *strip) before(i int, b []byte) []byte {
	at := len(b)
	for i--; i >= 0 && at > 0; i-- {
		at--
		b[at] = s.c[i]
	}
	for i = len(s.above) - 1; i >= 0 && at > 0; i-- {
		if k := kinds[s.above[i]]; k >= '0' {
			at--
			b[at] = k
		}
	}
	return b[at:]
}

// groups calls fn with the size of each group of a window.
func (s *strip) groups(i, n int, fn func(size int) bool) bool {
	size := 1
	for _, g := range s.gap[i+1 : i+n] {
		if g == none {
			size++
			continue
		}
		if !fn(size) {
			return false
		}
		size = 1
	}
	return fn(size)
}

// single reports whether each character of a window stands alone.
func (s *strip) single(i, n int) bool {
	return s.groups(i, n, func(size int) bool { return size == 1 })
}

// alone reports whether no further digits stand on the same line beside a window.
func (s *strip) alone(i, n int) bool {
	before := i == 0 || s.gap[i] > thin || !isDigit(s.c[i-1])
	end := i + n
	return before && (end == len(s.c) || s.gap[end] > thin || !isDigit(s.c[end]))
}

// shaped reports whether the groups of a window have these sizes.
func (s *strip) shaped(i, n int, sizes []byte) bool {
	at := 0
	ok := s.groups(i, n, func(size int) bool {
		at++
		return at <= len(sizes) && size == int(sizes[at-1])
	})
	return ok && at == len(sizes)
}
