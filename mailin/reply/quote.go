package reply

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// findQuotes settles the lines that are quoted or introduce a quote.
func (d *document) findQuotes() {
	low := 0 // lines before this one are taken
	initials, soft := false, false
	for i := 0; i < len(d.lines); i++ {
		l := &d.lines[i]
		if l.hint&hintOurs != 0 {
			d.decide(i, i+1, Quote, whyOurs)
			continue
		}
		if l.decided || d.blank(i) && l.depth == 0 && l.hint&hintQuoteBegins == 0 {
			continue
		}
		if l.depth > 0 {
			if i > low && (i == 0 || d.lines[i-1].depth == 0) {
				if k := d.lastText(low, i); k >= low && (d.wroteWithoutColon(k) || l.hint&hintElement != 0 && whoAndWhen(d.text(k))) {
					d.decide(k, i, Attribution, whyAttribution)
				}
			}
			if l.depth == 1 && i > low && d.closesAddress(i) {
				if first, sure := d.attributionEnding(i-1, low); sure != none {
					d.decide(first, i+1, Attribution, whyAttribution)
				} else {
					d.decide(d.startAbove(i-1, low), i+1, Attribution, whyAttribution)
				}
				if next := d.next(i + 1); next < len(d.lines) && d.lines[next].depth == 0 {
					i = d.below(next, i, Quote, whyBelowAttribution) - 1
				}
				low = i + 1
				continue
			}
			if l.depth == 3 && l.hint&hintElement == 0 && d.arrows(i) {
				d.decide(i, i+1, Attribution, whyAttribution)
				after := i + 1
				if after < len(d.lines) && strings.HasPrefix(d.text(after), "<") && strings.HasSuffix(d.text(after), ":") {
					d.decide(after, after+1, Attribution, whyAttribution) // the Message-ID
					after++
				}
				i = d.below(after, after-1, Quote, whyBelowAttribution) - 1
				low = i + 1
				continue
			}
			why := whyMarks
			if l.hint&(hintElement|hintSoft) != 0 {
				why = whyElement
			}
			d.decide(i, i+1, Quote, why)
			low = i + 1
			continue
		}
		if l.hint&hintQuoteBegins != 0 {
			i = d.below(i, i, Quote, whyElement) - 1
			continue
		}
		s := d.text(i)
		switch sep := separatorOf(s); sep {
		case forwardLine:
			d.decide(i, i+1, Forwarded, whyForward)
			end := d.scope(i)
			d.forceAll(i, end, Forwarded, whyForward)
			i, low = end-1, end
			continue
		case originalLine:
			d.decide(d.announced(i, low), i+1, Attribution, whySeparator)
			i = d.below(d.introduction(i+1), i, Quote, whyBelowSeparator) - 1
			low = i + 1
			continue
		case ruleLine:
			if j := d.next(i + 1); j < len(d.lines) {
				if d.lines[j].depth > 0 {
					d.decide(i, j, Attribution, whySeparator)
					low = j
					continue
				}
				if after, ok := d.headerAt(j, true); ok {
					d.decide(i, j, Attribution, whySeparator)
					d.decide(j, after, Attribution, whyHeader)
					i = d.below(after, i, Quote, whyBelowHeader) - 1
					low = i + 1
					continue
				}
			}
		}
		if f, _ := fieldOf(s); f != noField {
			from := d.announced(i, low)
			if after, ok := d.headerAt(i, l.hint&hintRule != 0 || from < i); ok {
				if k := d.ownAddress(i, low); k < i {
					d.decide(k, i, Signature, whyContact)
				}
				d.decide(from, i, Attribution, whySeparator)
				d.decide(i, after, Attribution, whyHeader)
				i = d.below(after, i, Quote, whyBelowHeader) - 1
				low = i + 1
				continue
			}
		}
		if l.hint&hintAttribution != 0 {
			i = d.markedAttribution(i) - 1
			low = i + 1
			continue
		}
		if from, after := d.columns(i, low); after > i {
			d.decide(from, after, Attribution, whyHeader)
			i = d.below(after, i, Quote, whyBelowHeader) - 1
			low = i + 1
			continue
		}
		first, sure := d.attributionEnding(i, low)
		if sure == none && d.softBelow(i) && (d.wroteWithoutColon(i) || whoAndWhen(s)) {
			first, sure = i, weak
		}
		if sure == none {
			continue
		}
		next := d.next(i + 1)
		if next < len(d.lines) && !initials {
			initials = d.markInitials(next)
		}
		switch {
		case next < len(d.lines) && (d.lines[next].depth > 0 || d.lines[next].hint&hintOurs != 0):
			d.decide(d.announced(first, low), i+1, Attribution, whyAttribution)
			low = i + 1
		case next < len(d.lines) && d.lines[next].hint&hintSoft != 0:
			d.decide(first, i+1, Attribution, whyAttribution)
			// This mail quotes so: what stands in such elements further down is quoted, too.
			for j := next; j < len(d.lines) && !soft; j++ {
				if l := &d.lines[j]; l.hint&hintSoft != 0 && l.depth == 0 && l.hint&hintOurs == 0 {
					l.depth = 1
				}
			}
			soft = true
			low = i + 1
		case sure == strong && d.byHand(first, i, next):
			low = i + 1
		case sure == strong:
			d.decide(d.announced(first, low), i+1, Attribution, whyAttribution)
			after := i + 1
			if next < len(d.lines) {
				if end, ok := d.headerAt(next, true); ok { // Notes sets both
					d.decide(i+1, end, Attribution, whyHeader)
					after = end
				}
			}
			i = d.below(after, i, Quote, whyBelowAttribution) - 1
			low = i + 1
		}
	}
}

