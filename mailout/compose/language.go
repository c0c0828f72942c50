package compose

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// languageFiles holds one file per language. A new language is a new file, and no code.
//
//go:embed languages/*.json
var languageFiles embed.FS

// fallback is the language of whoever has chosen none, or one that we don't have.
const fallback = "en"

// language is all the words of ours that a mail can hold.
type language struct {
	Tag         string   `json:"tag"`       // BCP 47, in lower case
	Direction   string   `json:"direction"` // ltr or rtl
	Reply       string   `json:"reply"`     // what stands before the subject of an answer
	NoSubject   string   `json:"no_subject"`
	Via         string   `json:"via"`
	Units       []string `json:"units"` // sizes of files, each a thousand of the one before
	Notice      template `json:"notice"`
	StaffNotice template `json:"staff_notice"`
	Code        template `json:"code"`
	Alert       template `json:"alert"`
	Answer      template `json:"answer"`
	Copy        struct {
		TooLarge string `json:"too_large"`
		Answer   string `json:"answer"`
		SignIn   string `json:"sign_in"`
		Why      string `json:"why"`
	} `json:"copy"`
}

// template is a content-free mail. Its text and its HTML are both made from the body, so that they can't say different things.
type template struct {
	Subject string  `json:"subject"`
	Body    []block `json:"body"`
}

// block is one paragraph. Exactly one of its fields is set, and says how the paragraph looks.
type block struct {
	Lead  string `json:"lead,omitempty"`  // the sentence that says what this is
	Text  string `json:"text,omitempty"`  // a plain paragraph
	Link  string `json:"link,omitempty"`  // the one link, alone, shown as its own address
	Code  string `json:"code,omitempty"`  // a code to be typed
	Small string `json:"small,omitempty"` // why it came, and what to do in doubt
}

// text returns the words of the block, whichever kind it is.
func (b block) text() string {
	return b.Lead + b.Text + b.Link + b.Code + b.Small
}

// languages maps tags to languages. The fallback is always there.
type languages map[string]*language

// loadLanguages reads every language and checks it, so that a mistake in one is found when the program starts.
func loadLanguages(files fs.FS) (languages, error) {
	names, err := fs.Glob(files, "languages/*.json")
	if err != nil {
		return nil, fmt.Errorf("list languages: %w", err)
	}
	all := make(languages, len(names))
	for _, name := range names {
		l, err := loadLanguage(files, name)
		if err != nil {
			return nil, fmt.Errorf("language %s: %w", name, err)
		}
		all[l.Tag] = l
	}
	if all[fallback] == nil {
		return nil, fmt.Errorf("language %q is missing", fallback)
	}
	return all, nil
}

func loadLanguage(files fs.FS, name string) (*language, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	d := json.NewDecoder(f)
	d.DisallowUnknownFields()
	l := &language{}
	if err := d.Decode(l); err != nil {
		return nil, err
	}
	return l, l.check()
}

// check refuses a language with a gap in it, and a template that asks for what its mail must not hold.
func (l *language) check() error {
	if l.Tag == "" || l.Tag != strings.ToLower(l.Tag) {
		return fmt.Errorf("the tag %q is not in lower case", l.Tag)
	}
	if l.Direction != "ltr" && l.Direction != "rtl" {
		return fmt.Errorf("the direction %q is neither ltr nor rtl", l.Direction)
	}
	if len(l.Units) != 4 {
		return errors.New("units are bytes and three thousandfolds")
	}
	for _, t := range []struct {
		name     string
		template template
		holds    []string // the placeholders that it may use
		needs    string   // the one it can't do without
	}{
		{"notice", l.Notice, []string{"organization", "link"}, "link"},
		{"staff_notice", l.StaffNotice, []string{"organization", "link"}, "link"},
		{"code", l.Code, []string{"organization", "code", "minutes"}, "code"},
		{"alert", l.Alert, []string{"organization", "link"}, "link"},
		{"answer", l.Answer, []string{"organization", "link", "reason"}, "reason"},
	} {
		if err := t.template.check(t.holds, t.needs); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	for _, p := range []struct {
		name, text string
		holds      []string
	}{
		{"reply", l.Reply, nil},
		{"no_subject", l.NoSubject, nil},
		{"via", l.Via, []string{"author", "organization"}},
		{"units", strings.Join(l.Units, " "), []string{"n"}},
		{"copy.too_large", l.Copy.TooLarge, nil},
		{"copy.answer", l.Copy.Answer, nil},
		{"copy.sign_in", l.Copy.SignIn, nil},
		{"copy.why", l.Copy.Why, []string{"organization"}},
	} {
		if err := checkPhrase(p.text, p.holds); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

func (t template) check(holds []string, needs string) error {
	if err := checkPhrase(t.Subject, []string{"organization"}); err != nil {
		return fmt.Errorf("subject: %w", err)
	}
	all := ""
	for i, b := range t.Body {
		kinds := 0
		for _, s := range []string{b.Lead, b.Text, b.Link, b.Code, b.Small} {
			if s != "" {
				kinds++
			}
		}
		if kinds != 1 {
			return fmt.Errorf("paragraph %d is not of exactly one kind", i+1)
		}
		if b.Link != "" && b.Link != "{link}" {
			return fmt.Errorf("paragraph %d: a link shows its own address and nothing else", i+1)
		}
		if b.Link == "" && strings.Contains(b.text(), "{link}") {
			return fmt.Errorf("paragraph %d: {link} stands alone", i+1)
		}
		if err := checkPhrase(b.text(), holds); err != nil {
			return fmt.Errorf("paragraph %d: %w", i+1, err)
		}
		all += b.text()
	}
	if n := strings.Count(all, "{link}"); n > 1 {
		return fmt.Errorf("%d links: one is enough", n)
	}
	if !strings.Contains(all, "{"+needs+"}") {
		return fmt.Errorf("{%s} is missing", needs)
	}
	return nil
}

// checkPhrase wants some text that uses only the placeholders given.
func checkPhrase(s string, holds []string) error {
	if strings.TrimSpace(s) == "" {
		return errors.New("it is empty")
	}
	for rest := s; ; {
		_, after, found := strings.Cut(rest, "{")
		if !found {
			return nil
		}
		name, next, closed := strings.Cut(after, "}")
		if !closed || !slices.Contains(holds, name) {
			return fmt.Errorf("{%s} can't be used here", name)
		}
		rest = next
	}
}

// lookup finds a language for a locale as RFC 4647, section 3.4, says: the whole tag first, then less and less of it.
func (l languages) lookup(locale string) *language {
	tag := strings.ToLower(strings.ReplaceAll(locale, "_", "-"))
	for tag != "" && len(tag) <= 64 {
		if found := l[tag]; found != nil {
			return found
		}
		tag = tag[:max(strings.LastIndexByte(tag, '-'), 0)]
	}
	return l[fallback]
}

// values fills placeholders. What it fills in is not searched for placeholders again.
type values map[string]string

func (v values) fill(s string) string {
	first := strings.IndexByte(s, '{')
	if first < 0 {
		return s
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, "{")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		name, rest, _ := strings.Cut(after, "}")
		b.WriteString(v[name])
		s = rest
	}
}

// size writes how large a file is.
func (l *language) size(n int64) string {
	unit, whole, tenth := 0, n, int64(0)
	for whole >= 1000 && unit < len(l.Units)-1 {
		whole, tenth = whole/1000, whole%1000/100
		unit++
	}
	s := fmt.Sprint(whole)
	if unit > 0 && whole < 10 && tenth > 0 {
		s += "." + fmt.Sprint(tenth)
	}
	return values{"n": s}.fill(l.Units[unit])
}
