package wording

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
)

// languageFiles holds one file per language. A new language is a new file, and no code.
//
//go:embed languages/*.json
var languageFiles embed.FS

// Fallback is the language of whoever has chosen none, or one that there is not.
const Fallback = "en"

// Language is all the words of ours that a mail can hold.
type Language struct {
	Tag       string            `json:"tag"`  // BCP 47, in lower case
	Name      string            `json:"name"` // its own name for itself
	Direction string            `json:"direction"`
	Reply     string            `json:"reply"` // what stands before the subject of an answer
	NoSubject string            `json:"no_subject"`
	Via       string            `json:"via"`
	Test      string            `json:"test"`    // what stands before the subject of a sample
	Phrase    string            `json:"phrase"`  // introduces the recipient's own phrase
	Units     []string          `json:"units"`   // sizes of files, each a thousand of the one before
	Decimal   string            `json:"decimal"` // between whole and tenth
	Copy      CopyWords         `json:"copy"`
	Mails     map[Kind]Template `json:"mails"`
}

// CopyWords are the phrases of a mail that carries the message itself.
type CopyWords struct {
	TooLarge string `json:"too_large"`
	Answer   string `json:"answer"`
	SignIn   string `json:"sign_in"`
	Why      string `json:"why"`
	Previous string `json:"previous"` // introduces the message before
}

// RTL reports whether the language is written from right to left.
func (l *Language) RTL() bool { return l.Direction == "rtl" }

// Languages maps tags to languages. The fallback is always there.
type Languages map[string]*Language

// Builtin returns the languages that come with the program, read once. Nobody may change them.
var Builtin = sync.OnceValues(func() (Languages, error) { return load(languageFiles) })

// load reads every language and checks it, so that a mistake in one is found when the program starts.
func load(files fs.FS) (Languages, error) {
	names, err := fs.Glob(files, "languages/*.json")
	if err != nil {
		return nil, fmt.Errorf("list languages: %w", err)
	}
	all := make(Languages, len(names))
	for _, name := range names {
		l, err := loadLanguage(files, name)
		if err != nil {
			return nil, fmt.Errorf("language %s: %w", name, err)
		}
		all[l.Tag] = l
	}
	if all[Fallback] == nil {
		return nil, fmt.Errorf("language %q is missing", Fallback)
	}
	return all, nil
}

func loadLanguage(files fs.FS, name string) (*Language, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	d := json.NewDecoder(f)
	d.DisallowUnknownFields()
	l := &Language{}
	if err := d.Decode(l); err != nil {
		return nil, err
	}
	return l, l.check()
}

// check refuses a language with a gap in it.
func (l *Language) check() error {
	switch {
	case l.Tag == "" || l.Tag != strings.ToLower(l.Tag):
		return fmt.Errorf("the tag %q is not in lower case", l.Tag)
	case l.Direction != "ltr" && l.Direction != "rtl":
		return fmt.Errorf("the direction %q is neither ltr nor rtl", l.Direction)
	case len(l.Units) != 4:
		return errors.New("units are bytes and three thousandfolds")
	case len(l.Mails) != len(specs):
		return fmt.Errorf("it has %d mails, and there are %d kinds", len(l.Mails), len(specs))
	}
	for _, s := range specs {
		if err := l.Mails[s.Kind].Check(s.Kind); err != nil {
			return fmt.Errorf("%s: %w", s.Kind, err)
		}
	}
	for _, p := range []struct {
		name, text string
		holds      []string
	}{
		{"name", l.Name, nil},
		{"reply", l.Reply, nil},
		{"no_subject", l.NoSubject, nil},
		{"test", l.Test, nil},
		{"phrase", l.Phrase, nil},
		{"decimal", l.Decimal, nil},
		{"via", l.Via, []string{"author", "organization"}},
		{"units", strings.Join(l.Units, " "), []string{"n"}},
		{"copy.too_large", l.Copy.TooLarge, nil},
		{"copy.answer", l.Copy.Answer, nil},
		{"copy.sign_in", l.Copy.SignIn, nil},
		{"copy.why", l.Copy.Why, []string{"organization"}},
		{"copy.previous", l.Copy.Previous, []string{"author", "date"}},
	} {
		if strings.TrimSpace(p.text) == "" {
			return fmt.Errorf("%s is empty", p.name)
		}
		if err := placeholders(p.text, func(name string) bool { return slices.Contains(p.holds, name) }); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

// All returns the languages in the order of their tags, the fallback first.
func (all Languages) All() []*Language {
	out := []*Language{all[Fallback]}
	for _, tag := range slices.Sorted(maps.Keys(all)) {
		if tag != Fallback {
			out = append(out, all[tag])
		}
	}
	return out
}

// maxTag bounds the octets of a language tag that is looked at.
const maxTag = 64

// find returns the language of a locale, or nil: the whole tag first, then less and less of it (RFC 4647, section 3.4).
func (all Languages) find(locale string) *Language {
	if len(locale) > maxTag {
		return nil
	}
	if found := all[locale]; found != nil {
		return found
	}
	tag := strings.ToLower(strings.ReplaceAll(locale, "_", "-"))
	for tag != "" {
		if found := all[tag]; found != nil {
			return found
		}
		tag = tag[:max(strings.LastIndexByte(tag, '-'), 0)]
	}
	return nil
}

// Lookup returns the language for a locale; the fallback if there is none for it.
func (all Languages) Lookup(locale string) *Language {
	if l := all.find(locale); l != nil {
		return l
	}
	return all[Fallback]
}

// Size writes how large a file is.
func (l *Language) Size(n int64) string {
	unit, whole, tenth := 0, n, int64(0)
	for whole >= 1000 && unit < len(l.Units)-1 {
		whole, tenth = whole/1000, whole%1000/100
		unit++
	}
	s := fmt.Sprint(whole)
	if unit > 0 && whole < 10 && tenth > 0 {
		s += l.Decimal + fmt.Sprint(tenth)
	}
	return Fill(l.Units[unit], map[string]string{"n": s})
}
