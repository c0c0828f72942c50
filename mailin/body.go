package mailin

import (
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// preferHTML decides which part of a mail that has both gives the truer reply.
//
// The text part shows quotes by their marks and needs no guess about layout, so it is taken unless the HTML tells more: where the text is empty,
// only says that the mail is HTML, or leaves out much of the words; and where the text does not mark what it quotes while the HTML has a
// container around it, as with Outlook, Yahoo and Apple Mail.
func preferHTML(text, html string) bool {
	if html == "" {
		return false
	}
	t := strings.TrimSpace(text)
	if t == "" || len(t) < 200 && onlyLeftovers(t) {
		return true
	}
	nh := countWords(html, true)
	if nh == 0 {
		return false
	}
	nt := countWords(t, false)
	if nt < 80 && isStub(t) {
		return true
	}
	if nh > nt*3/2+20 {
		return true
	}
	return nt <= 2*nh+20 && !marksQuotes(t) && hasContainer(html)
}

// marksQuotes reports whether some line begins with ">".
func marksQuotes(t string) bool {
	return strings.HasPrefix(t, ">") || strings.Contains(t, "\n>")
}

// containers are what clients put around the mail that they quote.
var containers = []string{
	"gmail_quote", "yahoo_quoted", "moz-cite-prefix", "divRplyFwdMsg", "appendonsend", "OLK_SRC_BODY_SECTION", "protonmail_quote", "gmail_extra", "type=\"cite\"", "type=cite", "type=3D\"cite\"",
	"<blockquote", "<BLOCKQUOTE", "border-top:solid #", "border-top: solid #", "border-top:1px solid #", "stopSpelling", "mail-editor-reference-message-container", "ms-outlook-mobile-reference-message", "zmail_extra", "quoted_message", "reply-intro",
}

func hasContainer(html string) bool {
	return containsAny(html, containers)
}

// isStub reports whether a short text only says that there is no text.
func isStub(t string) bool {
	low := strings.ToLower(t)
	if !strings.Contains(low, "html") && !strings.Contains(low, "browser") && !strings.Contains(low, "mime") && !strings.Contains(low, "rich text") {
		return false
	}
	for _, w := range []string{"view", "support", "display", "enable", "client", "reader", "compatible", "version", "anzeigen", "darstell", "unterstütz", "afficher", "lecteur", "visualiz", "mostrar", "soporta", "weergeven", "visa ", "visualizzare", "просмотр", "表示", "查看"} {
		if strings.Contains(low, w) {
			return true
		}
	}
	return false
}

// countWords counts the words of a text, or of HTML without its tags, styles and scripts, up to what comparing them needs. Letters of
// scripts without spaces count each. It looks at no more than the first megabyte.
func countWords(s string, html bool) int {
	s = s[:min(len(s), 1<<20)]
	n := 0
	in := false
	for i := 0; i < len(s); {
		c := s[i]
		if html && c == '<' {
			in = false
			i = skipTag(s, i)
			continue
		}
		if html && c == '&' {
			if j := strings.IndexByte(s[i:min(len(s), i+12)], ';'); j > 0 {
				if s[i:i+j] == "&nbsp" {
					in = false
				}
				i += j + 1
				continue
			}
		}
		if c < utf8.RuneSelf {
			letter := 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9'
			if letter && !in {
				n++
			}
			if letter || c == ' ' || c == '\n' || c == '\t' {
				in = letter
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		i += size
		switch {
		case r >= 0x2e80 && unicode.IsLetter(r):
			n++
			in = false
		case unicode.IsLetter(r):
			if !in {
				n++
			}
			in = true
		case unicode.IsSpace(r):
			in = false
		}
	}
	return n
}

// skipTag returns the index behind the tag or comment at i, and behind the content of elements that show nothing.
func skipTag(s string, i int) int {
	rest := s[i:]
	if strings.HasPrefix(rest, "<!--") {
		if j := strings.Index(rest, "-->"); j >= 0 {
			return i + j + 3
		}
		return len(s)
	}
	if len(rest) < 2 || !(rest[1] == '/' || rest[1] == '!' || rest[1] == '?' || 'a' <= rest[1]|0x20 && rest[1]|0x20 <= 'z') {
		return i + 1
	}
	j := strings.IndexByte(rest, '>')
	if j < 0 {
		return len(s)
	}
	for _, name := range []string{"style", "script", "head", "title"} {
		if len(rest) > len(name)+1 && strings.EqualFold(rest[1:1+len(name)], name) && (rest[1+len(name)] == '>' || rest[1+len(name)] == ' ') {
			if k := indexFold(rest[j:], "</"+name); k >= 0 {
				return i + j + k
			}
			return len(s)
		}
	}
	return i + j + 1
}

// indexFold finds an ASCII string without regard to case.
func indexFold(s, lower string) int {
	for i := 0; i+len(lower) <= len(s); i++ {
		if j := strings.IndexByte(s[i:], lower[0]); j < 0 {
			return -1
		} else if i += j; i+len(lower) <= len(s) && strings.EqualFold(s[i:i+len(lower)], lower) {
			return i
		}
	}
	return -1
}

// trimLines writes a text line by line without trailing white space and without empty lines at its end, so that it is the same
// however the mail was encoded on its way.
func trimLines[T string | []byte](w io.ByteWriter, s T, index func(T, byte) int, write func(T) (int, error)) {
	empty := 0
	for len(s) > 0 {
		line, after := s, len(s)
		if i := index(s, '\n'); i >= 0 {
			line, after = s[:i], i+1
		}
		s = s[after:]
		end := len(line)
		for end > 0 && (line[end-1] == ' ' || line[end-1] == '\t' || line[end-1] == '\r') {
			end--
		}
		if end == 0 {
			empty++
			continue
		}
		for ; empty > 0; empty-- {
			w.WriteByte('\n')
		}
		write(line[:end])
		w.WriteByte('\n')
	}
}
