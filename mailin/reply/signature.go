package reply

import (
	"bytes"
	"math/bits"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds, in lines and characters, of what may be a signature.
const (
	maxDelimited    = 40  // lines below "-- "
	maxBareDelimit  = 12  // lines below "--", which may also be a rule that somebody drew
	maxContactLines = 16  // lines of a block of name and contact details
	maxContactWidth = 90  // of each of its lines
	maxMobile       = 120 // octets of a line that a program adds
)

// findSignatures settles signatures, legal notices and footers among the lines that are new so far.
func (d *document) findSignatures() {
	for d.words = 0; d.words < len(d.lines) && (d.lines[d.words].decided || d.blank(d.words)); d.words++ {
	}
	for i := 0; i < len(d.lines); {
		if d.lines[i].decided || d.lines[i].depth > 0 {
			i++
			continue
		}
		j := i
		for j < len(d.lines) && !d.lines[j].decided && d.lines[j].depth == 0 {
			j++
		}
		d.signaturesIn(i, j)
		i = j
	}
	d.keepWords()
}

// signaturesIn looks at a stretch of new lines.
func (d *document) signaturesIn(i, j int) {
	for k := i; k < j; k++ {
		if d.lines[k].hint&hintSignature != 0 && !d.spoken(k) {
			d.decide(k, k+1, Signature, whySignatureElement)
		}
		if isOurLine(d.text(k)) {
			d.decide(max(d.ourFooter(k), i), k+1, Disclaimer, whyOurs)
		}
	}
	if i == 0 {
		d.banner(j)
	}
	// Paragraphs from the end, while they are what programs add.
	end, legal := j, false
	for {
		for end > i && (d.blank(end-1) || d.lines[end-1].decided) {
			end--
		}
		if end == i {
			break
		}
		start := end
		size := 0
		for start > i && !d.blank(start-1) && !d.lines[start-1].decided && end-start < maxDelimited {
			start--
			size += len(d.text(start))
			if start < end-1 && isRule(d.text(start)) {
				break // what stands above it is something else
			}
		}
		k, why := d.footer(start, end, size, legal)
		if why == whyNothing {
			break
		}
		legal = why == whyLegal
		kind := Signature
		if why == whyLegal || why == whyFooter {
			kind = Disclaimer
		}
		d.decide(k, end, kind, why)
		end = k
		// A rule above a footer belongs to it.
		if up := d.lastText(i, end); up >= i && isRule(d.text(up)) {
			d.decide(up, end, kind, why)
			end = up
		}
	}
	left, below := 0, end // lines that say something, from the end
	for k := end - 1; k >= i && left <= maxDelimited; k-- {
		if d.blank(k) {
			continue
		}
		if !d.lines[k].decided && d.delimiter(k) && d.delimits(k, end, left) {
			d.decide(k, end, Signature, whyDelimiter)
			below = k
		}
		left++
	}
	end = below
	d.contactBlock(i, end)
	// A program's line that stands alone further up: people also write below it.
	for k := i; k < end; k++ {
		if l := d.lines[k]; l.decided || d.blank(k) {
			continue
		}
		if (k == i || d.blank(k-1)) && (k+1 >= end || d.blank(k+1) || addsWords(d.text(k+1))) && isMobile(d.text(k)) {
			d.decide(k, k+1, Signature, whyMobile)
		}
	}
}

// banner settles the first paragraph of a mail if it warns of senders outside, as servers write above what they let in.
func (d *document) banner(j int) {
	from := d.next(0)
	to, size := from, 0
	for to < j && !d.blank(to) && !d.lines[to].decided && to-from < maxBareDelimit {
		size += len(d.text(to))
		to++
	}
	if next := d.next(to); to == from || size > 600 || next >= len(d.lines) {
		return
	}
	s := d.body[d.lines[from].text:d.lines[to-1].end]
	if bannerFinder().inLower(s) != 3 {
		return
	}
	low := string(lower(nil, s))
	has := footerFinder().in(low)
	if (has&findsMail != 0 || strings.Contains(low, "sender")) && !speaksOfAuthor(low, has) && low[len(low)-1] != '?' {
		d.decide(from, to, Disclaimer, whyFooter)
	}
}

// lastText returns the last line before end, from i on, that says something, or i-1.
func (d *document) lastText(i, end int) int {
	for end--; end >= i && (d.blank(end) || d.lines[end].decided); end-- {
	}
	return end
}

// raw returns line i without its line ending.
func (d *document) raw(i int) string {
	s := d.body[d.lines[i].start:d.stop(i)]
	if n := strings.IndexByte(s, '\n'); n >= 0 {
		s = s[:n]
	}
	return strings.TrimPrefix(strings.TrimSuffix(s, "\r"), "\ufeff")
}

// isDelimiter reports whether a line separates a signature: "-- " (RFC 3676, section 4.3), or what is left of it once a
// program stripped white space or set a dash.
func isDelimiter(raw string) bool {
	switch strings.TrimRight(raw, " \t\u00a0") {
	case "--", "—", "–":
		return true
	}
	return false
}

// delimiter reports whether line k is one, as most are not by their length.
func (d *document) delimiter(k int) bool {
	return d.lines[k].end-d.lines[k].text <= uint32(len("—")) && isDelimiter(d.raw(k))
}

// delimits reports whether the lines from k+1 to j, of which n say something, are a signature below line k.
func (d *document) delimits(k, j, n int) bool {
	if d.withinParagraph(k) {
		return false
	}
	if strings.HasPrefix(d.raw(k), "-- ") {
		return n <= maxDelimited
	}
	if n > maxBareDelimit || k > 0 && k+1 < len(d.lines) && !d.blank(k-1) && d.blank(k+1) && n > 3 {
		return false
	}
	for m := k + 1; m < j; m++ {
		s := d.text(m)
		if d.lines[m].decided || s == "" {
			continue
		}
		if longer(s, 78) && !strings.Contains(s, "://") || s[len(s)-1] == '?' {
			return false
		}
		if s[len(s)-1] == '.' && strings.Count(s, " ") > 5 {
			return false // a sentence
		}
	}
	return true
}

// withinParagraph reports whether the sentence above line k goes on below it, so that k is what somebody writes about.
func (d *document) withinParagraph(k int) bool {
	if k == 0 || k+1 >= len(d.lines) || d.blank(k-1) || d.blank(k+1) || d.lines[k-1].decided {
		return false
	}
	above, s := d.text(k-1), d.text(k+1)
	r, _ := utf8.DecodeRuneInString(s)
	return unicode.IsLower(r) && strings.Count(s, " ") >= 3 && contact(s) == 0 && strings.IndexByte(".!?,-", above[len(above)-1]) < 0 && !isClosing(above) && !isMobile(s)
}

// isRule reports whether a line is drawn of dashes or underscores.
func isRule(s string) bool {
	return len(s) >= 3 && strings.IndexFunc(s, isNoDash) < 0
}

// footer judges the paragraph of the lines from i to j, which may stand above a legal notice. It returns where what a program added begins.
func (d *document) footer(i, j, size int, legalBelow bool) (from int, why reason) {
	if j-i == maxDelimited {
		return j, whyNothing
	}
	last := d.text(j - 1)
	if isMobile(last) && !d.listed(i, j-1) {
		return j - 1, whyMobile
	}
	if j-i == 2 && runes(last) < 40 && isMobile(d.text(j-2)+" "+last) && !(isMobile(d.text(j-2)) && addsWords(last)) {
		return j - 2, whyMobile
	}
	if size > 4000 {
		return j, whyNothing
	}
	var buf [1024]byte
	low := string(lower(buf[:0], d.body[d.lines[i].text:d.lines[j-1].end]))
	has := footerFinder().in(low)
	if has&findsSign != 0 && j-i > 1 {
		if from := d.noticeStart(i, j); from > i {
			i = from
			low = string(lower(buf[:0], d.body[d.lines[i].text:d.lines[j-1].end]))
			has = footerFinder().in(low)
		}
	}
	if isFooter(low, has) {
		return i, whyFooter
	}
	if d.registers(i, low) && !speaksOfAuthor(low, has) || d.underscored(i, j, low) || courtesyFinder().in(low) != 0 {
		return i, whyFooter
	}
	if isLegal(low, has, legalBelow) {
		return i, whyLegal
	}
	return j, whyNothing
}

// noticeStart returns where the notice in the paragraph of the lines from i to j begins: it may follow a name or a sentence
// without a gap, which have none of its words and after which no sentence goes on.
func (d *document) noticeStart(i, j int) int {
	for k := i; k < j; k++ {
		t := d.text(k)
		if t[len(t)-1] == '?' {
			continue // no notice asks
		}
		if isRule(t) || isDelimiter(t) || legalTitle(t) || footerFinder().inLower(clip(t, 400))&findsSign != 0 {
			return k
		}
		if k+1 < j {
			next, _ := utf8.DecodeRuneInString(d.text(k + 1))
			if longer(t, 30) && strings.IndexByte(".!?", t[len(t)-1]) < 0 && unicode.IsLower(next) {
				return k
			}
		}
	}
	return i
}

// listed reports whether line k, in the paragraph that begins at line i, is what a line above it names: "I use:".
func (d *document) listed(i, k int) bool {
	for ; k > i && isMobile(d.text(k)); k-- {
	}
	return strings.HasSuffix(d.text(k), ":") && !isMobile(d.text(k))
}

// registers reports whether a paragraph that begins at line i, in lower case, says what the law demands of companies: their seat,
// register, directors or tax number, two of them at least. Somebody must have said something else above it.
func (d *document) registers(i int, low string) bool {
	if d.words >= i || len(low) > 1000 || strings.IndexByte(low, '@') >= 0 || low[len(low)-1] == '?' || low[len(low)-1] == ':' || ownWords(low) || strings.Contains(low, " your ") {
		return false
	}
	return bits.OnesCount16(registryFinder().in(low)) >= 2 && !d.announcedAbove(i) && !d.points(0, i, true)
}

// announcedAbove reports whether the text right above line i ends with a colon.
func (d *document) announcedAbove(i int) bool {
	for k := i - 1; k >= 0 && k > i-4; k-- {
		if !d.blank(k) {
			return strings.HasSuffix(d.text(k), ":")
		}
	}
	return false
}

// underscored reports whether the last paragraph, the lines from i to j, is what a mailing list or a free mailer sets below a long
// line of underscores: a few lines with a link or an address.
func (d *document) underscored(i, j int, low string) bool {
	rule := d.text(i)
	return j-i >= 2 && j-i <= 6 && len(rule) >= 40 && strings.Trim(rule, "_") == "" && low[len(low)-1] != '?' && !d.announcedAbove(i) &&
		(strings.Contains(low, "://") || strings.Contains(low, "www.") || strings.Contains(low, "mailing list") && strings.IndexByte(low, '@') >= 0)
}

// isFooter reports whether a paragraph, in lower case, of which the words are known, is what a scanner, a mailing list or a company
// adds. It speaks neither of its author nor to anybody in particular, and asks nothing.
func isFooter(low string, has uint16) bool {
	switch {
	case has&findsFooter != 0:
	case len(low) < 500 && has&findsScanner != 0 && strings.Contains(low, "vir"):
	case len(low) < 300 && has&findsPrinting != 0 && has&findsNature != 0 && (has&findsMail != 0 || len(low) < 90 && beforeFinder().in(low) != 0):
	case strings.HasPrefix(low, "ref:_") && strings.HasSuffix(low, ":ref") && !strings.Contains(low, " "): // a help desk's
	default:
		return false
	}
	return !speaksOfAuthor(low, has) && low[len(low)-1] != '?'
}

// speaksOfAuthor reports whether a paragraph, in lower case, has words of an author.
func speaksOfAuthor(low string, has uint16) bool {
	if has&findsAuthor != 0 || strings.HasPrefix(low, "i ") {
		return true
	}
	for _, w := range personal {
		if strings.HasPrefix(low, w[1:]) {
			return true
		}
	}
	return false
}

// isOurLine recognises the last line of our own copies by a mark in brackets, or the mark alone. A line that only speaks of us
// has neither. The mark also stands behind our last sentence where a program joined the lines.
func isOurLine(s string) bool {
	if len(s) < 12 || len(s) > 300 || !strings.Contains(s, "letterlock-") {
		return false
	}
	s = strings.Trim(s, " *_>|\\")
	if strings.Contains(s, "[letterlock-") || strings.HasPrefix(s, "(letterlock-") || strings.HasPrefix(s, "\\(letterlock-") || strings.HasPrefix(s, "letterlock-") && !strings.Contains(s, " ") {
		return true
	}
	before, ok := strings.CutSuffix(s, "(letterlock-copy)")
	return ok && (strings.Count(s, " ") < 3 || strings.HasSuffix(strings.TrimRight(before, " "), ".") || strings.HasSuffix(strings.TrimRight(before, " "), "。"))
}

// ourFooter returns where the footer of our own copy begins whose mark is line k: at the delimiter, or where a client dropped
// that, at the line above the link to the conversation.
func (d *document) ourFooter(k int) int {
	from := k
	for i, n := k-1, 0; i >= 0 && n < maxBareDelimit; i-- {
		s := d.text(i)
		if d.lines[i].decided || d.lines[i].depth > 0 {
			break
		}
		if s == "" {
			continue
		}
		n++
		if d.delimiter(i) {
			return i
		}
		if from == k && (strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "<https://") || strings.HasPrefix(s, "http://") || i == k-1 && strings.Contains(s, ": http")) {
			for from = i; from > 0 && from > i-3 && d.text(from-1) != "" && !d.lines[from-1].decided; from-- {
			}
		}
	}
	if from == k {
		for from > 0 && from > k-3 && d.text(from-1) != "" && !d.lines[from-1].decided {
			from--
		}
	}
	return from
}

