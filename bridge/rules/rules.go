// Package rules finds in a message what an organization does not want to travel by ordinary email: payment cards, IBANs and national ids by
// their structure and check digits, words of the organization's own lists, its own patterns, and kinds and names of files.
//
// It sees through what people and programs do to such things: spaces, dashes and dots between digits, no-break spaces, full-width and other
// scripts' digits, characters of no width, accents and case. What it finds it names by the rule alone, never by what was found.
//
// Card numbers are recognised by ISO/IEC 7812-1 (issuer's range, length, check digit), IBANs by ISO 13616 and ISO 7064 (MOD 97-10); each national
// id says its own source. The work is linear in the size of the content, which is bounded: what is larger counts as found.
//
// The package is pure. It must not know a message, a mode, nor where rules are kept.
package rules

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Kind is what a rule looks for.
type Kind string

// The kinds. The first three have no value but what is said with them.
const (
	Card    Kind = "card"    // a payment card number
	IBAN    Kind = "iban"    // an international bank account number
	ID      Kind = "id"      // a national id; the one value is its key, see IDs
	Words   Kind = "words"   // any of the values, as whole words
	Pattern Kind = "pattern" // any of the values, as regular expressions (RE2)
	Files   Kind = "files"   // files of any of the kinds that the values name, as package filetype names them
	Names   Kind = "names"   // files whose name is like any of the values, in which * stands for anything and ? for one character
)

// Rule is one thing to look for. Card, IBAN and ID are known here; the others are the organization's own, and have a name.
type Rule struct {
	ID     string   `json:"id"`             // unique in a set
	Kind   Kind     `json:"kind"`           //
	Name   string   `json:"name,omitempty"` // what people call it
	Values []string `json:"values,omitempty"`
}

// The bounds of a set.
const (
	MaxRules    = 100       // own ones
	MaxName     = 80        // characters
	MaxValues   = 2000      // of one rule
	MaxWord     = 100       // characters of a word or phrase, or of a file name's pattern
	MaxPattern  = 300       // characters of a regular expression
	MaxPatterns = 20        // in a set
	MaxOctets   = 256 << 10 // of all values together
)

// MaxContent is how many octets of content are looked through. What is larger is found to be too long.
const MaxContent = 8 << 20

// ErrRule is wrapped by what is wrong with a rule.
var ErrRule = errors.New("not a rule")

// Content is what of a message is looked through.
type Content struct {
	Subject string
	Texts   []string
	Files   []File
}

// File is a file of a message.
type File struct {
	Name  string
	Kinds []string // what it is, and what is in it
}

// Finding is a rule that matched.
type Finding struct {
	Rule string // its ID
	// Text is a clause that goes on after "it": "contains a card number". It names the rule, and holds nothing of the content.
	Text string
}

// Set is rules that are ready. It may be used by many at once. The nil Set finds nothing.
type Set struct {
	rules    []Rule
	numbers  numbers
	words    *trie
	patterns []pattern
	files    map[string][]int // by kind: places in rules
	names    []nameGlob
	texts    bool // there is a rule about texts
}

// Compile makes rules ready. Its error wraps ErrRule, and is a sentence for whoever wrote the rule.
func Compile(all []Rule) (*Set, error) {
	s := &Set{rules: slices.Clone(all), words: &trie{}, files: make(map[string][]int)}
	ids := make(map[string]bool)
	octets, own, patterns := 0, 0, 0
	for i, r := range all {
		if r.ID == "" || ids[r.ID] {
			return nil, fmt.Errorf("rule %d has no id of its own: %w", i+1, ErrRule)
		}
		ids[r.ID] = true
		if own++; r.Kind == Card || r.Kind == IBAN || r.Kind == ID {
			own--
		}
		for _, v := range r.Values {
			octets += len(v)
		}
		if r.Kind == Pattern {
			patterns += len(r.Values)
		}
		if err := s.add(i, r); err != nil {
			return nil, err
		}
	}
	switch {
	case own > MaxRules:
		return nil, fmt.Errorf("at most %d rules of one's own: %w", MaxRules, ErrRule)
	case octets > MaxOctets:
		return nil, fmt.Errorf("all rules together have more than %d KiB: %w", MaxOctets>>10, ErrRule)
	case patterns > MaxPatterns:
		return nil, fmt.Errorf("at most %d patterns: %w", MaxPatterns, ErrRule)
	}
	return s, nil
}

// Valid returns what is wrong with one rule, but for its ID. Its error is as Compile's.
func (r Rule) Valid() error {
	r.ID = "one"
	_, err := Compile([]Rule{r})
	return err
}

