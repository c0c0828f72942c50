package rules

import (
	"bytes"
	"strings"
)

// National is a national id that rules can look for.
type National struct {
	Key     string // as in Rule.Values: the country's code (ISO 3166-1), and the id's own name
	Country string
	Name    string // goes on after "a"
	// Note says how sure a finding is, for whoever chooses the rule.
	Note string

	leads   int // how many digits it begins with
	length  int
	shapes  [][]byte // the sizes of groups that people write it in; where the check is strong, any others too
	strong  bool
	check   func(b []byte) bool
	special func(s *strip, i int) bool // instead of all these

	lettered bool // all its digits may be letters
}

// Title is the id's name as a heading has it.
func (n National) Title() string { return strings.ToUpper(n.Name[:1]) + n.Name[1:] }

// IDs returns the national ids that are known, by country.
func IDs() []National { return append([]National(nil), ids...) }

// at reports whether such an id begins at i.
func (n *National) at(s *strip, i int) bool {
	if n.special != nil {
		return n.special(s, i)
	}
	if i+n.length > len(s.c) || !n.check(s.c[i:i+n.length]) {
		return false
	}
	_, widest, ok := s.window(i, n.length)
	if !ok {
		return false
	}
	if widest == none || s.single(i, n.length) && s.alone(i, n.length) {
		return true
	}
	for _, shape := range n.shapes {
		if s.shaped(i, n.length, shape) {
			return true
		}
	}
	return n.strong && widest == thin && s.alone(i, n.length)
}

const (
	sure    = "A date or a prefix, and one or two check digits: nearly every finding is one."
	likely  = "One check digit: of other numbers of this length, about one in ten is found too."
	byShape = "It has no check digit: found as 3, 2 and 4 digits apart by dashes, dots or spaces, or as nine digits after “SSN” or “social security”."
)

// idLeast is how many digits each id has in succession, but for the Italian.
const idLeast = 6

// ids are the national ids, each after what its country publishes about it.
var ids = []National{
	{Key: "at-svnr", Country: "Austria", Name: "Austrian social insurance number", Note: sure, leads: 10, length: 10, shapes: [][]byte{{4, 6}, {4, 2, 2, 2}}, check: austrian},
	{Key: "be-rrn", Country: "Belgium", Name: "Belgian national register number", Note: sure, leads: 11, length: 11, shapes: [][]byte{{6, 3, 2}, {2, 2, 2, 3, 2}}, strong: true, check: belgian},
	{Key: "ch-ahv", Country: "Switzerland", Name: "Swiss AHV number", Note: sure, leads: 13, length: 13, shapes: [][]byte{{3, 4, 4, 2}}, strong: true, check: swiss},
	{Key: "de-idnr", Country: "Germany", Name: "German tax number (Steuer-ID)", Note: "A check digit, and a rule about repeated digits: of other numbers of 11 digits, about one in 300 is found too.", leads: 11, length: 11, shapes: [][]byte{{2, 3, 3, 3}, {3, 4, 4}}, check: germanTax},
	{Key: "de-svnr", Country: "Germany", Name: "German social insurance number", Note: sure, leads: 8, length: 12, strong: true, check: germanPension},
	{Key: "dk-cpr", Country: "Denmark", Name: "Danish CPR number", Note: "A date, and a check digit that not all have since 2007: those without are found where a dash or space stands before the last four.", leads: 10, special: danish},
	{Key: "es-dni", Country: "Spain", Name: "Spanish DNI or NIE", Note: "A check letter: of other numbers of 8 digits and a letter, one in 23 is found too.", length: 9, shapes: [][]byte{{8, 1}, {2, 3, 3, 1}, {1, 7, 1}, {1, 8}}, check: spanish},
	{Key: "fi-hetu", Country: "Finland", Name: "Finnish personal identity code", Note: sure, leads: 6, special: finnish},
	{Key: "fr-nir", Country: "France", Name: "French social security number (NIR)", Note: sure, leads: 6, length: 15, strong: true, check: french},
	{Key: "gb-nhs", Country: "United Kingdom", Name: "UK NHS number", Note: likely, leads: 10, length: 10, shapes: [][]byte{{3, 3, 4}}, check: nhs},
	{Key: "it-cf", Country: "Italy", Name: "Italian codice fiscale", Note: sure, length: 16, strong: true, check: italian, lettered: true},
	{Key: "nl-bsn", Country: "Netherlands", Name: "Dutch BSN", Note: likely, leads: 9, length: 9, shapes: [][]byte{{3, 3, 3}, {4, 2, 3}, {4, 3, 2}, {2, 3, 4}}, check: dutch},
	{Key: "no-fnr", Country: "Norway", Name: "Norwegian birth number", Note: sure, leads: 11, length: 11, shapes: [][]byte{{6, 5}, {6, 3, 2}}, strong: true, check: norwegian},
	{Key: "pl-pesel", Country: "Poland", Name: "Polish PESEL", Note: sure, leads: 11, length: 11, shapes: [][]byte{{6, 5}, {2, 2, 2, 5}}, check: polish},
	{Key: "pt-nif", Country: "Portugal", Name: "Portuguese NIF", Note: likely, leads: 9, length: 9, shapes: [][]byte{{3, 3, 3}}, check: portuguese},
	{Key: "se-pnr", Country: "Sweden", Name: "Swedish personnummer", Note: sure, leads: 10, special: swedish},
	{Key: "us-ssn", Country: "United States", Name: "US social security number", Note: byShape, leads: 9, special: american},
}

