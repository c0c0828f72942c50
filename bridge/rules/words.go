package rules

import (
	"bytes"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// trie holds the folded words of all lists. From each place where a word may begin it is followed for MaxWord characters at most, so that
// the work is linear in the text.
type trie struct {
	nodes  []trieNode
	begins [256 / 64]uint64 // the octets that words begin with, a bit for each
}

type trieNode struct {
	octets []byte // that lead on
	next   []int32
	rules  []int // of the words that end here
}

// step returns where an octet leads, or 0.
func (n *trieNode) step(c byte) int32 {
	if i := bytes.IndexByte(n.octets, c); i >= 0 {
		return n.next[i]
	}
	return 0
}

// add adds a word or phrase to a rule.
func (t *trie) add(word string, rule int) error {
	folded := strings.TrimSpace(fold(asRead(word)))
	switch n := utf8.RuneCountInString(folded); {
	case !strings.ContainsFunc(folded, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsSymbol(r) }):
		return fmt.Errorf("a line without any letter or number")
	case n > MaxWord:
		return fmt.Errorf("a word or phrase of more than %d characters", MaxWord)
	}
	if len(t.nodes) == 0 {
		t.nodes = append(t.nodes, trieNode{})
	}
	at := int32(0)
	for i := range len(folded) {
		next := t.nodes[at].step(folded[i])
		if next == 0 {
			next = int32(len(t.nodes))
			t.nodes[at].octets = append(t.nodes[at].octets, folded[i])
			t.nodes[at].next = append(t.nodes[at].next, next)
			t.nodes = append(t.nodes, trieNode{})
		}
		at = next
	}
	t.begins[folded[0]/64] |= 1 << (folded[0] % 64)
	t.nodes[at].rules = append(t.nodes[at].rules, rule)
	return nil
}

// foldings are folded texts. They are used again, as strips are.
var foldings = sync.Pool{New: func() any { return new([]byte) }}

// find marks the rules of which a word is in a cleared text.
func (t *trie) find(plain string, found []int, where int) {
	if len(t.nodes) == 0 {
		return
	}
	kept := foldings.Get().(*[]byte)
	text := appendFold(*kept, plain)
	for i, c := range text {
		if t.begins[c/64]>>(c%64)&1 == 0 || i > 0 && inWordASCII(text[i-1]) && inWordASCII(c) {
			continue
		}
		before, _ := utf8.DecodeLastRune(text[:i])
		r, _ := utf8.DecodeRune(text[i:])
		if i == 0 || parts(before, r) {
			t.follow(text, i, found, where)
		}
	}
	if cap(text) <= maxKept {
		clear(text)
		*kept = text[:0]
		foldings.Put(kept)
	}
}

func (t *trie) follow(text []byte, from int, found []int, where int) {
	at := int32(0)
	for i := from; i < len(text); i++ {
		if at = t.nodes[at].step(text[i]); at == 0 {
			return
		}
		if len(t.nodes[at].rules) == 0 {
			continue
		}
		last, _ := utf8.DecodeLastRune(text[:i+1])
		after, size := utf8.DecodeRune(text[i+1:])
		if size == 0 || parts(last, after) {
			for _, rule := range t.nodes[at].rules {
				found[rule] |= where
			}
		}
	}
}

// parts reports whether a word may end between two runes that follow one another.
func parts(a, b rune) bool { return unspaced(a) || unspaced(b) || !inWord(a) || !inWord(b) }

func inWord(r rune) bool {
	if r < utf8.RuneSelf {
		return inWordASCII(byte(r))
	}
	return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r)
}

func inWordASCII(c byte) bool { return c >= 'a' && c <= 'z' || isDigit(c) }

// unspaced reports whether a rune is of a script that puts no spaces between words, or that joins particles to them: there a word is found wherever
// it stands.
func unspaced(r rune) bool {
	return eastAsian(r) || r >= 0x0E00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tibetan) ||
		r == 'ー'
}

// pattern is a regular expression of a rule.
type pattern struct {
	re   *regexp.Regexp
	rule int
}

// maxProgram bounds the instructions of a regular expression: a text is matched in time proportional to them and to its length.
const maxProgram = 400

func (s *Set) addPattern(text string, rule int) error {
	if utf8.RuneCountInString(text) > MaxPattern {
		return fmt.Errorf("a pattern of more than %d characters", MaxPattern)
	}
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return fmt.Errorf("the pattern can't be read: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return fmt.Errorf("the pattern can't be used: %w", err)
	}
	if len(program.Inst) > maxProgram {
		return fmt.Errorf("a pattern that repeats too much")
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return fmt.Errorf("the pattern can't be used: %w", err)
	}
	if re.MatchString("") {
		return fmt.Errorf("a pattern that matches every text")
	}
	s.patterns = append(s.patterns, pattern{re, rule})
	return nil
}

// nameGlob is a pattern of file names.
type nameGlob struct {
	glob []rune
	word *trie // instead, where the pattern has neither * nor ?
	rule int
}

func (s *Set) addName(text string, rule int) error {
	if n := utf8.RuneCountInString(text); n == 0 || n > MaxWord {
		return fmt.Errorf("a file name needs 1 to %d characters", MaxWord)
	}
	g := nameGlob{rule: rule}
	if !strings.ContainsAny(text, "*?") {
		g.word = &trie{}
		if err := g.word.add(text, 0); err != nil {
			return err
		}
	} else if g.glob = []rune(strings.TrimSpace(fold(asRead(text)))); strings.Trim(string(g.glob), "*? ") == "" {
		return fmt.Errorf("a file name that is like every other")
	}
	s.names = append(s.names, g)
	return nil
}

// name marks the rules that a file's name is like.
func (s *Set) name(name string, found []int) {
	if len(s.names) == 0 || name == "" {
		return
	}
	plain := asRead(name)
	folded := []rune(strings.TrimSpace(fold(plain)))
	for _, g := range s.names {
		if g.word != nil {
			hit := []int{0}
			g.word.find(plain, hit, inName)
			found[g.rule] |= hit[0]
		} else if globs(g.glob, folded) {
			found[g.rule] |= inName
		}
	}
}

// globs matches a whole name. A star that was passed needs no second look, so the work is at most the product of the two lengths.
func globs(glob, name []rune) bool {
	star, from := -1, 0
	g, n := 0, 0
	for n < len(name) {
		switch {
		case g < len(glob) && glob[g] == '*':
			star, from = g, n
			g++
		case g < len(glob) && (glob[g] == '?' || glob[g] == name[n]):
			g, n = g+1, n+1
		case star >= 0:
			from++
			g, n = star+1, from
		default:
			return false
		}
	}
	for g < len(glob) && glob[g] == '*' {
		g++
	}
	return g == len(glob)
}
