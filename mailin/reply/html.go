package reply

import (
	"bytes"
	"math/bits"
	"strings"
	"unicode"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// maxDepth bounds how deep elements nest. The tags of deeper ones are ignored, and their text belongs to the deepest.
const maxDepth = 400

// role is what an element means for the lines in it.
type role uint16

const (
	roleBlock       role = 1 << iota // its content stands on lines of its own
	rolePara                         // an empty line parts it from others
	rolePre                          // white space counts
	roleQuote                        // all of it is quoted
	roleSoft                         // a blockquote without the signs of a client's quote
	roleWrap                         // a client's container around attribution and quote, and perhaps an answer
	roleAttribution                  // introduces a quote
	roleSignature                    // holds a signature
	roleOurs                         // made by us
	roleHidden                       // not shown
	roleList                         // counts its items, or marks them
	roleRest                         // what follows its start tag is quoted
	roleRule                         // what follows its start tag may begin with header fields
	roleBold                         // set in bold
	roleColour                       // set in a colour
)

// ownLines are the roles of elements whose content shares no line with what is around them.
const ownLines = roleBlock | roleQuote | roleSoft | roleWrap | roleSignature

// element is an open element.
type element struct {
	name  string
	roles role
	wrap  uint32 // the container around it, if it is not one itself
	next  int    // the number of the next item of a list; negative if items have none
	href  string // of a link
	from  int    // where a link's text begins
}

// page lays out HTML as lines of text with what their elements mean.
type page struct {
	out   strings.Builder
	marks []mark // one for each line
	stack []element
	open  map[string]int // how many elements of a name are open
	over  int            // start tags ignored because of maxDepth

	wraps  uint32
	wrap   uint32
	depth  int
	count  [15]int // how many open elements have each role
	looked int     // how often lines were looked at for the introduction of a blockquote
	quotes bool    // this mail quotes in blockquotes without signs
	line   int     // where the current line begins in out
	begun  bool    // the current line has text
	light  bool    // some word of the current line is not bold
	plain  bool    // some word of the current line has no colour
	space  bool    // a space waits
	blank  bool    // an empty line waits
	once   hint    // hints for the next line only
	prefix string  // of a list item, waits for text
}

// mark is what is known about a line that was laid out.
type mark struct {
	end   int // in out, with the line ending
	wrap  uint32
	depth uint8
	hint  hint
}

// layOut reads HTML by its tokens and writes it on the paper if that has room. There is no tree: building one by the standard's rules can take time and memory far
// beyond the size of its source.
func layOut(body string, on *paper) document {
	if len(body) > maxBody {
		body = body[:maxBody]
	}
	p := page{open: make(map[string]int), marks: on.marks[:0], stack: make([]element, 0, 8)}
	p.out.Grow(len(body) / 2)
	z := html.NewTokenizer(strings.NewReader(body))
	var attrs []html.Attribute
	raw := "" // an element whose text is not shown
	for {
		switch z.Next() {
		case html.ErrorToken:
			p.endLine()
			return p.document(on.lines[:0])
		case html.TextToken:
			text := z.Text()
			if n := len(p.stack); n > 0 && raw == "" && p.stack[n-1].name == "head" && len(bytes.TrimSpace(text)) > 0 {
				p.leaveHidden("p")
			}
			if raw == "" && p.count[bit(roleHidden)] == 0 {
				p.text(text)
			}
			raw = ""
		case html.StartTagToken, html.SelfClosingTagToken:
			name, more := z.TagName()
			t := html.Token{Data: atom.String(name), Attr: attrs[:0]}
			for more {
				var key, value []byte
				key, value, more = z.TagAttr()
				t.Attr = append(t.Attr, html.Attribute{Key: atom.String(key), Val: string(value)})
			}
			attrs = t.Attr
			raw = ""
			switch t.Data {
			case "script", "style", "title", "iframe", "noembed", "noframes", "noscript", "textarea":
				raw = t.Data
				continue
			}
			p.start(t)
		case html.EndTagToken:
			raw = ""
			name, _ := z.TagName()
			p.end(atom.String(name))
		}
	}
}

// document returns what was laid out, as lines to be judged.
func (p *page) document(lines []line) document {
	d := document{body: p.out.String(), lines: lines, html: true}
	if n := min(len(p.marks), maxLines+1); n > cap(lines) {
		d.lines = make([]line, 0, n)
	}
	at := 0
	for _, m := range p.marks {
		if len(d.lines) == maxLines {
			d.addRest(at)
			break
		}
		d.add(at, m.end, m.depth, m.wrap, m.hint)
		at = m.end
	}
	return d
}

// bit returns the place of a role in page.count.
func bit(r role) int { return bits.TrailingZeros16(uint16(r)) }

// endLine ends the current line, if there is one.
func (p *page) endLine() {
	if !p.begun {
		p.space = false
		return
	}
	p.newLine()
}

// newLine writes a line ending, even below nothing.
func (p *page) newLine() {
	if p.space && p.out.Len() == p.line+2 && strings.HasSuffix(p.out.String(), "--") {
		p.out.WriteByte(' ') // the separator of a signature ends with a space
	}
	p.out.WriteByte('\n')
	h := p.hints() | p.once
	if !p.begun {
		h &^= hintAttribution | hintSignature | hintQuoteBegins
	} else {
		p.once = 0
		if !p.light {
			h |= hintBold
		}
		if !p.plain {
			h |= hintColour
		}
	}
	p.light, p.plain = false, false
	p.marks = append(p.marks, mark{end: p.out.Len(), wrap: p.wrap, depth: uint8(min(p.depth, 255)), hint: h})
	p.line, p.begun, p.space, p.blank = p.out.Len(), false, false, false
}

// hints returns what the open elements say.
func (p *page) hints() hint {
	var h hint
	if p.count[bit(roleAttribution)] > 0 {
		h |= hintAttribution
	}
	if p.count[bit(roleSignature)] > 0 {
		h |= hintSignature
	}
	if p.count[bit(roleSoft)] > 0 {
		h |= hintSoft
	}
	if p.count[bit(roleOurs)] > 0 {
		h |= hintOurs
	}
	if p.depth > 0 {
		h |= hintElement
	}
	return h
}

// put writes text without white space at its ends.
func (p *page) put(s []byte) {
	if !p.begun {
		if p.blank && p.out.Len() > 0 {
			blank := p.depth
			if n := len(p.marks); n > 0 {
				blank = min(blank, int(p.marks[n-1].depth)) // it stands outside a quote that begins here
			}
			p.marks = append(p.marks, mark{end: p.out.Len() + 1 + 2*min(blank, 20), wrap: p.wrap, depth: uint8(min(blank, 255)), hint: p.hints() & (hintElement | hintOurs | hintSoft)})
			for range min(blank, 20) {
				p.out.WriteString("> ")
			}
			p.out.WriteByte('\n')
		}
		p.blank = false
		for range min(p.depth, 20) {
			p.out.WriteString("> ")
		}
		p.out.WriteString(p.prefix)
		p.prefix = ""
		p.begun = true
	} else if p.space {
		p.out.WriteByte(' ')
	}
	p.space = false
	p.out.Write(s)
	if !p.light && p.count[bit(roleBold)] == 0 || !p.plain && p.count[bit(roleColour)] == 0 {
		if bytes.ContainsFunc(s, isWordRune) {
			p.light = p.light || p.count[bit(roleBold)] == 0
			p.plain = p.plain || p.count[bit(roleColour)] == 0
		}
	}
}

func isWordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

func (p *page) text(b []byte) {
	if p.count[bit(rolePre)] > 0 {
		for i, l := range bytes.Split(bytes.ReplaceAll(b, []byte("\r"), nil), []byte("\n")) {
			if i > 0 {
				p.newLine()
			}
			if len(l) > 0 {
				p.put(l)
			}
		}
		return
	}
	for len(b) > 0 {
		n := 0
		for n < len(b) && !isSpace(b[n]) {
			n++
		}
		if n == 0 {
			for n < len(b) && isSpace(b[n]) {
				n++
			}
			p.space = p.begun
			b = b[n:]
			continue
		}
		// Spaces within a text are kept as they are if they are single, so that most texts are written at once.
		for n+1 < len(b) && b[n] == ' ' && !isSpace(b[n+1]) {
			n++
			for n < len(b) && !isSpace(b[n]) {
				n++
			}
		}
		if word := b[:n]; bytes.IndexByte(word, "\u00a0"[0]) < 0 {
			p.put(word)
		} else {
			p.put(bytes.ReplaceAll(word, []byte("\u00a0"), []byte(" ")))
		}
		b = b[n:]
	}
}

func (p *page) start(t html.Token) {
	switch t.Data {
	case "br":
		if p.count[bit(roleHidden)] == 0 {
			p.newLine()
		}
		return
	case "hr":
		if p.count[bit(roleHidden)] == 0 {
			p.endLine()
			p.once |= hintRule
			if startsRest(t) {
				p.once |= hintQuoteBegins
			}
		}
		return
	case "img":
		if e := emojiOf(t); e != "" && p.count[bit(roleHidden)] == 0 {
			p.put([]byte(e))
		}
		return
	case "input", "meta", "link", "base", "col", "area", "wbr", "embed", "source", "track", "param", "frame":
		return
	}
	p.leaveHidden(t.Data)
	p.imply(t.Data)
	if len(p.stack) >= maxDepth {
		p.over++
		return
	}
	e := element{name: t.Data, roles: rolesOf(t), wrap: p.wrap, from: -1}
	if e.roles&roleSoft != 0 && p.count[bit(roleWrap)] > 0 {
		e.roles = e.roles&^roleSoft | roleQuote // inside a client's container no author's own blockquote is likely
	}
	if e.roles&roleOurs != 0 && p.depth > 0 && e.name != "blockquote" {
		e.roles &^= roleQuote // what we made is quoted already
	}
	if e.roles&ownLines != 0 {
		p.endLine()
	}
	if e.roles&roleSoft != 0 && p.isIntroduced() {
		e.roles = e.roles&^roleSoft | roleQuote
	}
	if e.roles&rolePara != 0 && p.out.Len() > 0 {
		p.blank = true
	}
	switch t.Data {
	case "li":
		p.item(numberOf(t, "value", -1))
	case "td", "th":
		p.space = p.begun
	case "a":
		for _, a := range t.Attr {
			if a.Key == "href" && (strings.HasPrefix(a.Val, "http://") || strings.HasPrefix(a.Val, "https://")) && len(a.Val) < 2000 {
				e.href, e.from = strings.Map(printable, a.Val), p.out.Len()
			}
		}
	case "ol":
		e.next = numberOf(t, "start", 1)
	case "ul":
		e.next = -1
	}
	if e.roles&roleWrap != 0 {
		p.wraps++
		p.wrap = p.wraps
	}
	if e.roles&roleRest != 0 {
		p.once |= hintQuoteBegins
	}
	if e.roles&roleRule != 0 || e.roles&roleBlock != 0 && hasRule(t) {
		p.once |= hintRule
	}
	p.change(e.roles, 1)
	p.stack = append(p.stack, e)
	p.open[e.name]++
}

// leaveHidden ends a head, or content that is not HTML, at an element that can't be in it, as browsers do
// (HTML standard, sections 13.2.6.4.4 and 13.2.6.5). Otherwise a forgotten end tag would hide the whole mail.
func (p *page) leaveHidden(name string) {
	if p.count[bit(roleHidden)] == 0 {
		return
	}
	for _, outer := range [...]string{"head", "svg", "math", "xml"} {
		if p.open[outer] > 0 && (rolesByName[name]&roleBlock != 0 || outer == "head" && name != "svg" && name != "math" && name != "template" && name != "object") {
			for i := range p.stack {
				if p.stack[i].name == outer {
					p.popTo(i)
					break
				}
			}
		}
	}
}

// printable keeps a character that may stand in an address as we show it.
func printable(r rune) rune {
	if r <= ' ' || r == '<' || r == '>' {
		return -1
	}
	return r
}

// change counts the roles of an element that begins or ends.
func (p *page) change(r role, by int) {
	for i := range p.count {
		if r&(1<<i) != 0 {
			p.count[i] += by
		}
	}
	if r&roleQuote != 0 {
		p.depth += by
	}
}

// imply ends elements that a start tag ends without saying so.
func (p *page) imply(name string) {
	switch name {
	case "li":
		p.closeWithin("li", "ul", "ol")
	case "td", "th":
		p.closeWithin("td", "tr", "table")
		p.closeWithin("th", "tr", "table")
	case "tr":
		p.closeWithin("tr", "table", "table")
	default:
		if rolesByName[name]&roleBlock == 0 {
			return
		}
	}
	p.closeWithin("p", "td", "table")
}

func (p *page) closeWithin(name, limit, other string) {
	if p.open[name] == 0 {
		return
	}
	for i := len(p.stack) - 1; i >= 0; i-- {
		switch p.stack[i].name {
		case name:
			p.popTo(i)
			return
		case limit, other:
			return
		}
	}
}

func (p *page) end(name string) {
	switch name {
	case "br":
		p.newLine()
		return
	}
	if p.over > 0 {
		p.over--
		return
	}
	if p.open[name] == 0 {
		if name == "p" {
			p.endLine()
		}
		return
	}
	for i := len(p.stack) - 1; i >= 0; i-- {
		e := &p.stack[i]
		switch {
		case e.name == name:
			p.popTo(i)
			return
		case rolesByName[name]&^roleBold == 0 && e.roles&roleBlock != 0:
			return // an inline element can't end a block
		case (e.name == "td" || e.name == "th" || e.name == "table") && !isTablePart(name):
			return
		}
	}
}

func isTablePart(name string) bool {
	switch name {
	case "table", "tbody", "thead", "tfoot", "tr", "td", "th":
		return true
	}
	return false
}

func (p *page) popTo(i int) {
	for len(p.stack) > i {
		e := p.stack[len(p.stack)-1]
		if e.href != "" && p.begun && p.count[bit(roleHidden)] == 0 {
			p.showLink(e)
		}
		if e.roles&ownLines != 0 {
			p.endLine()
		}
		if e.roles&rolePara != 0 && p.out.Len() > 0 {
			p.blank = true
		}
		p.stack = p.stack[:len(p.stack)-1]
		p.open[e.name]--
		p.change(e.roles, -1)
		p.wrap = e.wrap
		if e.name == "li" {
			p.prefix = ""
		}
	}
}

// showLink writes where a link leads, unless its text looks like an address already.
func (p *page) showLink(e element) {
	if e.from < p.line {
		return
	}
	shown := strings.TrimSpace(p.out.String()[e.from:])
	if shown == "" || strings.Contains(shown, "://") || strings.HasPrefix(shown, "www.") || strings.ContainsRune(shown, '@') ||
		!strings.Contains(shown, " ") && strings.Contains(shown, ".") {
		return
	}
	p.out.WriteString(" <" + e.href + ">")
}
