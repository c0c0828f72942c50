package reply

import (
	"strings"
	"sync"
	"unicode/utf8"
)

// line is one line of a document, or a run of empty ones. It is small, since a body may have millions.
type line struct {
	start, text, end uint32 // of the whole line, of its text after quote marks, and of the text's end without white space
	wrap             uint32 // from HTML: which container of a whole quote it stands in, 0 for none
	depth            uint8  // how many quotations it stands in, at most 255
	hint             hint
	kind             Kind
	why              reason
	decided          bool // kind and why stand
}

// hint is what the HTML says about a line beyond its text.
type hint uint16

const (
	hintAttribution hint = 1 << iota // in an element that clients use for attributions
	hintSignature                    // in an element that clients use for signatures
	hintQuoteBegins                  // all that follows, from this line on, is quoted
	hintRule                         // a rule stands before this line
	hintSoft                         // in a blockquote that may be the author's own
	hintOurs                         // in an element that we made
	hintElement                      // in an element that quotes
	hintBold                         // all of it is bold
	hintColour                       // all of it has a colour
)

// document is a body and what is known about its lines.
type document struct {
	body  string
	lines []line
	html  bool // it was laid out from HTML
	words int  // the first line that no quote nor its introduction has, or len(lines)
}

// Bounds of what is looked at, in octets and in lines. The rest goes with what is below an introduction of a quote, if there
// is one, and else is kept as new.
const (
	maxBody  = 1 << 30
	maxLines = 200_000
)

// paper has room for a document of few lines, as most have. It holds nothing of it but numbers, and no Result refers to it.
type paper struct {
	lines [128]line
	marks [128]mark
}

var papers = sync.Pool{New: func() any { return new(paper) }}

// split finds the lines of a plain-text body.
func (d *document) split() {
	body := d.body
	if len(body) > maxBody {
		body = body[:maxBody]
	}
	ending := byte('\n')
	if strings.IndexByte(body, ending) < 0 {
		ending = '\r' // as old programs end lines
	}
	if n := min(strings.Count(body, string(ending))+1, 64+len(body)/16); n > cap(d.lines) {
		d.lines = make([]line, 0, n)
	}
	for at := 0; at < len(body); {
		if len(d.lines) == maxLines {
			d.addRest(at)
			return
		}
		end := strings.IndexByte(body[at:], ending) + at + 1
		if end == at {
			end = len(body)
		}
		d.add(at, end, 0, 0, 0)
		at = end
	}
}

// add appends the line body[start:end]. A run of empty lines becomes one.
func (d *document) add(start, end int, depth uint8, wrap uint32, h hint) {
	text, stop := start, end-spaceAtEnd(d.body[start:end])
	if start == 0 && strings.HasPrefix(d.body[text:stop], "\ufeff") {
		text += len("\ufeff")
	}
	marks, first := 0, text
	for text < stop {
		c := d.body[text]
		if c == '>' {
			marks++
		} else if c == 0xef && strings.HasPrefix(d.body[text:stop], "＞") {
			marks++ // the wide form, as some write in Japan
			text += 2
		} else if n := invisible(d.body[text:stop]); n > 0 {
			text += n
			continue
		} else if c != ' ' && (c != '\t' || marks == 0) {
			break
		} else if marks == 0 && text-first >= 3 {
			break // indented: code, not a quote
		}
		text++
	}
	if marks == 0 {
		for text = first; text < stop; {
			if n := invisible(d.body[text:stop]); n > 0 {
				text += n
			} else if isSpace(d.body[text]) {
				text++
			} else {
				break
			}
		}
	}
	depth = uint8(min(max(int(depth), marks), 255))
	if text == stop && depth == 0 && len(d.lines) > 0 {
		if last := &d.lines[len(d.lines)-1]; last.depth == 0 && last.text == last.end && last.wrap == wrap && h&hintQuoteBegins == 0 {
			last.end, last.text = last.start, last.start
			return
		}
	}
	if text == stop {
		stop, text = start, start
	}
	d.lines = append(d.lines, line{start: uint32(start), text: uint32(text), end: uint32(stop), depth: depth, wrap: wrap, hint: h})
}

// invisible returns how many octets of a character a string begins with that takes no place or looks like a space: a no-break
// space, a zero-width one, a byte order mark.
func invisible(s string) int {
	if len(s) < 2 || s[0] != 0xc2 && s[0] != 0xe2 && s[0] != 0xef {
		return 0
	}
	switch {
	case s[:2] == "\u00a0":
		return 2
	case len(s) >= 3 && (s[:3] == "\u200b" || s[:3] == "\u2060" || s[:3] == "\ufeff" || s[:3] == "\u202f"):
		return 3
	}
	return 0
}