// isMobile reports whether a line is one that a phone, a mail program or a web mailer adds.
func isMobile(s string) bool {
	if len(s) < 6 || len(s) > 4*maxMobile {
		return false
	}
	var plain [4 * maxMobile]byte
	if strings.Contains(s, "://") {
		s = string(withoutLinks(plain[:0], s))
	}
	if len(s) > maxMobile || s == "" || s[len(s)-1] == '?' {
		return false
	}
	var buf [2 * maxMobile]byte
	b := lower(buf[:0], strings.TrimFunc(s, func(r rune) bool {
		return r == '*' || r == '_' || r == '-' || r == '—' || r == '–' || r == '.' || r == '[' || r == ']' || r == '(' || r == ')' || r == '<' || r == '>' || r == '!' || r == ':' || r == '/' || unicode.IsSpace(r) || unicode.Is(unicode.Cf, r)
	}))
	f := mobileFinder()
	starts := f.at(b)
	ends := false
	for _, p := range mobileEnds {
		ends = ends || len(b) >= len(p) && string(b[len(b)-len(p):]) == p
	}
	if starts&(findsStart|findsWeakStart) == 0 && !ends && !bytes.Contains(b, []byte("outlook")) {
		return false
	}
	low := string(b)
	if longer(low, 90) || sentence(low) {
		return false
	}
	if rest, ok := strings.CutPrefix(low, "outlook for "); ok {
		_, rest, _ = strings.Cut(rest+" ", " ")
		rest = strings.TrimSpace(rest)
		return rest == "" || rest[0] >= 0x80 || strings.HasPrefix(rest, "http")
	}
	if starts&(findsStart|findsWeakStart) != 0 || ends {
		// It must name a device or a program: "Sent by courier yesterday" does not.
		what := f.in(low)
		if what&findsBrand != 0 || what&findsThing != 0 && (starts&findsStart != 0 || ends && runes(low) <= 50) {
			return true
		}
	}
	// "Get Outlook for iOS", in any language: these three words and not many more.
	if strings.Contains(low, "outlook") && (strings.Contains(low, "android") || strings.Contains(low, "ios")) {
		return strings.Count(low, " ") <= 6 && runes(low) <= 60 && !ownWords(s) && s[len(s)-1] != '?'
	}
	return false
}

