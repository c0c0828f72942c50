package rules

import (
	"math/bits"
	"unicode/utf8"
)

// eight returns the first eight octets of a text, the first one lowest.
func eight(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

const (
	ones = 0x01_01_01_01_01_01_01_01
	high = 0x80 * ones
)

// digitsOf sets the high bit of those of eight octets that are digits.
func digitsOf(w uint64) uint64 {
	w ^= '0' * ones // digits are below ten now
	return ^(w | (w&^high + (0x80-10)*ones)) & high
}

// hasDigits reports whether a text has so many digits.
func hasDigits(text string, many int) bool {
	for ; len(text) >= 8; text = text[8:] {
		if d := digitsOf(eight(text)); d != 0 {
			if many -= bits.OnesCount64(d); many <= 0 {
				return true
			}
		}
	}
	for i := range len(text) {
		if isDigit(text[i]) {
			many--
		}
	}
	return many <= 0
}

// digitAt returns where the first digit is from a place on, or the text's end.
func digitAt(text string, from int) int {
	for ; len(text)-from >= 8; from += 8 {
		if d := digitsOf(eight(text[from:])); d != 0 {
			return from + bits.TrailingZeros64(d)/8
		}
	}
	for from < len(text) && !isDigit(text[from]) {
		from++
	}
	return from
}

// knot returns where what begins with a digit ends: at a wall, or with two letters in succession. No card number has either within, nor has an id
// but for the Italian. With it comes how many digits are in succession there, at most.
func knot(text string, at int) (digits, end int) {
	var g gapReader
	row, letter := 0, false
	for at < len(text) {
		k := kinds[text[at]]
		if k < '0' {
			if at += g.next(text[at:]); g.kind == wall {
				break
			}
			continue
		}
		at++
		g = gapReader{}
		if isDigit(k) {
			row++
			digits = max(digits, row)
			letter = false
			continue
		}
		row = 0
		if letter {
			break
		}
		letter = true
	}
	return digits, at
}

// back returns where so many letters and digits begin that are before a place, or the wall or the text, and how many they are.
func back(text string, at, many int) (from, n int) {
	var g gapReader
	for at > 0 && n < many {
		if kinds[text[at-1]] >= '0' {
			at--
			n++
			g = gapReader{}
			continue
		}
		r, size := utf8.DecodeLastRuneInString(text[:at])
		at -= size
		if r < utf8.RuneSelf {
			g.ascii(byte(r))
		} else {
			g.read(r)
		}
		if g.kind == wall {
			break
		}
	}
	return at, n
}
