package richtext

import (
	"strings"

	"golang.org/x/net/html"
)

// kind says how an element takes part in the structure of a letter.
type kind uint8

const (
	inline  kind = iota + 1
	block        // ends an open paragraph
	void         // has no content and no end tag
	foreign      // its whole content is dropped
	raw          // its content is a single text token, which is dropped
	literal      // its content is a single text token, which is kept as text
)

// element is what becomes of one kind of start tag.
type element struct {
	kind kind
	name string // written instead
	bare bool   // written even without attributes
}

// elements lists all elements that mean something to us. Any other loses its tags and keeps its content.
var elements = map[string]element{
	"p": {block, "p", true}, "div": {block, "div", true}, "blockquote": {block, "blockquote", true}, "pre": {block, "pre", true},
	"h1": {block, "h1", true}, "h2": {block, "h2", true}, "h3": {block, "h3", true},
	"h4": {block, "h4", true}, "h5": {block, "h5", true}, "h6": {block, "h6", true},
	"ul": {block, "ul", true}, "ol": {block, "ol", true}, "li": {block, "li", true},
	"dl": {block, "dl", true}, "dt": {block, "dt", true}, "dd": {block, "dd", true},
	"table": {block, "table", true}, "caption": {block, "caption", true}, "thead": {block, "thead", true}, "tbody": {block, "tbody", true},
	"tfoot": {block, "tfoot", true}, "tr": {block, "tr", true}, "td": {block, "td", true}, "th": {block, "th", true},
	"hr": {void, "hr", true}, "br": {void, "br", true}, "img": {void, "img", false}, "image": {void, "img", false},
	"a": {inline, "a", false}, "span": {inline, "span", false}, "font": {inline, "span", false},
	"b": {inline, "b", true}, "strong": {inline, "strong", true}, "i": {inline, "i", true}, "em": {inline, "em", true},
	"u": {inline, "u", true}, "ins": {inline, "u", true}, "s": {inline, "s", true}, "strike": {inline, "s", true}, "del": {inline, "s", true},
	"code": {inline, "code", true}, "tt": {inline, "code", true}, "kbd": {inline, "code", true}, "samp": {inline, "code", true},
	"sub": {inline, "sub", true}, "sup": {inline, "sup", true},

	"center": {block, "div", true}, "section": {block, "div", true}, "article": {block, "div", true}, "header": {block, "div", true},
	"footer": {block, "div", true}, "main": {block, "div", true}, "nav": {block, "div", true}, "aside": {block, "div", true},
	"figure": {block, "div", true}, "figcaption": {block, "div", true}, "address": {block, "div", true}, "fieldset": {block, "div", true},
	"form": {block, "div", true}, "details": {block, "div", true}, "summary": {block, "div", true}, "legend": {block, "div", true},
	"menu": {block, "ul", true}, "dir": {block, "ul", true},
	"html": {block, "div", false}, "body": {block, "div", false},

	"svg": {foreign, "", false}, "math": {foreign, "", false}, "template": {foreign, "", false},
	"script": {raw, "", false}, "style": {raw, "", false}, "title": {raw, "", false}, "iframe": {raw, "", false},
	"noembed": {raw, "", false}, "noframes": {raw, "", false}, "noscript": {raw, "", false},
	"textarea": {literal, "", false}, "xmp": {literal, "", false}, "plaintext": {literal, "", false},
}

// open is an element whose end tag has not come.
type open struct {
	name   string // as written
	silent bool   // its tags are not written
	hidden bool   // nor is anything in it: its sender hid it, such as a preheader
}

// shaper writes the canonical form of a token stream.
type shaper struct {
	out    strings.Builder
	stack  []open
	hidden int // how many open elements are hidden
	over   int // start tags ignored since the stack was full
	remote int
	cids   []string
	seen   map[string]bool // of cids
}

func (s *shaper) run(in string) {
	z := html.NewTokenizer(strings.NewReader(in))
	skip, depth := "", 0 // inside an element whose content is dropped, and how many of it are nested
	dropText := false
	for {
		tt := z.Next()
		if tt == html.ErrorToken {
			break
		}
		switch tt {
		case html.TextToken:
			if !dropText && skip == "" && s.hidden == 0 {
				s.out.WriteString(html.EscapeString(plain(string(z.Text()))))
			}
			dropText = false
			continue
		case html.StartTagToken, html.SelfClosingTagToken:
			t := z.Token()
			e := elements[t.Data]
			dropText = e.kind == raw || skip != "" && e.kind == literal
			if skip != "" {
				if t.Data == skip && tt == html.StartTagToken {
					depth++
				}
				// The standard ends foreign content at an element that only HTML has (section 13.2.6.5).
				if skip == "template" || e.kind != block {
					continue
				}
				skip, depth = "", 0
			}
			if e.kind == foreign {
				if tt == html.StartTagToken {
					skip, depth = t.Data, 1
				}
				continue
			}
			s.start(t, e)
		case html.EndTagToken:
			dropText = false
			name, _ := z.TagName()
			if skip != "" {
				if string(name) == skip {
					if depth--; depth == 0 {
						skip = ""
					}
				}
				continue
			}
			s.end(string(name))
		}
	}
	for len(s.stack) > 0 {
		s.pop()
	}
}