// spaceAtEnd returns how many octets of white space and of what is invisible a string ends with.
func spaceAtEnd(s string) int {
	end := len(s)
	for end > 0 {
		c := s[end-1]
		if isSpace(c) {
			end--
		} else if c >= 0x80 && end >= 2 && invisible(s[end-2:end]) == 2 {
			end -= 2
		} else if c >= 0x80 && end >= 3 && invisible(s[end-3:end]) == 3 {
			end -= 3
		} else {
			break
		}
	}
	return len(s) - end
}

// addRest appends all from start on as one line without marks.
func (d *document) addRest(start int) {
	at, end := uint32(start), uint32(min(len(d.body), maxBody))
	d.lines = append(d.lines, line{start: at, text: at, end: end})
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' }

// text returns what line i says, without quote marks and white space around it.
func (d *document) text(i int) string { return d.body[d.lines[i].text:d.lines[i].end] }

// blank reports whether line i says nothing.
func (d *document) blank(i int) bool { return d.lines[i].text == d.lines[i].end }

// stop returns where line i and the line endings after it end.
func (d *document) stop(i int) int {
	if i+1 < len(d.lines) {
		return int(d.lines[i+1].start)
	}
	return len(d.body)
}

// next returns the first line at or after i that says something, or len(d.lines).
func (d *document) next(i int) int {
	for i < len(d.lines) && d.blank(i) {
		i++
	}
	return i
}

// decide settles the lines from i up to j, but for those that are settled already.
func (d *document) decide(i, j int, k Kind, why reason) {
	for ; i < j; i++ {
		if l := &d.lines[i]; !l.decided {
			l.kind, l.why, l.decided = k, why, true
		}
	}
}

// result judges all lines and joins neighbours of one kind into spans.
func (d *document) result() Result {
	if d.body == "" {
		return Result{}
	}
	d.findQuotes()
	d.findMarked()
	d.findOrphans()
	d.findSignatures()
	d.findAnswers()
	d.settleBlanks()
	n := 1
	for i := 1; i < len(d.lines); i++ {
		if a, b := &d.lines[i-1], &d.lines[i]; a.kind != b.kind || a.why != b.why {
			n++
		}
	}
	r := Result{Spans: make([]Span, 0, n)}
	for i := 0; i < len(d.lines); {
		j := i + 1
		for j < len(d.lines) && d.lines[j].kind == d.lines[i].kind && d.lines[j].why == d.lines[i].why {
			j++
		}
		l := d.lines[i]
		r.Spans = append(r.Spans, Span{Kind: l.kind, Text: d.body[l.start:d.stop(j-1)], Why: reasons[l.why]})
		i = j
	}
	return r
}

// settleBlanks gives empty lines to the span before them, so that they don't part what belongs together. A first one goes
// with what follows.
func (d *document) settleBlanks() {
	for i := range d.lines {
		if l := &d.lines[i]; d.blank(i) && (!l.decided || l.kind == New) {
			if from := i - 1; from >= 0 {
				l.kind, l.why = d.lines[from].kind, d.lines[from].why
			} else if to := d.next(i); to < len(d.lines) {
				l.kind, l.why = d.lines[to].kind, d.lines[to].why
			}
		}
	}
}

// runes returns the number of characters of a string, roughly as wide as it is shown.
func runes(s string) int { return utf8.RuneCountInString(s) }

// longer reports whether a string has more than n characters.
func longer(s string, n int) bool { return len(s) > n && (len(s) > n*utf8.UTFMax || runes(s) > n) }

// reason says by what sign a line was recognised.
type reason uint8

const (
	whyNothing reason = iota
	whyMarks
	whyElement
	whyAttribution
	whyBelowAttribution
	whyHeader
	whyBelowHeader
	whySeparator
	whyBelowSeparator
	whyForward
	whyWrapped
	whyDelimiter
	whyMobile
	whyContact
	whySignatureElement
	whyLegal
	whyFooter
	whyAnswer
	whyAnswered
	whyChosen
	whyOurs
)

var reasons = [...]string{
	whyNothing:          "",
	whyMarks:            "quote marks",
	whyElement:          "an element that quotes",
	whyAttribution:      "introduces a quote",
	whyBelowAttribution: "below the introduction of a quote",
	whyHeader:           "header fields of an earlier mail",
	whyBelowHeader:      "below header fields of an earlier mail",
	whySeparator:        "separates an earlier mail",
	whyBelowSeparator:   "below the line that separates an earlier mail",
	whyForward:          "a mail passed on",
	whyWrapped:          "the rest of a quoted line that was wrapped",
	whyDelimiter:        "below a signature delimiter",
	whyMobile:           "a signature that a program adds",
	whyContact:          "a block of name and contact details",
	whySignatureElement: "an element for signatures",
	whyLegal:            "a legal notice",
	whyFooter:           "a footer that a program adds",
	whyAnswer:           "between quoted lines",
	whyAnswered:         "answered by what follows it",
	whyChosen:           "quoted on purpose",
	whyOurs:             "our own message",
}
