package rules

import (
	"sync/atomic"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// byRune keeps what becomes of runes that stand alone, or between others that are known here too: nearly all that people write.
type byRune struct {
	blocks [tabled / 64]atomic.Pointer[block]
	become func(b []byte, s string) []byte // of any text
	joins  bool                            // what stands around a rune that becomes nothing may combine
}

// block is 64 runes, worked out when the first of them is met.
type block struct {
	to      [64]rune
	several map[rune]string
	kept    uint64 // which stay as they are, a bit for each
}

const tabled = 0x20000 // higher runes are rare

// What a rune may become instead of another one.
const (
	mixed   rune = -1 // that depends on what stands beside it
	several rune = -2
	nothing rune = -3
)

// next returns the rune at a place, what becomes of it, and where it ends.
func (t *byRune) next(s string, at int) (r, to rune, end int) {
	r, size := utf8.DecodeRuneInString(s[at:])
	end = at + size
	if r >= tabled || r == utf8.RuneError && size == 1 {
		return r, mixed, end
	}
	return r, t.block(r).to[r%64], end
}

// fewRunes do not part two that are mixed: many short pieces take longer than one.
const fewRunes = 8

// piece is next, but a rune that is mixed, or that one follows which is, comes with all up to the last such rune.
func (t *byRune) piece(s string, at int) (r, to rune, end int) {
	r, to, end = t.next(s, at)
	for i, few := end, 0; i < len(s) && few < fewRunes; few++ {
		_, its, after := t.next(s, i)
		if its == mixed {
			to, end, few = mixed, after, -1
		} else if to != mixed {
			break
		}
		i = after
	}
	return r, to, end
}

// apart returns a place in a text, or where the rune before it begins if the one there is mixed.
func (t *byRune) apart(s string, from, at int) int {
	if at < len(s) {
		if _, to, _ := t.next(s, at); to == mixed {
			_, size := utf8.DecodeLastRuneInString(s[from:at])
			at -= size
		}
	}
	return at
}

// keptTo returns up to where, from a place on, runes are seen to stay as they are, none of them ASCII.
func (t *byRune) keptTo(s string, at int) int {
	for at+2 < len(s) {
		a, b, c := s[at], s[at+1], s[at+2]
		n, last, size := rune(a&0x1F), b, 2
		switch {
		case b&0xC0 != 0x80:
			return at
		case a >= 0xC2 && a < 0xE0:
		case (a > 0xE0 || a == 0xE0 && b >= 0xA0) && a < 0xF0 && c&0xC0 == 0x80:
			n, last, size = rune(a&0x0F)<<6|rune(b&0x3F), c, 3
		default:
			return at
		}
		if block := t.blocks[n].Load(); block == nil || block.kept>>(last&0x3F)&1 == 0 {
			return at
		}
		at += size
	}
	return at
}

// block returns the block of a rune. Two may make it at a time, with the same result.
func (t *byRune) block(r rune) *block {
	b := t.blocks[r/64].Load()
	if b == nil {
		b = t.made(r &^ 63)
		t.blocks[r/64].Store(b)
	}
	return b
}

func (t *byRune) made(from rune) *block {
	b := new(block)
	for i := range b.to {
		r := from + rune(i)
		s := string(r)
		became := string(t.become(nil, s))
		to, size := utf8.DecodeRuneInString(became)
		switch {
		case !utf8.ValidRune(r), !boundary(s), became != "" && !boundary(became), became == "" && t.joins:
			to = mixed
		case became == "":
			to = nothing
		case size < len(became):
			to = several
			if b.several == nil {
				b.several = make(map[rune]string)
			}
			b.several[r] = became
		case to == r:
			b.kept |= 1 << i
		}
		b.to[i] = to
	}
	return b
}

// boundary reports whether nothing that begins a text combines with what stands before it.
func boundary(s string) bool { return norm.NFKC.PropertiesString(s).BoundaryBefore() }

// append appends what became of a rune that is not mixed.
func (t *byRune) append(b []byte, r, to rune) []byte {
	switch {
	case to == several:
		return append(b, t.block(r).several[r]...)
	case to >= 0:
		return utf8.AppendRune(b, to)
	}
	return b
}
