package rules

// issuer is a range of numbers that cards begin with, and how long these cards' numbers are.
type issuer struct {
	from, to int // of the same number of digits
	least    int
	most     int
}

// issuers are those of the networks' published ranges: which lengths are issued is narrower than what ISO/IEC 7812-1 allows, so that few order and
// tracking numbers look like cards.
var issuers = []issuer{
	{4, 4, 16, 16}, {4, 4, 19, 19}, // Visa
	{51, 55, 16, 16}, {2221, 2720, 16, 16}, // Mastercard
	{34, 34, 15, 15}, {37, 37, 15, 15}, // American Express
	{300, 305, 14, 14}, {3095, 3095, 14, 14}, {38, 39, 14, 19}, {36, 36, 14, 19}, // Diners Club
	{6011, 6011, 16, 19}, {644, 649, 16, 19}, {65, 65, 16, 19}, // Discover
	{3528, 3589, 16, 19},               // JCB
	{62, 62, 16, 19}, {81, 81, 16, 19}, // UnionPay
	{5018, 5018, 12, 19}, {5020, 5020, 12, 19}, {5038, 5038, 12, 19}, {5893, 5893, 12, 19}, {6304, 6304, 12, 19}, {6759, 6759, 12, 19}, {6761, 6763, 12, 19}, // Maestro
	{2200, 2204, 16, 19},                                   // Mir
	{5019, 5019, 16, 16},                                   // Dankort
	{508, 508, 16, 16}, {60, 60, 16, 16}, {82, 82, 16, 16}, // RuPay
	{506099, 506198, 16, 19}, {650002, 650027, 16, 19}, // Verve
	{9792, 9792, 16, 16},                               // Troy
	{636, 639, 16, 19},                                 // InterPayment, InstaPayment
	{504175, 504175, 16, 16}, {636297, 636297, 16, 16}, // Elo
}

const cardLeast, cardMost = 12, 19

// card reports whether a payment card number begins at i, where so many digits are.
func (s *strip) card(i, digits int) bool {
	lengths := issued(s.c[i : i+digits])
	if lengths == 0 {
		return false
	}
	for n := cardLeast; n <= digits; n++ {
		if lengths&(1<<n) == 0 || !luhn(s.c[i:i+n]) {
			continue
		}
		if _, widest, ok := s.window(i, n); ok && (widest < wide || s.cardShaped(i, n)) {
			return true
		}
	}
	return false
}

// issuance is which cards' numbers begin with six digits of a range: their lengths, a bit for each.
type issuance struct {
	from, to int
	lengths  uint32
}

// issuances are those of all issuers, by the first two digits.
var issuances = func() (all [100][]issuance) {
	for _, is := range issuers {
		one := issuance{from: is.from, to: is.to + 1}
		for one.to <= 100_000 {
			one.from, one.to = one.from*10, one.to*10
		}
		one.to--
		for l := is.least; l <= is.most; l++ {
			one.lengths |= 1 << l
		}
		for two := one.from / 10_000; two <= one.to/10_000; two++ {
			all[two] = append(all[two], one)
		}
	}
	return all
}()

// issued returns how long the numbers are that some network issues and that begin like this one: a bit for each length.
func issued(b []byte) (lengths uint32) {
	n := number(b[:6])
	for _, is := range issuances[n/10_000] {
		if n >= is.from && n <= is.to {
			lengths |= is.lengths
		}
	}
	return lengths
}

// cardShaped reports whether the groups are as they are on cards, or each digit stands alone. Numbers in a column, or in a list with commas, are one
// card only then.
func (s *strip) cardShaped(i, n int) bool {
	if s.single(i, n) || s.shaped(i, n, []byte{4, 6, 5}) || s.shaped(i, n, []byte{4, 6, 4}) {
		return true
	}
	short := false
	return s.groups(i, n, func(size int) bool {
		ok := !short && size <= 4
		short = size < 4
		return ok
	})
}
