package query

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Part is a piece of a text. Those that were found are marked.
type Part struct {
	Text  string `json:"text"`
	Found bool   `json:"found,omitempty"`
}

// Marker finds the words of a query in texts.
type Marker struct{ terms []Term }

// Marker returns what marks the words that the query looks for.
func (q Query) Marker() Marker {
	var m Marker
	for _, t := range q.Terms {
		if !t.Not {
			m.terms = append(m.terms, t)
		}
	}
	return m
}

// Bounds on what is looked at to make a snippet.
const (
	maxLooked = 1 << 18 // octets of a text
	lead      = 60      // octets shown before the first word that was found
)

// span is a place in a text that was found.
type span struct{ start, end int }

// Mark returns the whole text as parts, and whether anything was found in it. Text over 4 KiB is cut off.
func (m Marker) Mark(text string) ([]Part, bool) {
	text = norm.NFC.String(clip(text, 4096))
	found := m.spans(text, len(text))
	return parts(text, 0, len(text), found), len(found) > 0
}

// Snippet returns about size octets of a text around the first words that were found, on one line, and whether there were any. Without any it
// is the text's beginning.
func (m Marker) Snippet(text string, size int) ([]Part, bool) {
	text = norm.NFC.String(clip(text, maxLooked))
	found := m.spans(text, size)
	start := 0
	if len(found) > 0 && found[0].start > lead {
		start = wordStart(text, found[0].start-lead, found[0].start)
	}
	end := min(start+size, len(text))
	if len(found) > 0 {
		end = max(end, min(found[0].end, start+2*size))
	}
	end = wordEnd(text, end)
	out := parts(text, start, end, found)
	if start > 0 && len(out) > 0 {
		out[0].Text = "… " + strings.TrimLeftFunc(out[0].Text, unicode.IsSpace)
	}
	for i := range out {
		out[i].Text = oneLine(out[i].Text)
	}
	if end < len(text) && len(out) > 0 {
		out[len(out)-1].Text = strings.TrimRightFunc(out[len(out)-1].Text, unicode.IsSpace) + " …"
	}
	return out, len(found) > 0
}

// wordStart returns where the first whole word after from begins, or from's character if there is none before limit.
func wordStart(text string, from, limit int) int {
	for from < limit && !utf8.RuneStart(text[from]) {
		from++
	}
	if i := strings.IndexFunc(text[from:limit], unicode.IsSpace); i >= 0 {
		return from + i
	}
	return from
}

// wordEnd returns where the last whole word before end ends, if it is near.
func wordEnd(text string, end int) int {
	if end == len(text) {
		return end
	}
	near := max(0, end-20)
	if i := strings.LastIndexByte(text[near:end], ' '); i >= 0 {
		return near + i
	}
	for end < len(text) && !utf8.RuneStart(text[end]) {
		end++
	}
	return end
}

// spans returns what is found, in order, from the first one on until reach octets later.
func (m Marker) spans(text string, reach int) []span {
	if len(m.terms) == 0 {
		return nil
	}
	most := 1
	for _, t := range m.terms {
		most = max(most, len(t.Words))
	}
	var found []span
	window := make([]Word, 0, 2*most)
	for w := range Words(text) {
		if len(found) > 0 && w.Start > found[0].start+reach {
			break
		}
		if len(window) == cap(window) {
			n := copy(window, window[len(window)-most+1:])
			window = window[:n]
		}
		window = append(window, w)
		for _, t := range m.terms {
			if s, ok := t.ends(window); ok {
				found = merge(found, s)
			}
		}
	}
	return found
}

// ends reports whether the term's words are the last of those given, and where.
func (t Term) ends(words []Word) (span, bool) {
	n := len(t.Words)
	if n > len(words) {
		return span{}, false
	}
	words = words[len(words)-n:]
	first, last := words[0], words[n-1]
	if t.Prefix {
		return t.begins(last)
	}
	for i, w := range words {
		if w.Text != t.Words[i] {
			return span{}, false
		}
	}
	return span{first.Start, last.End}, true
}

// begins is ends for a beginning.
func (t Term) begins(w Word) (span, bool) {
	want := t.Words[0]
	switch {
	case w.form == pair && w.Text[:w.split] == want:
		return span{w.Start, w.mid}, true
	case w.form == pair && w.Text[w.split:] == want:
		return span{w.mid, w.End}, true
	case w.form == lone && w.Text == want, w.form == plain && strings.HasPrefix(w.Text, want):
		return span{w.Start, w.End}, true
	}
	return span{}, false
}

// merge adds a span that ends no earlier than those before it.
func merge(all []span, s span) []span {
	for len(all) > 0 && all[len(all)-1].end > s.start {
		last := all[len(all)-1]
		s = span{min(s.start, last.start), max(s.end, last.end)}
		all = all[:len(all)-1]
	}
	return append(all, s)
}

// parts cuts text[start:end] at the spans.
func parts(text string, start, end int, found []span) []Part {
	var out []Part
	add := func(to int, is bool) {
		if to > start {
			out = append(out, Part{Text: text[start:to], Found: is})
			start = to
		}
	}
	for _, s := range found {
		if s.end > end {
			break
		}
		add(s.start, false)
		add(s.end, true)
	}
	add(end, false)
	return out
}

// oneLine makes runs of white space one space, and leaves out what changes how its neighbours read without being seen.
func oneLine(s string) string {
	var b strings.Builder
	space := false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			space = true
			continue
		case unicode.IsControl(r), r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069, r == 0xFEFF:
			continue
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	if space {
		b.WriteByte(' ')
	}
	return b.String()
}

// clip cuts a text to at most n octets, at a character.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