// byHand reports whether somebody wrote the lines from first to last, which look like an attribution, to introduce what comes in
// line next: words in quotation marks, or words after a sentence that does not begin as programs begin. No address is among them.
func (d *document) byHand(first, last, next int) bool {
	for k := first; k <= last; k++ {
		if notice(d.text(k))&hasAddress != 0 {
			return false
		}
	}
	r, _ := utf8.DecodeRuneInString(d.text(first))
	if unicode.IsLower(r) {
		return true
	}
	if next >= len(d.lines) {
		return false
	}
	q, _ := utf8.DecodeRuneInString(d.text(next))
	return strings.ContainsRune("\"“”„«»‹「『", q)
}

// wroteWithoutColon reports whether line k is an attribution but for the colon at its end.
func (d *document) wroteWithoutColon(k int) bool {
	t := d.text(k)
	if len(t) < 12 || len(t) > 200 || strings.IndexByte(".?!:;,", t[len(t)-1]) >= 0 || !saysWrote(t) || speaks(t) {
		return false
	}
	tail := t[max(0, len(t)-24):]
	return judge(notice(t)|hasVerb, opens(t)) == strong && (saysWrote(" "+tail[strings.LastIndexByte(tail, ' ')+1:]) || t[len(t)-1] == '>')
}

// closesAddress reports whether line i begins with what looks like a quote mark but closes an address that a line shortly
// before left open: "> wrote:", or ">:".
func (d *document) closesAddress(i int) bool {
	t := d.text(i)
	if len(t) > 40 || !strings.HasSuffix(t, ":") {
		return false
	}
	wrote := saysWrote(t)
	for k := i - 1; k >= 0 && k >= i-3; k-- {
		before := d.text(k)
		if before == "" || d.lines[k].decided || d.lines[k].depth > 0 || len(before) > maxAttribution {
			return false
		}
		wrote = wrote || saysWrote(before)
		if open := strings.LastIndexByte(before, '<'); open >= 0 {
			return wrote && strings.IndexByte(before[open:], '>') < 0 && (open == len(before)-1 || notice(before[open:])&hasAddress != 0)
		}
		if strings.Contains(before, " ") {
			return false
		}
	}
	return false
}

// arrows reports whether line i, behind three marks, is how GroupWise introduces what it does not mark:
// ">>> Ann <ann@example.com> 5/1/2024 3:04 PM >>>", or with a verb and a colon.
func (d *document) arrows(i int) bool {
	t := d.text(i)
	if len(t) > maxAttribution || i+1 < len(d.lines) && d.lines[i+1].depth > 0 {
		return false
	}
	ev := notice(t)
	return ev&hasTime != 0 && (strings.HasSuffix(t, ">>>") || ev&(hasYear|hasDate) != 0 && saysWrote(t))
}