// date reports whether there may be such a day.
func date(day, month int) bool {
	days := [...]int{31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}
	return month >= 1 && month <= 12 && day >= 1 && day <= days[month-1]
}

func pair(b []byte, at int) int { return number(b[at : at+2]) }

// austrian checks an SVNR: a serial number, a check digit at the fourth place, and the date of birth, whose month is above 12 where a day's numbers ran out.
func austrian(b []byte) bool {
	return allDigits(b) && b[0] != '0' && (date(pair(b, 4), pair(b, 6)) || pair(b, 6) > 12 && pair(b, 6) <= 15 && pair(b, 4) <= 31) &&
		weighted(b, 3, 7, 9, 0, 5, 8, 4, 2, 1, 6)%11 == int(b[3]-'0')
}

// belgian checks a rijksregisternummer: a date, a serial number, and 97 less the remainder by 97, with a 2 before it for those born from 2000 on.
// Bis-numbers have 20 or 40 added to the month.
func belgian(b []byte) bool {
	if !allDigits(b) || pair(b, 2)%20 > 12 || pair(b, 2) > 52 || pair(b, 4) > 31 || same(b) {
		return false
	}
	n, check := number(b[:9]), pair(b, 9)
	return 97-n%97 == check || 97-(2_000_000_000+n)%97 == check
}

// swiss checks an AHV number: 756, and the check digit of an EAN-13.
func swiss(b []byte) bool {
	return allDigits(b) && string(b[:3]) == "756" && weighted(b, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1)%10 == 0
}

// germanTax checks a Steuer-Identifikationsnummer: of its first ten digits exactly one is there two or three times, and the last is by ISO 7064, MOD 11,10.
func germanTax(b []byte) bool {
	if !allDigits(b) || b[0] == '0' {
		return false
	}
	var count [10]int
	for _, c := range b[:10] {
		count[c-'0']++
	}
	repeated := 0
	for _, n := range count {
		if n > 3 {
			return false
		}
		if n > 1 {
			repeated++
		}
	}
	if repeated != 1 {
		return false
	}
	product := 10
	for _, c := range b[:10] {
		sum := (int(c-'0') + product) % 10
		if sum == 0 {
			sum = 10
		}
		product = sum * 2 % 11
	}
	return (11-product)%10 == int(b[10]-'0')
}