// withoutLinks appends s without the addresses of links and the brackets around them.
func withoutLinks(b []byte, s string) []byte {
	for {
		i := strings.Index(s, "://")
		if i < 0 {
			return append(b, s...)
		}
		from := i
		for from > 0 && s[from-1]|0x20 >= 'a' && s[from-1]|0x20 <= 'z' {
			from--
		}
		b = append(b, strings.TrimRight(s[:from], "<([")...)
		s = s[i:]
		to := strings.IndexAny(s, " >)]\t")
		if to < 0 {
			return b
		}
		s = strings.TrimLeft(s[to:], ">)] ")
		b = append(b, ' ')
	}
}

// sentence reports whether a line goes on after a full stop, so that it is more than a signature.
func sentence(s string) bool {
	i := strings.Index(s, ". ")
	return i >= 0 && len(s)-i > 40
}

// isLegal reports whether a paragraph, in lower case, is a legal notice. It has the words of at least four groups, the title
// counting for one, or of three above another notice, and speaks neither of its author nor to anybody in particular.
func isLegal(low string, has uint16, legalBelow bool) bool {
	if len(low) < 60 {
		return len(low) > 20 && strings.IndexByte(low, ':') >= 0 && legalTitle(low)
	}
	if has&findsLegal == 0 && !legalBelow {
		return false // nothing about confidence
	}
	n := bits.OnesCount16(has / findsLegal)
	if n >= 2 && legalTitle(low) {
		n++
	}
	return (n >= 4 || n == 3 && legalBelow) && low[len(low)-1] != '?' && !speaksOfAuthor(low, has)
}

func legalTitle(s string) bool {
	var buf [256]byte
	return titleFinder().at(lower(buf[:0], strings.TrimLeft(clip(s, 200), "*_ "))) != 0
}

// keepWords gives back what only an element's name called a signature, where otherwise nothing would be left of a mail that
// has words in it.
func (d *document) keepWords() {
	hinted := false
	for i := range d.lines {
		l := &d.lines[i]
		if d.blank(i) {
			continue
		}
		if !l.decided {
			return
		}
		hinted = hinted || l.why == whySignatureElement
	}
	if !hinted {
		return
	}
	contacts := 0
	for i := range d.lines {
		if d.lines[i].why == whySignatureElement {
			s := d.text(i)
			if contact(s) > 0 || isMobile(s) || isDelimiter(s) || isClosing(s) || isName(s) {
				contacts++
			}
		}
	}
	if contacts > 0 {
		d.keepAbove()
		return
	}
	for i := range d.lines {
		if l := &d.lines[i]; l.why == whySignatureElement {
			l.kind, l.why = New, whyNothing
		}
	}
}