// markInitials gives quote marks to the lines from i on that begin as line i does with somebody's initials or name and ">", or
// with another mark that some programs set before what they quote. It is right below an attribution.
func (d *document) markInitials(i int) bool {
	mark := initialsOf(d.text(i))
	if mark == "" {
		return false
	}
	for ; i < len(d.lines); i++ {
		if l := &d.lines[i]; l.depth == 0 && strings.HasPrefix(d.text(i), mark) {
			l.depth = 1
			l.text = min(l.text+uint32(len(mark)), l.end)
			for l.text < l.end && d.body[l.text] == ' ' {
				l.text++
			}
		}
	}
	return true
}

// initialsOf returns the name and the mark that a line begins with, "AE>" or "Ann>", or a mark alone, as in "| ".
func initialsOf(s string) string {
	if s == "|" || strings.HasPrefix(s, "| ") && strings.IndexByte(s[1:], '|') < 0 {
		return s[:1]
	}
	at := strings.IndexByte(s[:min(len(s), 24)], '>')
	if at < 2 {
		return ""
	}
	for i, r := range s[:at] {
		if !unicode.IsLetter(r) && (i == 0 || r != '-' && r != '.') {
			return ""
		}
	}
	return s[:at+1]
}

// announced returns where the line above i begins that says "Original Message" or is drawn, or i if there is none.
func (d *document) announced(i, low int) int {
	k := d.lastText(low, i)
	if k < low {
		return i
	}
	for m := k; m >= max(low, k-2) && !d.blank(m); m-- {
		if t := d.text(m); strings.HasPrefix(t, "Inactive hide details for ") || m == i-1 && len(t) < 16 && strings.HasPrefix(t, "Message: ") && hasDigit(t) {
			return m // the name of a picture above the fields, in Notes, or the number in a digest
		}
	}
	s := d.text(k)
	if len(s) > 80 {
		return i
	}
	if k == i-1 && isDashed(s) && !isRule(s) && strings.HasPrefix(s, "---") && strings.HasSuffix(s, "---") {
		return k // whatever it says between its dashes
	}
	var buf [160]byte
	words := string(lower(buf[:0], strings.Trim(s, "*_-: ")))
	if isRule(s) && len(s) >= 5 || isOriginal(words) || strings.HasPrefix(words, "message du ") && notice(words)&hasTime != 0 {
		return k
	}
	return i
}

// ownAddress returns the line that has nothing but a mail address and stands between the text and the header fields at line i,
// as Foxmail writes its owner's, or i.
func (d *document) ownAddress(i, low int) int {
	if t := d.text(i); !strings.HasPrefix(t, "发件人") && !strings.HasPrefix(t, "寄件人") {
		return i
	}
	k := d.lastText(low, i)
	if k <= low || !d.blank(k-1) || !d.blank(k+1) || strings.ContainsAny(d.text(k), " [:") || notice(d.text(k)) != hasAddress {
		return i
	}
	if above := d.lastText(low, k); above < low || strings.HasSuffix(d.text(above), ":") || d.points(low, k, false) {
		return i
	}
	return k
}

// markedAttribution settles the lines from i on that stand in an element for attributions, and the quote below them. It
// returns the line after.
func (d *document) markedAttribution(i int) int {
	j := i
	for j < len(d.lines) && d.lines[j].depth == 0 && (d.blank(j) || d.lines[j].hint&hintAttribution != 0) {
		j++
	}
	if d.next(j) == len(d.lines) && !d.saysWho(i, j) {
		return j // words in an element that a client left behind
	}
	d.decide(i, j, Attribution, whyAttribution)
	if j == len(d.lines) || d.lines[j].depth > 0 {
		return j
	}
	if w := d.lines[i].wrap; w != 0 && d.lines[j].wrap >= w {
		return d.below(j, i, Quote, whyBelowAttribution)
	}
	return j
}

// introduction settles what may stand between a separating line and the quote: header fields or an attribution. It returns
// the line after it.
func (d *document) introduction(i int) int {
	j := d.next(i)
	if j >= len(d.lines) {
		return len(d.lines)
	}
	if after, ok := d.headerAt(j, true); ok {
		d.decide(i, after, Attribution, whyHeader)
		return after
	}
	for k := j; k < len(d.lines) && k < j+maxAttributionLines && !d.blank(k); k++ {
		if first, s := d.attributionEnding(k, j); s != none && first == j {
			d.decide(i, k+1, Attribution, whyAttribution)
			return k + 1
		}
	}
	return i
}

