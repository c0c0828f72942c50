package rules

import (
	"fmt"
	"strings"
	"testing"
	"unicode"
)

// FuzzKnots sees to it that looking around digits finds what looking everywhere finds.
func FuzzKnots(f *testing.F) {
	for _, s := range []string{
		"", "4111 1111 1111 1111", "x4111111111111111y", "12 AX1234567L", "AB X-1234567-L", "IBAN DE89 3704 0044 0532 0130 00", "I, B, A, NDE89370400440532013000and", "GT82 TRAJ ABCD EFGH IJKL MNOP QRST 1234",
		"social security\n\n\n\n\nnumber: 123456780", "+4111111111111 1111", "131052A308T", "131052+308t of", "1 80 12 2A 004 001 50", "15 070649 C 103", "RSSMRA85T10A562S", "D̶E̶8̶9̶3̶7̶0̶4̶0̶0̶4̶4̶0̶5̶3̶2̶0̶1̶3̶0̶0̶0", "слово 811228–9874 字2", "1 2 3 4 5 6 7 8 9          0",
	} {
		f.Add(s)
	}
	n := numbers{card: []int{0}, iban: []int{1}}
	for i, id := range ids {
		n.addID(id.Key, 2+i)
	}
	f.Fuzz(func(t *testing.T, text string) {
		plain := asRead(text)
		got, want := make([]int, 2+len(ids)), make([]int, 2+len(ids))
		n.find(plain, got, inText)
		digits := strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return r
			}
			return -1
		}, plain)
		if hasDigits(plain, fewest) != (len(digits) >= fewest) {
			t.Errorf("%q has %d digits", plain, len(digits))
		}
		if at := digitAt(plain, 0); at < len(plain) != (digits != "") || at < len(plain) && at != strings.IndexByte(plain, digits[0]) {
			t.Errorf("%q has its first digit at %d", plain, at)
		}
		if len(digits) >= fewest {
			var s strip
			s.read(plain, 0, len(plain))
			n.findIn(&s, 0, want, inText)
			n.findLettered(&s, plain, want, inText)
			for i := range s.c {
				if s.iban(i) {
					want[1] = inText
				}
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	})
}

// The letters that are known without a look into Unicode's tables are as those have them.
func TestLetters(t *testing.T) {
	for r := range rune(unicode.MaxRune) {
		if eastAsian(r) && !unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul) {
			t.Errorf("%U is not East Asian", r)
		}
		if letter(r) && !unicode.IsLetter(r) {
			t.Errorf("%U is no letter", r)
		}
	}
}
