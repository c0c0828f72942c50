package richtext

import (
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/net/html"
)

// maxQuote bounds how many marks of quotation stand before a line.
const maxQuote = 10

// Text returns what a person reads in cleaned HTML as plain text: paragraphs apart by an empty line, items of lists with a
// dash or their number, cells apart by a tab, quoted blocks behind "> ", and after a link its URL in angle brackets unless the
// text shows it already. It has no line endings at either end. The text is not HTML: escape it before it goes into a page.
func Text(cleaned string) string {
	w := textWriter{}
	z := html.NewTokenizer(strings.NewReader(plain(cleaned)))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return strings.Trim(w.out.String(), "\n")
		case html.TextToken:
			if !w.dropText {
				w.text(string(z.Text()))
			}
			w.dropText = false
		case html.StartTagToken, html.SelfClosingTagToken:
			t := z.Token()
			w.dropText = elements[t.Data].kind == raw
			w.start(t)
		case html.EndTagToken:
			w.dropText = false
			name, _ := z.TagName()
			w.end(string(name))
		}
	}
}

// textWriter lays out text. Line ends and spaces wait until something follows them.
type textWriter struct {
	out      strings.Builder
	breaks   int // line endings that wait
	space    bool
	begun    bool // something was written on this line
	pre      int
	quotes   int
	lists    []int // the next number of each open list; a negative one has no numbers
	dropText bool

	href string // of the open link
	from int    // where its text begins in out
}

func (w *textWriter) line(n int) {
	w.space = false
	if w.begun || w.breaks > 0 {
		w.breaks = max(w.breaks, n)
	}
	w.begun = false
}

// write puts down text without line endings.
func (w *textWriter) write(s string) {
	if w.out.Len() > 0 && !w.begun {
		for range max(w.breaks, 1) {
			w.out.WriteByte('\n')
		}
	}
	w.breaks = 0
	if !w.begun {
		for range min(w.quotes, maxQuote) {
			w.out.WriteString("> ")
		}
		w.begun = true
	} else if w.space {
		w.out.WriteByte(' ')
	}
	w.space = false
	w.out.WriteString(s)
}

func (w *textWriter) text(s string) {
	if w.pre > 0 {
		for i, l := range strings.Split(s, "\n") {
			if i > 0 {
				if w.begun {
					w.begun, w.breaks = false, 1
				} else {
					w.breaks++
				}
			}
			if l != "" {
				w.write(l)
			}
		}
		return
	}
	// U+00A0 is a space that people put where HTML would swallow one.
	for s != "" {
		i := strings.IndexFunc(s, collapses)
		if i != 0 {
			word := s
			if i > 0 {
				word = s[:i]
			}
			s = s[len(word):]
			w.write(strings.ReplaceAll(word, "\u00a0", " "))
			continue
		}
		if w.begun {
			w.space = true
		}
		s = strings.TrimLeftFunc(s, collapses)
	}
}

func collapses(r rune) bool { return r == ' ' || r == '\n' || r == '\t' || r == '\r' || r == '\f' }

func (w *textWriter) start(t html.Token) {
	switch t.Data {
	case "br":
		if w.begun {
			w.begun, w.space, w.breaks = false, false, 1
		} else if w.out.Len() > 0 {
			w.breaks++
		}
	case "p", "h1", "h2", "h3", "h4", "h5", "h6", "dl", "table":
		w.line(2)
	case "pre":
		w.line(2)
		w.pre++
	case "blockquote":
		w.line(2)
		w.quotes++
	case "ul", "ol":
		if len(w.lists) == 0 {
			w.line(2)
		} else {
			w.line(1)
		}
		next := -1
		if t.Data == "ol" {
			next = 1
			for _, a := range t.Attr {
				if n, err := strconv.Atoi(a.Val); a.Key == "start" && err == nil && n >= 0 {
					next = n
				}
			}
		}
		if len(w.lists) < maxDepth {
			w.lists = append(w.lists, next)
		}
	case "li":
		w.line(1)
		mark := "-"
		if n := len(w.lists) - 1; n >= 0 && w.lists[n] >= 0 {
			mark = strconv.Itoa(w.lists[n]) + "."
			w.lists[n]++
		}
		w.write(strings.Repeat("  ", min(max(len(w.lists)-1, 0), maxQuote)) + mark)
		w.space = true
	case "hr":
		w.line(2)
		w.write("---")
		w.line(2)
	case "td", "th":
		if w.begun {
			w.space = false
			w.write("\t")
		}
	case "img":
		for _, a := range t.Attr {
			if alt := strings.TrimSpace(a.Val); a.Key == "alt" && alt != "" {
				w.write("[" + alt + "]")
			}
		}
	case "a":
		w.href = ""
		for _, a := range t.Attr {
			if a.Key == "href" {
				w.href, w.from = a.Val, w.out.Len()
			}
		}
	default:
		if elements[t.Data].kind == block {
			w.line(1)
		}
	}
}

func (w *textWriter) end(name string) {
	switch name {
	case "p", "h1", "h2", "h3", "h4", "h5", "h6", "dl", "table":
		w.line(2)
	case "pre":
		w.pre = max(w.pre-1, 0)
		w.line(2)
	case "blockquote":
		w.line(2)
		w.quotes = max(w.quotes-1, 0)
	case "ul", "ol":
		w.lists = w.lists[:max(len(w.lists)-1, 0)]
		if len(w.lists) == 0 {
			w.line(2)
		} else {
			w.line(1)
		}
	case "td", "th":
	case "a":
		if w.href == "" {
			return
		}
		shown := strings.TrimSpace(w.out.String()[w.from:])
		if !sameLink(shown, w.href) {
			w.space = w.begun
			w.write("<" + w.href + ">")
		}
		w.href = ""
	default:
		if elements[name].kind == block {
			w.line(1)
		}
	}
}

// sameLink reports whether the text of a link tells its URL already.
func sameLink(shown, href string) bool {
	bare := func(s string) string {
		for _, p := range []string{"https://", "http://", "mailto:", "tel:"} {
			s = strings.TrimPrefix(s, p)
		}
		return strings.TrimSuffix(s, "/")
	}
	if strings.HasPrefix(href, "tel:") {
		number := func(s string) string {
			return strings.Map(func(r rune) rune {
				if r == '+' || unicode.IsDigit(r) {
					return r
				}
				return -1
			}, s)
		}
		return number(shown) == number(href)
	}
	return strings.EqualFold(bare(shown), bare(href))
}
