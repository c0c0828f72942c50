package page

import (
	"fmt"
	"html/template"
	"path"
	"strings"
	"time"
	"unicode/utf8"
)

// textSetter writes times, sizes and plain text for people. Times are in the organization's zone.
type textSetter struct {
	now func() time.Time
	in  *time.Location
}

func (s textSetter) funcs() template.FuncMap {
	return template.FuncMap{
		"stamp":     func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"shortTime": s.shortTime,
		"fullTime":  s.fullTime,
		"size":      Size,
		"limit":     func(n int64) string { return fmt.Sprintf("%d MB", n>>20) },
		"prose":     prose,
	}
}

// shortTime is how a list shows a moment: the clock for today, the day for this year, else the date.
func (s textSetter) shortTime(t time.Time) string {
	t, now := t.In(s.in), s.now().In(s.in)
	switch {
	case t.Year() == now.Year() && t.YearDay() == now.YearDay():
		return "Today " + t.Format("15:04")
	case t.Year() == now.Year():
		return t.Format("2 Jan, 15:04")
	}
	return t.Format("2 Jan 2006")
}

func (s textSetter) fullTime(t time.Time) string {
	return t.In(s.in).Format("Monday, 2 January 2006, 15:04 MST")
}

// Size writes a number of octets in units of 1,000.
func Size(n int64) string {
	switch {
	case n < 1_000:
		return fmt.Sprintf("%d B", n)
	case n < 1_000_000:
		return fmt.Sprintf("%d kB", (n+500)/1_000)
	case n < 1_000_000_000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}

// prose sets plain text: lines that begin with ">" as quotes, http and https addresses as links, everything else as it is.
// White space is kept by the style sheet. It takes linear time.
func prose(text string) template.HTML {
	var b strings.Builder
	b.Grow(len(text) + len(text)/8 + 64)
	text = strings.Trim(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	quoting, first, blank := false, true, false // blank: an empty line was left out after a quote
	for line := range strings.SplitSeq(text, "\n") {
		quote := strings.HasPrefix(line, ">")
		if quoting && !quote && !blank && strings.TrimSpace(line) == "" {
			blank = true // the style sheet keeps its distance
			continue
		}
		switch {
		case quote && blank:
			b.WriteString("</blockquote><blockquote>")
		case quote && !quoting:
			b.WriteString("<blockquote>")
		case !quote && quoting:
			b.WriteString("</blockquote>")
		case !first:
			b.WriteByte('\n')
		}
		if quote {
			line = strings.TrimPrefix(line[1:], " ")
		}
		link(&b, line)
		quoting, first, blank = quote, false, false
	}
	if quoting {
		b.WriteString("</blockquote>")
	}
	return template.HTML(b.String()) // #nosec: link escapes all that came from outside
}

// link writes one line, escaped, with its web addresses as links.
func link(b *strings.Builder, line string) {
	for line != "" {
		at := nextURL(line)
		if at < 0 {
			template.HTMLEscape(writer{b}, []byte(line))
			return
		}
		template.HTMLEscape(writer{b}, []byte(line[:at]))
		line = line[at:]
		end := urlEnd(line)
		url := template.HTMLEscapeString(line[:end])
		b.WriteString(`<a href="`)
		b.WriteString(url)
		b.WriteString(`" rel="noopener noreferrer nofollow ugc" target="_blank">`)
		b.WriteString(url)
		b.WriteString(`</a>`)
		line = line[end:]
	}
}

type writer struct{ *strings.Builder }

// nextURL returns where an address with a host begins, or -1. Only http and https count, and only at the beginning of a word.
func nextURL(s string) int {
	for from := 0; ; {
		i := strings.Index(s[from:], "://")
		if i < 0 {
			return -1
		}
		i += from
		for _, scheme := range []string{"https", "http"} {
			at := i - len(scheme)
			if at < 0 || !strings.EqualFold(s[at:i], scheme) {
				continue
			}
			if before, _ := utf8.DecodeLastRuneInString(s[:at]); at > 0 && wordRune(before) {
				continue
			}
			if urlEnd(s[at:]) > i-at+3 {
				return at
			}
		}
		from = i + 3
	}
}

func wordRune(r rune) bool {
	return r == '_' || r == '-' || '0' <= r && r <= '9' || 'a' <= r|0x20 && r|0x20 <= 'z'
}

// urlEnd returns where the address that s begins with ends: before white space, quotes and brackets, and before the
// punctuation of the sentence around it.
func urlEnd(s string) int {
	end := len(s)
	opened, closed := 0, 0
	for i, r := range s {
		if r <= ' ' || r == '<' || r == '>' || r == '"' || r == '`' || r == '\\' || r == 0x7f || r == 0xa0 || r == 0xad || 0x2000 <= r && r <= 0x206f || r == 0x3000 || r == utf8.RuneError {
			end = i
			break
		}
		switch r {
		case '(':
			opened++
		case ')':
			closed++
		}
	}
	for end > 0 {
		switch s[end-1] {
		case '.', ',', ';', ':', '!', '?', '\'', ']', '}', '*':
			end--
			continue
		case ')':
			if closed > opened {
				closed--
				end--
				continue
			}
		}
		break
	}
	return end
}

// pageName returns the name of a page: its file's, without folder and ending.
func pageName(file string) string {
	base := path.Base(file)
	return strings.TrimSuffix(base, path.Ext(base))
}