// germanPension checks a Versicherungsnummer (SGB VI, § 147; VKVV, § 4): an area, a date, the first letter of the name, a serial number, and a check digit.
func germanPension(b []byte) bool {
	if !allDigits(b[:8]) || isDigit(b[8]) || !allDigits(b[9:]) || pair(b, 0) < 2 || pair(b, 4) > 12 || pair(b, 2) > 31+50 {
		return false
	}
	letter := int(b[8]-'A') + 1
	d := append(append(append(make([]byte, 0, 12), b[:8]...), byte('0'+letter/10), byte('0'+letter%10)), b[9:11]...)
	sum := 0
	for i, w := range [...]int{2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1} {
		p := int(d[i]-'0') * w
		sum += p/10 + p%10
	}
	return sum%10 == int(b[11]-'0')
}

// danish finds a CPR number: a date, with 60 added to the day of replacement numbers, and four digits.
func danish(s *strip, i int) bool {
	b, widest, ok := s.window(i, 10)
	if !ok || !allDigits(b) || !date(pair(b, 0)%60, pair(b, 2)) {
		return false
	}
	if s.shaped(i, 10, []byte{6, 4}) || s.shaped(i, 10, []byte{2, 2, 2, 4}) {
		return true
	}
	return (widest == none || s.single(i, 10) && s.alone(i, 10)) && weighted(b, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)%11 == 0
}

// spanish checks a DNI or NIE: a number and the letter that its remainder by 23 stands for. A NIE begins with X, Y or Z for 0, 1 or 2.
func spanish(b []byte) bool {
	digits := append(make([]byte, 0, 8), b[:8]...)
	if i := bytes.IndexByte([]byte("XYZ"), digits[0]); i >= 0 {
		digits[0] = byte('0' + i)
	}
	return allDigits(digits) && !isDigit(b[8]) && "TRWAGMYFPDXBNJZSQVHLCKE"[number(digits)%23] == b[8]
}

// finnish finds a henkilötunnus: a date, a sign for the century that is a dash, a plus or a letter, a serial number, and a check character.
func finnish(s *strip, i int) bool {
	const checks = "0123456789ABCDEFHJKLMNPRSTUVWXY"
	if i+11 <= len(s.c) && bytes.IndexByte([]byte("ABCDEFUVWXY"), s.c[i+6]) >= 0 {
		b, _, ok := s.window(i, 11)
		if !ok {
			b, ok = s.ended(i, 11)
		}
		return ok && allDigits(b[:6]) && allDigits(b[7:10]) && date(pair(b, 0), pair(b, 2)) && checks[(number(b[:6])*1000+number(b[7:10]))%31] == b[10]
	}
	b, _, ok := s.window(i, 10)
	if !ok {
		b, ok = s.ended(i, 10)
	}
	return ok && allDigits(b[:9]) && s.gap[i+6] != none && date(pair(b, 0), pair(b, 2)) && checks[number(b[:9])%31] == b[9]
}

// ended is window for what may end in a letter that another follows only after a gap.
func (s *strip) ended(i, n int) ([]byte, bool) {
	if i+n > len(s.c) || s.gap[i+n] == none {
		return nil, false
	}
	b, _, ok := s.window(i, n)
	return b, ok
}

// french checks a NIR: sex, year, month, department, municipality, serial number, and 97 less the remainder by 97. Corsica's departments are 2A and 2B.
func french(b []byte) bool {
	digits := append(make([]byte, 0, 15), b...)
	if digits[5] == '2' && (digits[6] == 'A' || digits[6] == 'B') {
		digits[5], digits[6] = '1', '9'-(digits[6]-'A') // they count as 19 and 18
	}
	if !allDigits(digits) || bytes.IndexByte([]byte("123478"), digits[0]) < 0 {
		return false
	}
	month := pair(digits, 3)
	if month < 1 || month > 12 && month < 20 || month > 42 && month < 50 {
		return false
	}
	return 97-number(digits[:13])%97 == pair(digits, 13)
}

// nhs checks an NHS number: modulus 11.
func nhs(b []byte) bool {
	if !allDigits(b) || same(b) {
		return false
	}
	check := 11 - weighted(b, 10, 9, 8, 7, 6, 5, 4, 3, 2)%11
	return check%11 == int(b[9]-'0') && check != 10
}

