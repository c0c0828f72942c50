package wording

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of a template.
const (
	MaxSubject    = 150  // characters
	MaxSource     = 6000 // octets of the body as written
	maxParagraphs = 30
)

// Style is how a paragraph looks.
type Style uint8

// The styles. A Link or a Code stands alone.
const (
	Plain  Style = iota
	Lead         // the sentence that says what this is
	Small        // why it came, and what to do in doubt
	Link         // the one link, shown as its own address
	Digits       // a code to be typed
)

// Paragraph is one paragraph of a mail, with placeholders.
type Paragraph struct {
	Style Style
	Text  string
}

// Template is the words of one kind of mail in one language.
type Template struct {
	Subject string
	Body    []Paragraph
}

// The marks before paragraphs, as they are written.
const (
	markLead  = "# "
	markSmall = "~ "
)

func (p Paragraph) source() string {
	switch p.Style {
	case Lead:
		return markLead + p.Text
	case Small:
		return markSmall + p.Text
	}
	return p.Text
}

// oneLine returns words with one space between them. Spaces at which no line is broken stay: French has one before a colon.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) && r != '\u00a0' && r != '\u202f' }), " ")
}

func paragraph(s string) Paragraph {
	switch s = oneLine(s); {
	case s == "{link}":
		return Paragraph{Link, s}
	case s == "{code}":
		return Paragraph{Digits, s}
	case strings.HasPrefix(s, markLead):
		return Paragraph{Lead, s[len(markLead):]}
	case strings.HasPrefix(s, markSmall):
		return Paragraph{Small, s[len(markSmall):]}
	}
	return Paragraph{Plain, s}
}

// Source returns the body as it is written: paragraphs with an empty line between them, "# " before the leading sentence, "~ " before
// small print.
func (t Template) Source() string {
	var b strings.Builder
	for i, p := range t.Body {
		if i > 0 {
			b.WriteString("\n\n")
		}
		b.WriteString(p.source())
	}
	return b.String()
}

// Parse reads a template as somebody wrote it and checks it. Its error says in a plain sentence what is wrong, for whoever wrote it.
func Parse(k Kind, subject, source string) (Template, error) {
	if len(source) > MaxSource {
		return Template{}, fmt.Errorf("the text has more than %d characters", MaxSource)
	}
	t := Template{Subject: oneLine(subject)}
	source = strings.ReplaceAll(strings.ReplaceAll(source, "\r\n", "\n"), "\r", "\n")
	var one []string
	flush := func() {
		if s := strings.Join(one, " "); strings.TrimSpace(s) != "" {
			t.Body = append(t.Body, paragraph(s))
		}
		one = one[:0]
	}
	for line := range strings.SplitSeq(source, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line == "{link}" || line == "{code}" || strings.HasPrefix(line, markLead) || strings.HasPrefix(line, markSmall) {
			flush()
		}
		one = append(one, line)
		if line == "{link}" || line == "{code}" {
			flush()
		}
	}
	flush()
	return t, t.Check(k)
}

// Check reports what of a template can't be: a placeholder that its kind doesn't have, no link or a second one, bounds. Its error is a
// plain sentence for whoever wrote it.
func (t Template) Check(k Kind) error {
	spec, ok := SpecOf(k)
	if !ok {
		return errors.New("there is no such kind of mail")
	}
	if err := checkWords(t.Subject); err != nil {
		return fmt.Errorf("in the subject, %w", err)
	}
	if utf8.RuneCountInString(t.Subject) > MaxSubject {
		return fmt.Errorf("the subject has more than %d characters", MaxSubject)
	}
	if err := placeholders(t.Subject, func(name string) bool { return name == "organization" }); err != nil {
		return fmt.Errorf("in the subject, %w", err)
	}
	if len(t.Body) > maxParagraphs {
		return fmt.Errorf("there are more than %d paragraphs", maxParagraphs)
	}
	has := map[string]int{}
	size := 0
	for i, p := range t.Body {
		if err := p.check(spec); err != nil {
			return fmt.Errorf("in paragraph %d, %w", i+1, err)
		}
		for _, h := range spec.Holds {
			has[h.Name] += strings.Count(p.Text, "{"+h.Name+"}")
		}
		size += len(p.Text)
	}
	switch {
	case size > MaxSource:
		return fmt.Errorf("the text has more than %d characters", MaxSource)
	case has["link"] > 1:
		return errors.New("there is a second {link}: one link is what people can check")
	case has["code"] > 1:
		return errors.New("there is a second {code}")
	case has[spec.Needs] == 0:
		return fmt.Errorf("{%s} is missing", spec.Needs)
	}
	return nil
}

func (p Paragraph) check(spec Spec) error {
	if err := checkWords(p.Text); err != nil {
		return err
	}
	if err := placeholders(p.Text, spec.may); err != nil {
		return err
	}
	for _, alone := range []struct {
		name  string
		style Style
	}{{"{link}", Link}, {"{code}", Digits}} {
		if strings.Contains(p.Text, alone.name) != (p.Style == alone.style) || p.Style == alone.style && p.Text != alone.name {
			return fmt.Errorf("%s stands alone in its paragraph, so that everybody sees all of it and nothing else", alone.name)
		}
	}
	return nil
}

// checkWords refuses what would make a second link, and what can't be seen.
func checkWords(s string) error {
	if strings.TrimSpace(s) == "" {
		return errors.New("it is empty")
	}
	if !utf8.ValidString(s) {
		return errors.New("it is no text")
	}
	low := strings.ToLower(s)
	for _, sign := range []string{"://", "www.", "mailto:"} {
		if strings.Contains(low, sign) {
			return errors.New("it has an address of its own: mail programs would make a second link of it")
		}
	}
	for _, r := range s {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' {
			return errors.New("it has a character that can't be seen")
		}
	}
	return nil
}

// written is a template as the files of languages have it.
type written struct {
	Subject string   `json:"subject"`
	Body    []string `json:"body"`
}

// UnmarshalJSON reads a template from a file of a language.
func (t *Template) UnmarshalJSON(b []byte) error {
	var w written
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	*t = Template{Subject: w.Subject}
	for _, s := range w.Body {
		t.Body = append(t.Body, paragraph(s))
	}
	return nil
}
