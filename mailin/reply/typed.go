package reply

import "strings"

// keepAbove gives back what was typed into an element for signatures above a phone's line, and sentences at its beginning, where
// otherwise nothing would be left of a mail.
func (d *document) keepAbove() {
	from := -1
	for i := range d.lines {
		if d.lines[i].why == whySignatureElement && !d.blank(i) {
			from = i
			break
		}
	}
	if from < 0 {
		return
	}
	end := from // of the sentences
	for i := from; i < len(d.lines) && d.lines[i].why == whySignatureElement; i++ {
		s := d.text(i)
		if s == "" {
			continue
		}
		if isMobile(s) {
			end = i
			break
		}
		if contact(s) > 0 || isDelimiter(s) {
			break
		}
		if isSentence(s) {
			end = i + 1
		}
	}
	for i := from; i < end; i++ {
		d.lines[i].kind, d.lines[i].why = New, whyNothing
	}
}

// isSentence reports whether a line reads like one that somebody wrote, not like a name or a title.
func isSentence(s string) bool {
	if isName(s) || isClosing(s) || office(s) > 0 {
		return false
	}
	return strings.Count(s, " ") >= 3 && (strings.IndexByte(".?!,", s[len(s)-1]) >= 0 || ownWords(s)) || strings.HasSuffix(s, "。") || strings.HasSuffix(s, "？")
}

// excuses are the words, in lower case, of what people set below a phone's line to excuse it.
var excuses = [...]string{"excuse", "pardon", "forgive", "apolog", "typo", "brevity", "entschuld", "verzeih", "tippfehler", "kürze", "disculp", "scusa", "desculp", "excus", "ursäkt", "unnskyld", "undskyld", "przepraszam", "promiňte", "извин", "вибач"}

// addsWords reports whether a line below a phone's line is its author's, such as a postscript.
func addsWords(s string) bool {
	if s == "" || !ownWords(s) {
		return false
	}
	var buf [256]byte
	low := string(lower(buf[:0], clip(s, 120)))
	for _, w := range excuses {
		if strings.Contains(low, w) {
			return false
		}
	}
	return true
}

// pasted reports whether the author's line above points at the quote that begins at line first, which says itself nothing of whom it
// is from, as what a client quotes does.
func (d *document) pasted(above, first int) bool {
	s := d.text(above)
	if !strings.HasSuffix(s, ":") && !strings.HasSuffix(s, "：") {
		return false
	}
	for i := first; i < len(d.lines) && i < first+maxAnswered && (d.blank(i) || d.lines[i].depth > 0); i++ {
		if f, _ := fieldOf(d.text(i)); f != noField || introduces(d.text(i)) {
			return false
		}
	}
	return true
}

// softBelow reports whether a blockquote of any kind begins below line i.
func (d *document) softBelow(i int) bool {
	next := i + 1
	if next < len(d.lines) && d.blank(next) {
		next++
	}
	return next < len(d.lines) && d.lines[next].hint&hintSoft != 0
}

// saysWho reports whether the lines from i to j have anything of an attribution, or of header fields.
func (d *document) saysWho(i, j int) bool {
	for ; i < j; i++ {
		s := d.text(i)
		if f, _ := fieldOf(s); f != noField || notice(s) != 0 || saysWrote(s) || separatorOf(s) != noSeparator {
			return true
		}
	}
	return false
}

// whoAndWhen reports whether a line is an attribution but for the colon at its end: it has a date and a
// time, and an address or, with the beginning of one, a verb.
func whoAndWhen(s string) bool {
	if len(s) < 20 || len(s) > 160 || speaks(s) || strings.IndexByte(".?!;,", s[len(s)-1]) >= 0 {
		return false
	}
	ev := notice(s)
	return ev&hasTime != 0 && ev&(hasDate|hasYear) != 0 && (ev&hasAddress != 0 || opens(s) && saysWrote(s))
}

// wordsAbove reports whether the author's words stand above a quote that ends above line i, so that what stands below the quote may be no
// more than a signature.
func (d *document) wordsAbove(i int) bool { return d.words < i && d.lines[i-1].decided }