// italian checks a codice fiscale (decree of 23 December 1976). Digits may be letters where two people would have the same.
func italian(b []byte) bool {
	const form = "aaaaaaddaddaddda"
	const omitted = "LMNPQRSTUV"
	for i, c := range b {
		letter := !isDigit(c)
		if form[i] == 'a' && !letter || form[i] == 'd' && letter && bytes.IndexByte([]byte(omitted), c) < 0 {
			return false
		}
	}
	if bytes.IndexByte([]byte("ABCDEHLMPRST"), b[8]) < 0 {
		return false
	}
	odd := [...]int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23}
	sum := 0
	for i, c := range b[:15] {
		v := int(c) - 'A'
		if isDigit(c) {
			v = int(c - '0')
		}
		if i%2 == 0 {
			v = odd[v]
		}
		sum += v
	}
	return byte('A'+sum%26) == b[15]
}

// dutch checks a BSN: the eleven test.
func dutch(b []byte) bool {
	return allDigits(b) && !same(b) && weighted(b, 9, 8, 7, 6, 5, 4, 3, 2, -1)%11 == 0
}

// norwegian checks a fødselsnummer: a date, with 40 added to the day of a D-number, and two check digits of modulus 11.
func norwegian(b []byte) bool {
	if !allDigits(b) || !date(pair(b, 0)%40, pair(b, 2)%40) {
		return false
	}
	first := (11 - weighted(b, 3, 7, 6, 1, 8, 9, 4, 5, 2)%11) % 11
	second := (11 - weighted(b, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)%11) % 11
	return first == int(b[9]-'0') && second == int(b[10]-'0')
}

// polish checks a PESEL: a date, whose month tells the century, a serial number, and a check digit.
func polish(b []byte) bool {
	return allDigits(b) && pair(b, 2) <= 92 && date(pair(b, 4), pair(b, 2)%20) && weighted(b, 1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)%10 == 0
}

// portuguese checks a NIF: what it may begin with, and modulus 11.
func portuguese(b []byte) bool {
	if !allDigits(b) || bytes.IndexByte([]byte("123568"), b[0]) < 0 && !has([]int{45, 70, 71, 72, 74, 75, 77, 78, 79, 90, 91, 98, 99}, pair(b, 0)) {
		return false
	}
	check := 11 - weighted(b, 9, 8, 7, 6, 5, 4, 3, 2)%11
	if check > 9 {
		check = 0
	}
	return check == int(b[8]-'0')
}

func has(all []int, n int) bool {
	for _, one := range all {
		if one == n {
			return true
		}
	}
	return false
}

// swedish finds a personnummer or samordningsnummer: a date with or without the century, with 60 added to the day of the latter, a serial number, and
// the check digit of ISO/IEC 7812-1 over ten digits.
func swedish(s *strip, i int) bool {
	for _, n := range [2]int{10, 12} {
		b, widest, ok := s.window(i, n)
		if !ok || !allDigits(b) {
			continue
		}
		ten := b[n-10:]
		if n == 12 && !has([]int{18, 19, 20}, pair(b, 0)) || !date(pair(ten, 4)%60, pair(ten, 2)) || !luhn(ten) {
			continue
		}
		if widest == none || s.single(i, n) && s.alone(i, n) || s.shaped(i, n, []byte{byte(n - 4), 4}) || n == 10 && s.shaped(i, n, []byte{2, 2, 2, 4}) || n == 12 && s.shaped(i, n, []byte{4, 2, 2, 4}) {
			return true
		}
	}
	return false
}

// american finds a social security number (SSA, POMS RM 10201.030): no area 000, 666 or from 900 on, no group 00, no serial number 0000.
func american(s *strip, i int) bool {
	b, widest, ok := s.window(i, 9)
	if !ok || !allDigits(b) {
		return false
	}
	area := number(b[:3])
	if area == 0 || area == 666 || area >= 900 || pair(b, 3) == 0 || number(b[5:]) == 0 {
		return false
	}
	if widest == thin && (s.shaped(i, 9, []byte{3, 2, 4}) || s.single(i, 9) && s.alone(i, 9)) {
		return true
	}
	var title [30]byte
	before := s.before(i, title[:])
	return bytes.Contains(before, []byte("SSN")) || bytes.Contains(before, []byte("SOCIALSECURITY"))
}
