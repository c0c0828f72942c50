package wording

import (
	"html"
	"strings"
)

// Values are what placeholders stand for. Each is on one line and holds no control characters; Link is a web address that can stand in
// text as it is.
type Values struct {
	Organization string
	Link         string
	Code         string
	Minutes      string
	Reason       string
	When         string
	// Numbers of a summary.
	New, Waiting, Held, Unopened string
}

func (v *Values) of(name string) string {
	switch name {
	case "organization":
		return v.Organization
	case "link":
		return v.Link
	case "code":
		return v.Code
	case "minutes":
		return v.Minutes
	case "reason":
		return v.Reason
	case "when":
		return v.When
	case "new":
		return v.New
	case "waiting":
		return v.Waiting
	case "held":
		return v.Held
	case "unopened":
		return v.Unopened
	}
	return ""
}

// Sheet is what stands around the words of a mail. All of it is the same for every mail to one person.
type Sheet struct {
	Phrase     string // the recipient's own; empty if they chose none
	Postal     string // the organization's postal address, on one line; may be empty
	Contact    string // how it can be reached otherwise, on one line; may be empty
	LogoSource string // where the logo is, such as cid:ID; empty for none
	LogoWidth  int    // in pixels
	LogoHeight int
}

// Set is a mail's words, set.
type Set struct {
	Subject, Text, HTML string
}

// Set sets a template as a mail. Text and HTML hold the same words in the same order.
func (l *Language) Set(t Template, v Values, s Sheet) Set {
	out := Set{Subject: fill(t.Subject, v.of)}
	isolated := func(name string) string { return l.Isolate(v.of(name)) }
	escaped := func(name string) string { return l.IsolateHTML(v.of(name)) }

	var text, page strings.Builder
	text.Grow(2048)
	page.Grow(8192)
	l.beginCard(&page, out.Subject, v, s)
	if s.Phrase != "" {
		text.WriteString(l.Phrase + " " + l.Isolate(s.Phrase) + "\n\n")
		l.writePhrase(&page, s.Phrase)
	}
	for _, p := range t.Body {
		switch p.Style {
		case Link, Digits:
			// Alone on its line, so that no mark beside it can become a part of it.
			one := v.of(p.Text[1 : len(p.Text)-1])
			if one == "" {
				continue
			}
			text.WriteString(one + "\n\n")
			l.writeAlone(&page, p.Style, one)
		default:
			words := strings.TrimSpace(fill(p.Text, isolated))
			if words == "" {
				continue // an answer without a reason
			}
			text.WriteString(words + "\n\n")
			writeParagraph(&page, p.Style, strings.TrimSpace(fill(html.EscapeString(p.Text), escaped)))
		}
	}
	text.WriteString(v.Organization + "\n")
	for _, line := range [2]string{s.Postal, s.Contact} {
		if line != "" {
			text.WriteString(line + "\n")
		}
	}
	endCard(&page, v, s)
	out.Text, out.HTML = text.String(), page.String()
	return out
}
