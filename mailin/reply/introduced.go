package reply

import "strings"

// maxLooked bounds how many blockquotes are looked at for what introduces them, and maxAbove how many octets above each.
const (
	maxLooked = 100
	maxAbove  = 600
)

// isIntroduced reports whether an attribution stands above an element that may be a quote, which then quotes, as do those further down.
func (p *page) isIntroduced() bool {
	if p.quotes || p.looked == maxLooked || p.depth > 0 {
		return p.quotes
	}
	p.looked++
	out := p.out.String()
	above := strings.TrimRight(out[max(0, len(out)-maxAbove):], " \n")
	if last := above[strings.LastIndexByte(above, '\n')+1:]; !endsLikeAttribution(strings.TrimSpace(last)) && !whoAndWhen(last) {
		return false
	}
	d := document{body: above}
	d.split()
	if len(d.lines) == 0 {
		return false
	}
	i := len(d.lines) - 1
	_, sure := d.attributionEnding(i, 0)
	p.quotes = sure != none || whoAndWhen(d.text(i))
	return p.quotes
}

// softBelow reports whether a blockquote of any kind begins below line i.
func (d *document) softBelow(i int) bool {
	next := i + 1
	if next < len(d.lines) && d.blank(next) {
		next++
	}
	return next < len(d.lines) && d.lines[next].hint&hintSoft != 0
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
