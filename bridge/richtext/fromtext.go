package richtext

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"
)

// FromText returns plain text as cleaned HTML: an empty line ends a paragraph, line endings and runs of spaces stay, and http,
// https and mailto URLs and mail addresses become links.
func FromText(text string) string {
	text = strings.TrimRight(strings.ReplaceAll(plain(text), "\t", "    "), " \n")
	var b strings.Builder
	open, blank := false, false
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimRight(line, " ")
		if line == "" {
			blank = true
			continue
		}
		switch {
		case !open:
			b.WriteString("<p>")
		case blank:
			b.WriteString("</p>\n<p>")
		default:
			b.WriteString("<br>\n")
		}
		open, blank = true, false
		linkify(&b, line)
	}
	if open {
		b.WriteString("</p>")
	}
	return b.String()
}

// linkify writes one line as HTML.
func linkify(b *strings.Builder, line string) {
	first := true
	for line != "" {
		n := strings.IndexFunc(line, func(r rune) bool { return r == ' ' || r == '<' || r == '>' || r == '"' })
		switch {
		case n < 0:
			n = len(line)
		case n == 0:
			run := len(line) - len(strings.TrimLeft(line, " "))
			if run == 0 {
				b.WriteString(html.EscapeString(line[:1]))
				line, first = line[1:], false
				continue
			}
			// HTML keeps a no-break space where it would swallow a common one. The last of a run stays common, so that
			// the line can wrap there.
			keep := run
			if !first {
				keep--
			}
			b.WriteString(strings.Repeat("\u00a0", keep))
			if !first {
				b.WriteByte(' ')
			}
			line, first = line[run:], false
			continue
		}
		word(b, line[:n])
		line, first = line[n:], false
	}
}

// word writes a run of characters without spaces, as a link where it is one.
func word(b *strings.Builder, s string) {
	head := s
	at := -1
	for _, scheme := range []string{"http://", "https://", "mailto:"} {
		if i := indexFold(s, scheme); i >= 0 && (at < 0 || i < at) {
			at = i
		}
	}
	href := ""
	if at < 0 {
		at = len(s) - len(strings.TrimLeft(s, "([{'*_,;:"))
		if mailAddress(trimEnd(s[at:])) {
			href = "mailto:"
		} else {
			at = -1
		}
	}
	if at < 0 {
		b.WriteString(html.EscapeString(s))
		return
	}
	head, s = s[:at], s[at:]
	shown := trimEnd(s)
	target, ok := link(href + shown)
	if !ok || target == "mailto:" || strings.HasSuffix(target, "//") {
		b.WriteString(html.EscapeString(head + s))
		return
	}
	b.WriteString(html.EscapeString(head))
	b.WriteString(`<a href="` + html.EscapeString(target) + `" rel="` + linkRel + `" target="_blank">`)
	b.WriteString(html.EscapeString(shown) + "</a>" + html.EscapeString(s[len(shown):]))
}

// indexFold finds an ASCII string in any case.
func indexFold(s, want string) int {
	for i := 0; i+len(want) <= len(s); i++ {
		if strings.EqualFold(s[i:i+len(want)], want) {
			return i
		}
	}
	return -1
}

// trimEnd takes off what ends a sentence rather than a URL, and a closing bracket that was opened before the URL.
func trimEnd(s string) string {
	var unmatched [3]int // closing brackets more than opening ones, of each kind
	const opening, closing = "([{", ")]}"
	for i := range len(s) {
		if k := strings.IndexByte(opening, s[i]); k >= 0 {
			unmatched[k]--
		} else if k := strings.IndexByte(closing, s[i]); k >= 0 {
			unmatched[k]++
		}
	}
	for s != "" {
		r, n := utf8.DecodeLastRuneInString(s)
		k := strings.IndexRune(closing, r)
		switch {
		case strings.ContainsRune(".,;:!?'*_…。，、；：！？」』）】", r):
		case k >= 0 && unmatched[k] > 0:
			unmatched[k]--
		default:
			return s
		}
		s = s[:len(s)-n]
	}
	return s
}

// mailAddress reports whether s is plainly a mail address of the common form.
func mailAddress(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	if !ok || local == "" || len(s) > 254 || !strings.Contains(strings.Trim(domain, "."), ".") {
		return false
	}
	for _, r := range local {
		if (r|0x20 < 'a' || r|0x20 > 'z') && (r < '0' || r > '9') && !strings.ContainsRune(".+-_=", r) {
			return false
		}
	}
	for _, r := range domain {
		if r != '.' && r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return false
		}
	}
	return true
}