func (s *shaper) start(t html.Token, e element) {
	switch e.kind {
	case inline, block, void:
	default:
		return
	}
	if e.name == "img" {
		if s.hidden > 0 {
			return
		}
		s.image(t.Attr)
		return
	}
	s.imply(e)
	if e.kind != void && hidden(t.Attr) && len(s.stack) < maxDepth {
		s.stack = append(s.stack, open{name: e.name, hidden: true})
		s.hidden++
		return
	}
	attrs := attributes(e.name, t)
	if e.kind == void {
		s.tag(e.name, attrs)
		return
	}
	if len(s.stack) >= maxDepth {
		s.over++
		return
	}
	for _, a := range attrs {
		if a.Key == markKey && a.Val == markRemote {
			s.remote++ // replaced when the HTML was cleaned before
		}
	}
	silent := !e.bare && len(attrs) == 0
	if !silent {
		s.tag(e.name, attrs)
	}
	s.stack = append(s.stack, open{name: e.name, silent: silent})
}

// imply ends the elements that a start tag ends without saying so (section 13.1.2.4), so that every tag we write is balanced.
func (s *shaper) imply(e element) {
	switch e.name {
	case "li":
		s.closeWithin("li", "ul", "ol", "td", "th", "table", "blockquote", "div")
	case "dt", "dd":
		s.closeWithin("dt", "dl", "td", "th", "table", "blockquote", "div")
		s.closeWithin("dd", "dl", "td", "th", "table", "blockquote", "div")
	case "td", "th":
		s.closeWithin("td", "tr", "table")
		s.closeWithin("th", "tr", "table")
	case "tr":
		s.closeWithin("tr", "table")
	case "thead", "tbody", "tfoot":
		s.closeWithin("thead", "table")
		s.closeWithin("tbody", "table")
		s.closeWithin("tfoot", "table")
		s.closeWithin("tr", "table")
	case "a":
		s.closeWithin("a", "td", "th", "table")
	}
	if e.kind == block || e.name == "hr" {
		s.closeWithin("p", "td", "th", "caption", "table")
	}
}

// closeWithin ends the innermost open element of this name, and all inside it, unless one of the limits is nearer.
func (s *shaper) closeWithin(name string, limits ...string) {
	for i := len(s.stack) - 1; i >= 0; i-- {
		n := s.stack[i].name
		if n == name {
			if s.stack[i].silent {
				continue
			}
			s.popTo(i)
			return
		}
		if s.stack[i].silent {
			continue
		}
		for _, l := range limits {
			if n == l {
				return
			}
		}
	}
}

func (s *shaper) end(tag string) {
	if s.over > 0 {
		if k := elements[tag].kind; k == block || k == inline {
			s.over--
		}
		return
	}
	e, known := elements[tag]
	if !known || e.kind == void {
		if tag == "br" {
			s.tag("br", nil)
		}
		return
	}
	for i := len(s.stack) - 1; i >= 0; i-- {
		switch n := s.stack[i].name; {
		case n == e.name:
			s.popTo(i)
			return
		case e.kind == inline && elements[n].kind == block:
			return
		case (n == "td" || n == "th") && !table[e.name], n == "table":
			return
		}
	}
}

// table holds the elements whose end tag may end an open cell.
var table = map[string]bool{"table": true, "thead": true, "tbody": true, "tfoot": true, "tr": true, "td": true, "th": true}

func (s *shaper) popTo(i int) {
	for len(s.stack) > i {
		s.pop()
	}
}

func (s *shaper) pop() {
	o := s.stack[len(s.stack)-1]
	s.stack = s.stack[:len(s.stack)-1]
	if o.hidden {
		s.hidden--
		return
	}
	if !o.silent && s.hidden == 0 {
		s.out.WriteString("</")
		s.out.WriteString(o.name)
		s.out.WriteByte('>')
	}
}

func (s *shaper) tag(name string, attrs []html.Attribute) {
	if s.hidden > 0 {
		return
	}
	s.out.WriteByte('<')
	s.out.WriteString(name)
	for _, a := range attrs {
		s.out.WriteByte(' ')
		s.out.WriteString(a.Key)
		s.out.WriteString(`="`)
		s.out.WriteString(html.EscapeString(a.Val))
		s.out.WriteByte('"')
	}
	s.out.WriteByte('>')
}

// image writes an image that travelled with the mail, or in place of any other a mark with its alternative text. A remote
// image would tell its owner when, where and by whom the mail was read.
func (s *shaper) image(attrs []html.Attribute) {
	src, alt, hasAlt := "", "", false
	var size []html.Attribute
	tiny := false
	for _, a := range attrs {
		switch a.Key {
		case "src":
			src = a.Val
		case "alt":
			alt, hasAlt = strings.Join(strings.Fields(clip(plain(a.Val), 300)), " "), true
		case "width", "height":
			if v := strings.TrimSuffix(strings.TrimSpace(a.Val), "px"); digits(v, 4) {
				size = append(size, html.Attribute{Key: a.Key, Val: v})
				tiny = tiny || v == "0" || v == "1" || v == "2"
			}
		}
	}
	src = squeeze(src)
	if id, ok := contentID(src); ok {
		attrs := []html.Attribute{{Key: "src", Val: "cid:" + id}, {Key: "alt", Val: alt}}
		s.tag("img", append(attrs, size...))
		if !s.seen[id] {
			if s.seen == nil {
				s.seen = make(map[string]bool)
			}
			s.seen[id] = true
			s.cids = append(s.cids, id)
		}
		return
	}
	what := markOmitted
	if scheme, _, ok := strings.Cut(src, ":"); strings.HasPrefix(src, "//") || ok && (strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https")) {
		what = markRemote
		s.remote++
	}
	marked := len(s.stack) < maxDepth
	if marked {
		s.tag("span", []html.Attribute{{Key: markKey, Val: what}})
	}
	switch {
	case tiny || hidden(attrs):
	case alt != "":
		s.out.WriteString("[" + html.EscapeString(alt) + "]")
	case !hasAlt:
		s.out.WriteString("[image]")
	}
	if marked {
		s.out.WriteString("</span>")
	}
}