// below settles the text from line i on that an introduction at line of announces: the lines with marks if there are any
// right below, else all there is. It returns the first line that is left.
func (d *document) below(i, of int, k Kind, why reason) int {
	next := d.next(i)
	if next < len(d.lines) && d.lines[next].depth > 0 && d.lines[of].hint&hintQuoteBegins == 0 {
		return next
	}
	end := d.scope(of)
	if k == Quote && d.lines[of].wrap == 0 {
		end = d.ourEnd(i, end)
	}
	d.decide(i, end, k, why)
	return max(end, i)
}

// ourEnd returns the line after the first one from i on that ends a copy of ours, or end: that line ends each of our
// copies, below whatever it quotes, so what stands below one is the author's.
func (d *document) ourEnd(i, end int) int {
	if i >= end || !strings.Contains(d.body[d.lines[i].start:d.stop(end-1)], "letterlock-copy") {
		return end
	}
	for j := i; j < end; j++ {
		if isOurLine(d.text(j)) {
			return j + 1
		}
	}
	return end
}

// scope returns where the container that line i stands in ends, or else the document.
func (d *document) scope(i int) int {
	w := d.lines[i].wrap
	if w == 0 {
		return len(d.lines)
	}
	end := i + 1
	for j := i + 1; j < len(d.lines) && d.lines[j].wrap >= w; j++ {
		end = j + 1
	}
	return end
}

// forceAll settles lines whatever they were.
func (d *document) forceAll(i, j int, k Kind, why reason) {
	for ; i < j; i++ {
		d.lines[i].kind, d.lines[i].why, d.lines[i].decided = k, why, true
	}
}

// findOrphans finds the short rests that a client left without marks when it wrapped quoted lines.
func (d *document) findOrphans() {
	found := false
	for i := 1; i < len(d.lines); i++ {
		l := d.lines[i]
		if l.decided || l.depth > 0 || d.blank(i) || d.lines[i-1].depth == 0 || d.lines[i-1].hint&hintElement != 0 {
			continue
		}
		// The last line of a quote may have been wrapped, too, if others were.
		last := i+1 == len(d.lines) || d.blank(i+1) && d.lines[i+1].depth == 0
		before, s, after := d.text(i-1), d.text(i), ""
		if end := d.restOf(i, before); end > i+1 || end == i+1 && found {
			d.decide(i, end, Quote, whyWrapped)
			found = true
			continue
		}
		if last && !found || !last && d.lines[i+1].depth == 0 {
			continue
		}
		if !last {
			after = d.text(i + 1)
		}
		if s == "" || before == "" {
			continue
		}
		url := !strings.Contains(s, " ") && strings.Contains(s, "://")
		if !url && after == "" && !last {
			continue
		}
		if !url && (runes(before) < 60 || longer(s, 40) || strings.IndexByte(".?!:;", before[len(before)-1]) >= 0) {
			continue
		}
		// The sentence goes on over it: it or the line after begins in lower case.
		r1, _ := utf8.DecodeRuneInString(s)
		r2, _ := utf8.DecodeRuneInString(after)
		if !url && !unicode.IsLower(r1) && (!unicode.IsLower(r2) || strings.IndexByte(".?!", s[len(s)-1]) >= 0) {
			continue
		}
		d.decide(i, i+1, Quote, whyWrapped)
		found = true
	}
}

// restOf returns where the lines end that are the rest of one long quoted line, of which the last words before line i are given:
// all but the last are full, and a quoted line follows them.
func (d *document) restOf(i int, before string) int {
	const full, most = 60, 8
	r, _ := utf8.DecodeRuneInString(d.text(i))
	if !unicode.IsLower(r) || runes(before) < full || strings.IndexByte(".?!:;", before[len(before)-1]) >= 0 {
		return i
	}
	for j := i; j+1 < len(d.lines) && j < i+most && !d.blank(j) && !d.lines[j].decided; j++ {
		if d.lines[j+1].depth > 0 {
			return j + 1
		}
		if runes(d.text(j)) < full {
			break
		}
	}
	return i
}
