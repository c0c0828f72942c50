package rules

// numbers looks for everything that has digits.
type numbers struct {
	card []int // places of rules, as below
	iban []int
	ids  []idRule

	lettered []idRule // ids that need no digits
}

type idRule struct {
	id   *National
	rule int
}

func (n *numbers) addID(key string, rule int) bool {
	for i := range ids {
		if ids[i].Key != key {
			continue
		}
		one := idRule{&ids[i], rule}
		if one.id.lettered {
			n.lettered = append(n.lettered, one)
		} else {
			n.ids = append(n.ids, one)
		}
		return true
	}
	return false
}

// fewest is how many digits a text has at least in which numbers are looked for.
const fewest = 6

// find marks the rules of which a number is in a cleared text. Only what is around digits is looked at closely, which in most texts is little.
func (n *numbers) find(plain string, found []int, where int) {
	if len(n.card)+len(n.iban)+len(n.ids)+len(n.lettered) == 0 || !hasDigits(plain, fewest) {
		return
	}
	s := strips.Get().(*strip)
	defer s.forget()
	if len(n.lettered) > 0 {
		n.findLettered(s, plain, found, where)
	}
	least := cardLeast
	if len(n.ids) > 0 {
		least = idLeast
	}
	for at := digitAt(plain, 0); at < len(plain); {
		digits, end := knot(plain, at)
		if digits >= least && len(n.card)+len(n.ids) > 0 {
			n.findKnot(s, plain, at, end, found, where)
		}
		if len(n.iban) > 0 && found[n.iban[0]]&where == 0 && s.ibanAround(plain, at) {
			mark(n.iban, found, where)
		}
		at = digitAt(plain, end)
	}
}

// findLettered marks the ids that need no digits.
func (n *numbers) findLettered(s *strip, plain string, found []int, where int) {
	s.read(plain, 0, len(plain))
	for i, c := range s.c {
		if s.gap[i] != none && !isDigit(c) {
			findIDs(n.lettered, s, i, 0, found, where)
		}
	}
}

// findKnot marks the cards and ids that begin in a knot, or with the letter before it.
func (n *numbers) findKnot(s *strip, plain string, at, end int, found []int, where int) {
	from, i := back(plain, at, 2) // so that the gap before that letter is seen
	s.read(plain, from, end)
	if i > 0 && !isDigit(s.c[i-1]) {
		i--
	}
	n.findIn(s, i, found, where)
}

func mark(rules, found []int, where int) {
	for _, r := range rules {
		found[r] |= where
	}
}

// findIn marks the cards and ids that begin in a strip, at a place or later.
func (n *numbers) findIn(s *strip, from int, found []int, where int) {
	phone := 0 // the end of a telephone number
	for i := from; i < len(s.c); i++ {
		before := s.gap[i]
		if before == plus {
			phone = s.phone(i)
		}
		switch {
		case !isDigit(s.c[i]):
			if before != none {
				findIDs(n.ids, s, i, 0, found, where)
			}
		case i < phone, before == none && i > 0 && isDigit(s.c[i-1]):
		default:
			digits := s.row(i)
			if digits >= cardLeast && len(n.card) > 0 && found[n.card[0]]&where == 0 && s.card(i, digits) {
				mark(n.card, found, where)
			}
			findIDs(n.ids, s, i, digits, found, where)
		}
	}
}

// findIDs marks those of some ids that begin at i, where so many digits are.
func findIDs(ids []idRule, s *strip, i, digits int, found []int, where int) {
	for _, r := range ids {
		if r.id.leads <= digits && found[r.rule]&where == 0 && r.id.at(s, i) {
			found[r.rule] |= where
		}
	}
}

// row returns how many digits begin at i, up to a letter or wall: of 19 at most, which no number exceeds.
func (s *strip) row(i int) int {
	n := 0
	for i+n < len(s.c) && n < cardMost && isDigit(s.c[i+n]) && (n == 0 || s.gap[i+n] < wall) {
		n++
	}
	return n
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
