package reply

import "strings"

// greets reports whether a line is as short as a salutation and ends like one.
func greets(t string) bool {
	last := t[len(t)-1]
	return (last == ',' || last == '!' || strings.HasSuffix(t, "，")) && len(t) <= 60 && strings.Count(t, " ") <= 3
}

// introduces reports whether a quoted line ends an attribution.
func introduces(t string) bool {
	if !endsLikeAttribution(t) {
		return false
	}
	ev := notice(t)
	if saysWrote(t) {
		ev |= hasVerb
	}
	return ev&hasVerb != 0 && ev != hasVerb || judge(ev, opens(t)) == strong
}

// maxAnswered bounds how many quoted lines stay visible above an answer.
const maxAnswered = 6

// findAnswers finds what was written between quoted lines, and the quoted paragraph that each answer follows.
func (d *document) findAnswers() {
	type block struct {
		first, last int
		quote       bool
		introduced  bool // by an attribution directly above it
	}
	var blocks []block
	introduced := false
	for i := range d.lines {
		l := &d.lines[i]
		if d.blank(i) && l.depth == 0 {
			continue
		}
		var quote bool
		switch {
		case !l.decided || l.kind == New:
		case l.kind == Quote && l.depth > 0:
			quote = true
		case l.kind == Attribution:
			introduced = true
			continue
		default:
			continue
		}
		if n := len(blocks); n > 0 && blocks[n-1].quote == quote && !introduced {
			blocks[n-1].last = i
			continue
		}
		if n := len(blocks); quote && n > 0 && blocks[n-1].quote {
			if b := blocks[n-1]; introduced && !b.introduced && n > 1 && b.last-b.first < maxAnswered && d.lines[b.first].hint&hintElement == 0 && l.depth <= d.lines[b.first].depth {
				// A short quote that nothing introduces stands between words and the mail that is answered: it was chosen.
				for j := b.first; j <= b.last; j++ {
					d.lines[j].kind, d.lines[j].why = Answered, whyChosen
				}
				blocks = append(blocks[:n-1], block{i, i, quote, introduced})
			} else {
				blocks[n-1].last = i
			}
		} else {
			blocks = append(blocks, block{i, i, quote, introduced})
		}
		introduced = false
	}
	if len(blocks) == 1 && blocks[0].quote {
		d.showAll(blocks[0].first, blocks[0].last)
	}
	answers, quotes := 0, 0
	for n, b := range blocks {
		if b.quote {
			quotes++
		} else if n > 0 && blocks[n-1].quote {
			answers++
		}
	}
	if answers == 0 {
		return
	}
	whole := false
	if answers == 1 && quotes == 1 {
		// One quote with words below it: those are the reply, unless the author chose what to quote within the text.
		if len(blocks) < 3 || blocks[1].introduced || d.lines[blocks[1].first].hint&hintElement != 0 && !d.pasted(blocks[0].last, blocks[1].first) || blocks[1].last-blocks[1].first > maxAnswered {
			return
		}
		whole = d.lines[blocks[1].first].hint&hintElement != 0
	}
	for n, b := range blocks {
		if b.quote || n == 0 || !blocks[n-1].quote {
			continue
		}
		for i := b.first; i <= b.last; i++ {
			if l := &d.lines[i]; !l.decided || l.kind == New {
				l.kind, l.why, l.decided = Answer, whyAnswer, true
			}
		}
		q := blocks[n-1]
		end := q.last
		for end > q.first && (d.blank(end) || d.lines[end].kind != Quote) {
			end--
		}
		depth := d.lines[end].depth
		top := q.introduced || n == 1 // what was chosen among the author's words has no salutation
		for i, count := end, 0; i >= q.first && count < maxAnswered && !d.blank(i) && d.lines[i].depth == depth && d.lines[i].kind == Quote && !introduces(d.text(i)) && (i == end || !top || !greets(d.text(i))); i-- {
			d.lines[i].kind, d.lines[i].why = Answered, whyAnswered
			count++
		}
		for i := q.first; whole && i <= q.last; i++ {
			d.lines[i].kind, d.lines[i].why = Answered, whyChosen
		}
	}
}

// showAll shows a short quote, the lines from i to j, that is all there is in a mail: nothing says that somebody else wrote it.
func (d *document) showAll(i, j int) {
	if j-i >= maxAnswered || d.next(0) != i || d.next(j+1) != len(d.lines) {
		return
	}
	for k := i; k <= j; k++ {
		if f, _ := fieldOf(d.text(k)); f != noField || d.lines[k].why != whyMarks || introduces(d.text(k)) {
			return
		}
	}
	for k := i; k <= j; k++ {
		d.lines[k].kind, d.lines[k].why = Answered, whyChosen
	}
}
