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

// wordsAbove reports whether the author's words stand above a quote that ends above line i, so that what stands below the quote may be no
// more than a signature.
func (d *document) wordsAbove(i int) bool { return d.words < i && d.lines[i-1].decided }

// maxSpoken bounds how many lines an element has that is named after signatures and holds the author's words.
const maxSpoken = 4

// spoken reports whether line k, in an element that is named after signatures, is one of a few in which the author speaks, and that have
// nothing of a signature: a page may name what is to be signed so.
func (d *document) spoken(k int) bool {
	if !isSentence(d.textOr(k)) {
		return false
	}
	from, to := k, k+1
	for from > 0 && k-from <= maxSpoken && d.lines[from-1].hint&hintSignature != 0 {
		from--
	}
	for to < len(d.lines) && to-from <= maxSpoken && d.lines[to].hint&hintSignature != 0 {
		to++
	}
	if to-from > maxSpoken {
		return false
	}
	speaks := false
	for i := from; i < to; i++ {
		s := d.textOr(i)
		if contact(s) > 0 || isMobile(s) || isDelimiter(s) || s != "." && isClosing(s) {
			return false
		}
		var buf [512]byte
		low := string(lower(buf[:0], clip(s, 400)))
		speaks = speaks || speaksOfAuthor(low, footerFinder().in(low))
	}
	return speaks
}

// textOr returns what line i says, or a full stop if it says nothing.
func (d *document) textOr(i int) string {
	if d.blank(i) {
		return "."
	}
	return d.text(i)
}