func (s *Set) add(i int, r Rule) error {
	switch r.Kind {
	case Card:
		s.numbers.card = append(s.numbers.card, i)
		s.texts = true
		return nil
	case IBAN:
		s.numbers.iban = append(s.numbers.iban, i)
		s.texts = true
		return nil
	case ID:
		if len(r.Values) != 1 || !s.numbers.addID(r.Values[0], i) {
			return fmt.Errorf("there is no national id %q: %w", strings.Join(r.Values, " "), ErrRule)
		}
		s.texts = true
		return nil
	}
	n := utf8.RuneCountInString(r.Name)
	switch {
	case strings.TrimSpace(r.Name) == "" || n > MaxName:
		return fmt.Errorf("a rule needs a name of at most %d characters: %w", MaxName, ErrRule)
	case len(r.Values) == 0:
		return fmt.Errorf("the rule %q is empty: %w", r.Name, ErrRule)
	case len(r.Values) > MaxValues:
		return fmt.Errorf("the rule %q has more than %d lines: %w", r.Name, MaxValues, ErrRule)
	}
	for _, v := range r.Values {
		var err error
		switch r.Kind {
		case Words:
			s.texts = true
			err = s.words.add(v, i)
		case Pattern:
			s.texts = true
			err = s.addPattern(v, i)
		case Files:
			if v == "" {
				err = errors.New("a kind of files has no name")
			}
			s.files[v] = append(s.files[v], i)
		case Names:
			err = s.addName(v, i)
		default:
			err = fmt.Errorf("%q is no kind of rule", r.Kind)
		}
		if err != nil {
			return fmt.Errorf("the rule %q: %w: %w", r.Name, err, ErrRule)
		}
	}
	return nil
}

// Rules returns the rules of a set, in their order.
func (s *Set) Rules() []Rule {
	if s == nil {
		return nil
	}
	return slices.Clone(s.rules)
}

// NeedsKinds reports whether some rule is about what files are, so that File.Kinds matter.
func (s *Set) NeedsKinds() bool { return s != nil && len(s.files) > 0 }

// Where something was found.
const (
	inText = 1 << iota
	inSubject
	inName
	inFile
)

// Match returns the rules that match, in their order, each once.
func (s *Set) Match(c Content) []Finding {
	if s == nil || len(s.rules) == 0 {
		return nil
	}
	found := make([]int, len(s.rules))
	octets := len(c.Subject)
	for _, t := range c.Texts {
		octets += len(t)
	}
	for _, f := range c.Files {
		octets += len(f.Name)
	}
	long := s.texts && octets > MaxContent
	if !long {
		s.look(c.Subject, found, inSubject)
		for _, t := range c.Texts {
			s.look(t, found, inText)
		}
	}
	for _, f := range c.Files {
		if !long {
			s.look(f.Name, found, inName)
			s.name(f.Name, found)
		}
		for _, k := range f.Kinds {
			for _, i := range s.files[k] {
				found[i] |= inFile
			}
		}
	}
	var all []Finding
	for i, where := range found {
		if where != 0 {
			all = append(all, Finding{Rule: s.rules[i].ID, Text: s.rules[i].clause(where)})
		}
	}
	if long {
		all = append(all, Finding{Text: "is too long to be looked through"})
	}
	return all
}

// tag is what marks a subject.
const tag = "[secure]"

// Tagged reports whether a subject carries the tag [secure], which anybody can write to have a message stay in.
func Tagged(subject string) bool {
	plain := asRead(subject)
	return strings.Contains(plain, tag[:1]) && strings.Contains(strings.ReplaceAll(fold(plain), " ", ""), tag)
}

// look looks through one text.
func (s *Set) look(text string, found []int, where int) {
	if text == "" || !s.texts {
		return
	}
	plain := asRead(text)
	s.numbers.find(plain, found, where)
	s.words.find(plain, found, where)
	for _, p := range s.patterns {
		if found[p.rule]&where == 0 && p.re.MatchString(plain) {
			found[p.rule] |= where
		}
	}
}

// clause says what was found, and where, if not in the text.
func (r Rule) clause(where int) string {
	what := r.What()
	switch {
	case where&inText != 0:
		return "contains " + what
	case where&inSubject != 0:
		return "has " + what + " in its subject"
	case r.Kind == Names || r.Kind == Files:
		return "has " + what
	}
	return "has " + what + " in the name of a file"
}

// What returns what a rule looks for, in words: "a card number".
func (r Rule) What() string {
	switch r.Kind {
	case Card:
		return "a card number"
	case IBAN:
		return "an IBAN"
	case ID:
		for _, id := range ids {
			if len(r.Values) == 1 && id.Key == r.Values[0] {
				return "a " + id.Name
			}
		}
		return "a national id"
	case Words:
		return "a word of the list “" + r.Name + "”"
	case Pattern:
		return "something like “" + r.Name + "”"
	}
	return "a file of “" + r.Name + "”"
}
