package reply

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// contactBlock looks for a block of name, title, company and contact details at the end of the lines from i to end.
func (d *document) contactBlock(i, end int) {
	for end > i && (d.blank(end-1) || d.lines[end-1].decided) {
		end--
	}
	if end == i {
		return
	}
	if !d.closes(i, end) {
		d.bareBlock(i, end)
		return
	}
	contacts, said, closing, start := 0, 0, -1, end
	for k := end - 1; k >= i && said <= maxContactLines; k-- {
		s := d.text(k)
		if s == "" {
			continue
		}
		if isClosing(s) {
			closing = k
			break
		}
		if contacts > 0 && len(s) >= 5 && isRule(s) && d.lastText(i, k) >= i && isName(firstColumn(d.text(k+1))) && !d.points(i, k, true) {
			d.decide(k, end, Signature, whyContact) // drawn above the block
			return
		}
		if longer(s, maxContactWidth) || s[len(s)-1] == '?' || s[len(s)-1] == ':' || strings.HasPrefix(s, "- ") || d.lines[k].decided {
			break
		}
		if s[len(s)-1] == '.' && strings.Count(s, " ") > 4 && contact(s) == 0 {
			break
		}
		if ownWords(s) || namesAccount(s) {
			break
		}
		hit := contact(s) + office(s)
		if hit == 0 && strings.Count(s, " ") > 7 {
			break
		}
		contacts += hit
		said += columnsOf(s)
		start = k
	}
	if closing < 0 {
		d.bareBlock(i, end)
		return
	}
	if contacts == 0 || said < 2 || said > maxContactLines || d.lastText(i, closing) < i || d.points(i, closing, true) {
		return
	}
	first := d.next(closing + 1)
	if name := d.text(first); first+1 < end && d.blank(first+1) && contact(name) == 0 && runes(name) <= 40 && !d.spaced(first+1, end) {
		// A name that stands alone is part of the letter.
		first = d.next(first + 1)
	}
	if first < end && first >= start {
		d.decide(first, end, Signature, whyContact)
	}
}

// closes reports whether one of the last lines from i to end closes a letter or is drawn, so that a block of contact details may begin
// below it. It looks at no more than such a block may have.
func (d *document) closes(i, end int) bool {
	for k, said := end-1, 0; k >= i && said <= maxContactLines; k-- {
		s := d.text(k)
		if s == "" {
			continue
		}
		if isRule(s) || isClosing(s) {
			return true
		}
		if s[len(s)-1] == '?' || s[len(s)-1] == ':' || d.lines[k].decided {
			return false
		}
		said++
	}
	return false
}

// leadsOn has words, in lower case, after which a sentence goes on.
var leadsOn = map[string]bool{
	"is": true, "are": true, "was": true, "were": true, "to": true, "at": true, "by": true, "from": true, "with": true, "of": true, "ist": true, "sind": true, "war": true, "waren": true, "an": true, "bei": true, "von": true, "est": true, "était": true, "à": true, "chez": true, "es": true, "son": true, "era": true, "a": true, "è": true, "sono": true, "é": true, "são": true, "het": true, "zijn": true, "aan": true, "är": true, "er": true, "on": true, "jest": true, "je": true, "byl": true,
}

// columnDashes part what some signatures set side by side: name, position, company.
var columnDashes = [...]string{" | ", " • ", " · ", " ｜ "}

// columnsOf returns how many things stand side by side in a line of a signature: "Ann | Example Ltd | +44 20 7946 0000".
func columnsOf(s string) int {
	n := 1
	for _, dash := range columnDashes {
		n += strings.Count(s, dash)
	}
	return n
}

func firstColumn(s string) string {
	for _, dash := range columnDashes {
		s, _, _ = strings.Cut(s, dash)
	}
	return s
}

// spaced reports whether each of the lines from i to end stands alone, more than one, as paragraphs with gaps become.
func (d *document) spaced(i, end int) bool {
	n := 0
	for ; i < end; i++ {
		if d.blank(i) {
			continue
		}
		if n++; i+1 < end && !d.blank(i+1) {
			return false
		}
	}
	return n > 1
}

// bareBlock folds a last paragraph that is nothing but a name and contact details, if something stands above it.
func (d *document) bareBlock(i, end int) {
	start := end
	for start > i && !d.blank(start-1) && !d.lines[start-1].decided {
		if start--; end-start > maxContactLines {
			return
		}
	}
	ruled := start+1 < end && isRule(d.text(start)) && isName(d.text(start+1))
	if !ruled && !isName(firstColumn(d.text(start))) {
		return
	}
	contacts, said := 0, 0
	for k := start; k < end; k++ {
		s := d.text(k)
		if longer(s, maxContactWidth) || s[len(s)-1] == '?' || s[len(s)-1] == '.' && strings.Count(s, " ") > 4 || strings.Count(s, " ") > 8*columnsOf(s) || ownWords(s) || namesAccount(s) {
			return
		}
		said += columnsOf(s)
		contacts += contact(s)
	}
	above := d.lastText(i, start)
	if ruled {
		if contacts > 0 && above >= i {
			d.decide(start, end, Signature, whyContact)
		}
		return
	}
	if above < i && !d.wordsAbove(i) || said < 3 || contacts < 2 {
		return
	}
	if above >= i {
		if a := d.text(above); a[len(a)-1] == ':' || strings.HasSuffix(a, "：") {
			return // "My new address is:"
		}
	}
	if above >= i && leadsOn[strings.ToLower(d.text(above)[strings.LastIndexByte(d.text(above), ' ')+1:])] {
		return // "The witness was"
	}
	if !d.points(i, start, said > end-start) {
		d.decide(start, end, Signature, whyContact)
	}
}

