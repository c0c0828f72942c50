package wording

import (
	"html"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Fill fills placeholders. What it fills in is not searched for placeholders again.
func Fill(s string, values map[string]string) string {
	return fill(s, func(name string) string { return values[name] })
}

func fill(s string, value func(name string) string) string {
	if strings.IndexByte(s, '{') < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 64)
	for {
		before, after, found := strings.Cut(s, "{")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		name, rest, _ := strings.Cut(after, "}")
		b.WriteString(value(name))
		s = rest
	}
}

// The marks around what is isolated from the direction of the text around it (Unicode Standard Annex #9): first strong isolate, and its end.
const (
	isolateBegin = "\u2068"
	isolateEnd   = "\u2069"
)

// mixes reports whether a value's direction can disturb that of a sentence in this language.
func (l *Language) mixes(s string) bool {
	if s == "" {
		return false
	}
	if l.RTL() {
		return true
	}
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return strings.ContainsFunc(s, isRTL)
		}
	}
	return false
}

// Isolate returns a value as it stands in a sentence of plain text in this language.
func (l *Language) Isolate(s string) string {
	if !l.mixes(s) {
		return s
	}
	return isolateBegin + s + isolateEnd
}

// IsolateHTML is Isolate for HTML; it escapes the value.
func (l *Language) IsolateHTML(s string) string {
	escaped := html.EscapeString(s)
	if !l.mixes(s) {
		return escaped
	}
	return `<bdi dir="auto">` + escaped + `</bdi>`
}

// isRTL reports whether a letter is written from right to left.
func isRTL(r rune) bool {
	switch {
	case r < 0x0590:
		return false
	case r <= 0x08ff, r >= 0xfb1d && r <= 0xfdff, r >= 0xfe70 && r <= 0xfeff, r >= 0x10800 && r <= 0x10fff, r >= 0x1e800 && r <= 0x1efff:
		return unicode.IsLetter(r)
	}
	return false
}
