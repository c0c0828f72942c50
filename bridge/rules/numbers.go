package rules

import (
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// numbers looks for everything that has digits.
type numbers struct {
	card []int // places of rules, as below
	iban []int
	ids  []idRule
}

type idRule struct {
	id   *National
	rule int
}

func (n *numbers) addID(key string, rule int) bool {
	for i := range ids {
		if ids[i].Key == key {
			n.ids = append(n.ids, idRule{&ids[i], rule})
			return true
		}
	}
	return false
}

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
	c   []byte
	gap []gap
}

// strips are used again: nearly every mail needs one, twice as long as itself.
var strips = sync.Pool{New: func() any { return new(strip) }}

// maxKept is the length up to which a strip is kept, in characters.
const maxKept = 64 << 10

// forget ends a strip's use. Nothing of the text stays in it.
func (s *strip) forget() {
	if cap(s.c) > maxKept {
		return
	}
	clear(s.c)
	s.c, s.gap = s.c[:0], s.gap[:0]
	strips.Put(s)
}

// read reduces a cleared text. It finds no characters if there are too few digits for anything.
func (s *strip) read(text string) {
	digits := 0
	for i := range len(text) {
		if isDigit(text[i]) {
			digits++
		}
	}
	if digits < 6 {
		return
	}
	s.c, s.gap = slices.Grow(s.c, len(text)), slices.Grow(s.gap, len(text)+1)
	g := gapReader{kind: wall}
	for i := 0; i < len(text); {
		c := text[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(text[i:])
			i += size
			g.read(r)
			continue
		}
		i++
		if k := asciiKinds[c]; k >= '0' {
			s.add(k, &g)
		} else {
			g.plus = c == '+'
			g.widen(gap(k))
		}
	}
	s.gap = append(s.gap, wall)
}

// asciiKinds has for each letter its capital, for each digit itself, and for all else the gap that it makes.
var asciiKinds = func() (all [utf8.RuneSelf]byte) {
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

func (s *strip) add(c byte, g *gapReader) {
	kind := g.kind
	if g.plus && (g.runes > 1 || kind == wall) {
		kind = plus // alone between two digits it is a separator
	}
	s.c = append(s.c, c)
	s.gap = append(s.gap, kind)
	*g = gapReader{}
}

// gapReader classifies what stands between.
type gapReader struct {
	kind  gap
	runes int
	plus  bool // the last one was a plus
}

// read takes a rune that is not ASCII.
func (g *gapReader) read(r rune) {
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

// find marks the rules of which a number is in a cleared text.
func (n *numbers) find(plain string, found []int, where int) {
	if len(n.card) == 0 && len(n.iban) == 0 && len(n.ids) == 0 {
		return
	}
	s := strips.Get().(*strip)
	defer s.forget()
	s.read(plain)
	mark := func(rules []int) {
		for _, r := range rules {
			found[r] |= where
		}
	}
	phone := 0 // the end of a telephone number
	for i := range s.c {
		before := s.gap[i]
		if before == plus {
			phone = s.phone(i)
		}
		if isDigit(s.c[i]) {
			if before == none && i > 0 && isDigit(s.c[i-1]) || i < phone {
				continue
			}
			if len(n.card) > 0 && found[n.card[0]]&where == 0 && s.card(i) {
				mark(n.card)
			}
			n.findIDs(s, i, found, where)
			continue
		}
		if len(n.iban) > 0 && found[n.iban[0]]&where == 0 && s.iban(i) {
			mark(n.iban)
		}
		if before != none {
			n.findIDs(s, i, found, where)
		}
	}
}

func (n *numbers) findIDs(s *strip, i int, found []int, where int) {
	for _, r := range n.ids {
		if found[r.rule]&where == 0 && r.id.at(s, i) {
			found[r.rule] |= where
		}
	}
}

// phone returns where the telephone number ends that begins at i after a plus: at most 15 digits (ITU-T E.164). What is longer is none.
func (s *strip) phone(i int) int {
	end := i
	for end < len(s.c) && isDigit(s.c[end]) && (end == i || s.gap[end] <= wide) {
		if end++; end-i > 15 {
			return i
		}
	}
	return end
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func allDigits(b []byte) bool {
	for _, c := range b {
		if !isDigit(c) {
			return false
		}
	}
	return true
}

// number reads digits.
func number(b []byte) int {
	n := 0
	for _, c := range b {
		n = n*10 + int(c-'0')
	}
	return n
}

// same reports whether all characters are the same one.
func same(b []byte) bool {
	for _, c := range b {
		if c != b[0] {
			return false
		}
	}
	return true
}

// weighted is the sum of digits times weights.
func weighted(b []byte, weights ...int) int {
	sum := 0
	for i, w := range weights {
		sum += int(b[i]-'0') * w
	}
	return sum
}

// luhn reports whether the last digit is the check digit of ISO/IEC 7812-1, annex B.
func luhn(b []byte) bool {
	sum := 0
	for i := range b {
		d := int(b[len(b)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