// points reports whether the text from line i to end points at what stands below it, or speaks of an address or number that is
// new. Then the block below it may be what was asked for. Below no closing any talk of addresses, numbers or people counts.
func (d *document) points(i, end int, closed bool) bool {
	for k := end - 1; k >= max(i, end-30); k-- {
		has := letterFinder().inLower(clip(d.text(k), 400))
		if has&findsNews != 0 || has&findsContact != 0 && (!closed || has&findsPointer != 0) {
			return true
		}
	}
	return false
}

// contact counts the contact details that a line has.
func contact(s string) int {
	n := 0
	if strings.IndexByte(s, '@') >= 0 && notice(s)&hasAddress != 0 {
		n++
	}
	if strings.Contains(s, "://") || strings.Contains(s, "www.") {
		n++
	}
	digits, plus := 0, false
	for i := range len(s) {
		if isDigit(s[i]) {
			digits++
		} else if s[i] == '+' {
			plus = true
		}
	}
	if digits >= 7 && digits <= 40 && (plus || letters(s) <= max(12, digits-1)) {
		n++
	}
	return n
}

// letters counts the letters of a string.
func letters(s string) int {
	n := 0
	for _, r := range s {
		if unicode.IsLetter(r) {
			n++
		}
	}
	return n
}

// isName reports whether a line may be a person's name: two to five words without digits, beginning in upper case where
// the script has it.
func isName(s string) bool {
	if longer(s, 45) || strings.ContainsAny(s, "0123456789@!?;:=<>#{}") {
		return false
	}
	words, first := 0, ""
	for w := range strings.FieldsSeq(s) {
		if words == 0 {
			first = w
		}
		if words++; words > 5 {
			return false
		}
	}
	r, _ := utf8.DecodeRuneInString(strings.TrimLeft(first, "*_"))
	return words > 0 && unicode.IsUpper(r) || unicode.IsLetter(r) && !unicode.IsLower(r)
}

// isClosing reports whether a line closes a letter: "Kind regards", perhaps with a name behind it.
func isClosing(s string) bool {
	if len(s) > 160 {
		return false
	}
	if strings.IndexByte(s, '/') >= 0 {
		if first, second, ok := strings.Cut(s, " / "); ok && isClosing(first) {
			return isClosing(second)
		}
	}
	if longer(s, 45) {
		return false
	}
	s = strings.TrimLeft(s, "*_ ")
	var buf [192]byte
	low := lower(buf[:0], s)
	f := closingFinder()
	for _, words := range [2][]wordOfList{f.short, f.beginningAs(low)} {
		for _, w := range words {
			if c := w.word; len(low) >= len(c) && string(low[:len(c)]) == c && goesOnAsClosing(c, string(low[len(c):]), s) {
				return true
			}
		}
	}
	return false
}

// goesOnAsClosing reports whether the rest of the line s, after a closing, is a name, or words that such a line goes on with.
func goesOnAsClosing(closing, rest, s string) bool {
	switch {
	case rest == "":
		return true
	case isWord(rest[0]) && rest[0] < 0x80 && closing[len(closing)-1] < 0x80, strings.ContainsAny(rest, "0123456789@?"):
		return false
	}
	words := strings.Fields(s[len(s)-min(len(rest), len(s)):])
	if len(words) > 6 {
		return false
	}
	for n, w := range words {
		r, _ := utf8.DecodeRuneInString(strings.TrimLeft(w, ",.-–—(*"))
		if unicode.IsLower(r) && !closingWords[strings.Trim(strings.ToLower(w), ".,!-–*")] {
			return false
		}
		if strings.HasSuffix(w, ".") && n+1 < len(words) && longer(w, 3) {
			return false
		}
	}
	return true
}

// ownWords begin lines that an author writes, not a signature.
func ownWords(s string) bool {
	word, rest, _ := strings.Cut(s, " ")
	if len(word) == 2 && word[1] == '.' && len(rest) > 2 && rest[1] == '.' {
		return false // "i. A. Maria Esch": initials, or on behalf of somebody
	}
	var buf [64]byte
	return len(word) < 20 && authorWords[string(lower(buf[:0], strings.TrimRight(word, ".,:;")))]
}

// namesAccount reports whether a line tells a number that the recipient needs, such as a customer's or an order's.
func namesAccount(s string) bool {
	return hasDigit(s) && numberFinder().inLower(clip(s, 120)) != 0
}

// office counts a line that names a position or a company.
func office(s string) int {
	if longer(s, 60) || s[len(s)-1] == '.' && strings.Count(s, " ") > 3 {
		return 0
	}
	var buf [64]byte
	for w := range strings.FieldsFuncSeq(s, func(r rune) bool {
		return r == ' ' || r == ',' || r == '|' || r == '/' || r == '-' || r == '(' || r == ')'
	}) {
		if len(w) < 24 && officeWords[string(lower(buf[:0], strings.TrimRight(w, ".")))] {
			return 1
		}
	}
	return 0
}
