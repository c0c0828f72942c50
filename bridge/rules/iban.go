package rules

// accounts are the domestic account numbers of IBANs by country: how many of which characters, after the IBAN registry (ISO 13616-2, SWIFT): n for
// digits, a for letters, c for either.
var accounts = map[string]string{
	"AD": "8n12c", "AE": "19n", "AL": "8n16c", "AT": "16n", "AZ": "4a20c", "BA": "16n", "BE": "12n", "BG": "4a6n8c", "BH": "4a14c", "BI": "23n",
	"BR": "23n1a1c", "BY": "4c4n16c", "CH": "5n12c", "CR": "18n", "CY": "8n16c", "CZ": "20n", "DE": "18n", "DJ": "23n", "DK": "14n", "DO": "4c20n",
	"EE": "16n", "EG": "25n", "ES": "20n", "FI": "14n", "FK": "2a12n", "FO": "14n", "FR": "10n11c2n", "GB": "4a14n", "GE": "2a16n", "GI": "4a15c",
	"GL": "14n", "GR": "7n16c", "GT": "24c", "HN": "4a20n", "HR": "17n", "HU": "24n", "IE": "4a14n", "IL": "19n", "IQ": "4a15n", "IS": "22n",
	"IT": "1a10n12c", "JO": "4a4n18c", "KW": "4a22c", "KZ": "3n13c", "LB": "4n20c", "LC": "4a24c", "LI": "5n12c", "LT": "16n", "LU": "3n13c",
	"LV": "4a13c", "LY": "21n", "MC": "10n11c2n", "MD": "20c", "ME": "18n", "MK": "3n10c2n", "MN": "16n", "MR": "23n", "MT": "4a5n18c",
	"MU": "4a19n3a", "NI": "4a20n", "NL": "4a10n", "NO": "11n", "OM": "3n16c", "PK": "4a16c", "PL": "24n", "PS": "4a21c", "PT": "21n", "QA": "4a21c",
	"RO": "4a16c", "RS": "18n", "RU": "14n15c", "SA": "2n18c", "SC": "4a20n3a", "SD": "14n", "SE": "20n", "SI": "15n", "SK": "20n", "SM": "1a10n12c",
	"SO": "19n", "ST": "21n", "SV": "4a20n", "TL": "19n", "TN": "20n", "TR": "6n16c", "UA": "6n19c", "VA": "18n", "VG": "4a16n", "XK": "16n", "YE": "4a4n18c",
}

// iban reports whether an IBAN begins at i.
func (s *strip) iban(i int) bool {
	if i+4 > len(s.c) || isDigit(s.c[i]) || isDigit(s.c[i+1]) || !isDigit(s.c[i+2]) || !isDigit(s.c[i+3]) {
		return false
	}
	if s.gap[i] == none {
		if b := [len("IBAN")]byte{}; string(s.before(i, b[:])) != "IBAN" {
			return false
		}
	}
	account, known := accounts[string(s.c[i:i+2])]
	if !known {
		return false
	}
	b, _, ok := s.window(i, 4+length(account))
	if !ok {
		// Letters may follow at once, of which none can be part of it.
		if b = s.runOn(i, 4+length(account)); b == nil {
			return false
		}
	}
	return formed(b[4:], account) && mod97(b) == 1
}

// ibanAround reports whether an IBAN has its first digit at a place of a text.
func (s *strip) ibanAround(text string, at int) bool {
	if at+1 == len(text) || kinds[text[at+1]] > '9' {
		return false
	}
	second, one := back(text, at, 1)
	first, two := back(text, second, 1)
	if one+two < 2 {
		return false
	}
	account, known := accounts[string([]byte{kinds[text[first]], kinds[text[second]]})]
	if !known {
		return false
	}
	end, ok := accountTo(text, at, account)
	if !ok {
		return false
	}
	from, i := back(text, first, 1) // so that the gap between is seen
	s.read(text, from, end)
	return s.iban(i)
}

// accountTo reports whether two digits and an account number may begin at a place of a text, and returns where what follows ends: one letter or digit,
// or a wall.
func accountTo(text string, at int, form string) (end int, ok bool) {
	n, class := 2, byte('n')
	var g gapReader
	for at < len(text) {
		k := kinds[text[at]]
		if k < '0' {
			if at += g.next(text[at:]); g.kind == wall {
				break
			}
			continue
		}
		if n == 0 && form != "" {
			n, class, form = part(form)
		}
		at++
		if n == 0 {
			break
		}
		if class == 'n' && !isDigit(k) || class == 'a' && isDigit(k) {
			return 0, false
		}
		n--
		g = gapReader{}
	}
	return at, n == 0 && form == ""
}

// runOn returns n characters from i on that something is written against, if no wall is within: "DE89…000and".
func (s *strip) runOn(i, n int) []byte {
	end := i + n
	if end >= len(s.c) || isDigit(s.c[end]) || !isDigit(s.c[end-1]) {
		return nil
	}
	for _, g := range s.gap[i+1 : end] {
		if g >= wall {
			return nil
		}
	}
	return s.c[i:end]
}

// part reads the first part of a form.
func part(form string) (n int, class byte, rest string) {
	i := 0
	for isDigit(form[i]) {
		n = n*10 + int(form[i]-'0')
		i++
	}
	return n, form[i], form[i+1:]
}

func length(form string) int {
	total := 0
	for form != "" {
		n, _, rest := part(form)
		total, form = total+n, rest
	}
	return total
}

func formed(b []byte, form string) bool {
	for form != "" {
		n, class, rest := part(form)
		for _, c := range b[:n] {
			if class == 'n' && !isDigit(c) || class == 'a' && isDigit(c) {
				return false
			}
		}
		b, form = b[n:], rest
	}
	return true
}

// mod97 is the remainder of an IBAN, its first four characters put last and its letters read as 10 to 35 (ISO 7064, MOD 97-10).
func mod97(b []byte) int {
	n := 0
	for i := range b {
		c := b[(i+4)%len(b)]
		if isDigit(c) {
			n = (n*10 + int(c-'0')) % 97
		} else {
			n = (n*100 + int(c-'A') + 10) % 97
		}
	}
	return n
}
