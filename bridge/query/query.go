package query

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Bounds on one query.
const (
	MaxLength = 1000 // octets
	MaxTerms  = 24   // words, phrases and senders
	maxWords  = 48   // of all terms together
)

// Query is what somebody looks for: all of its terms, none of those that are excluded, and every filter.
type Query struct {
	Terms   []Term
	From    []Sender
	Files   Tristate
	In      string    // "open", "closed" or empty
	Since   time.Time // from this moment on, if it is set
	Until   time.Time // before this moment, if it is set
	Notices []string  // what was not understood, in words for whoever typed it
}

// Term is words that follow one another, each in the form of Word.Text.
type Term struct {
	Words  []string
	Prefix bool // the only word is the beginning of one, or one character of a script without spaces
	Not    bool
}

// Sender is who wrote a message: an address, a domain, or words of a name.
type Sender struct {
	Address string // as it was typed
	Domain  string // likewise, without @
	Words   []string
	Not     bool
}

// Tristate is what a filter says: nothing, yes or no.
type Tristate int8

// The states of a filter.
const (
	Either Tristate = iota
	Yes
	No
)

// IsZero reports whether the query asks for nothing at all.
func (q Query) IsZero() bool {
	return len(q.Terms) == 0 && len(q.From) == 0 && q.Files == Either && q.In == "" && q.Since.IsZero() && q.Until.IsZero()
}

// ErrTooLong means that a query is longer than MaxLength.
var ErrTooLong = errors.New("a search has at most 1,000 characters")

// Parse reads what somebody typed. Whatever it can't read it says in Notices; its only error is ErrTooLong.
func Parse(s string) (Query, error) {
	if len(s) > MaxLength {
		return Query{}, ErrTooLong
	}
	p := parser{left: maxWords}
	for rest := strings.ToValidUTF8(s, " "); ; {
		rest = strings.TrimLeftFunc(rest, blank)
		if rest == "" {
			break
		}
		var item item
		item, rest = next(rest)
		p.add(item)
	}
	return p.q, nil
}

func blank(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

// item is one part of a query: -key:"value"*
type item struct {
	not    bool
	key    string // a filter's name, or empty
	value  string
	quoted bool
	star   bool
}

// keys are the names of filters. A colon after anything else is punctuation.
var keys = []string{"from", "before", "after", "on", "has", "in", "status"}

// next cuts the first item off. The text begins with no white space.
func next(s string) (item, string) {
	var it item
	if len(s) > 1 && (s[0] == '-' || strings.HasPrefix(s, "−")) {
		_, n := utf8.DecodeRuneInString(s)
		if r, _ := utf8.DecodeRuneInString(s[n:]); s[n:] != "" && !blank(r) {
			it.not, s = true, s[n:]
		}
	}
	if i := strings.IndexByte(s[:min(len(s), 10)], ':'); i > 0 {
		if key := strings.ToLower(s[:i]); slices.Contains(keys, key) {
			it.key, s = key, s[i+1:]
		}
	}
	if r, n := utf8.DecodeRuneInString(s); s != "" && opens(r) {
		it.quoted = true
		s = s[n:]
		end := strings.IndexFunc(s, closes)
		if end < 0 {
			it.value, s = s, ""
		} else {
			_, n := utf8.DecodeRuneInString(s[end:])
			it.value, s = s[:end], s[end+n:]
		}
		if strings.HasPrefix(s, "*") {
			it.star, s = true, s[1:]
		}
		return it, s
	}
	end := strings.IndexFunc(s, blank)
	if end < 0 {
		end = len(s)
	}
	it.value, s = s[:end], s[end:]
	if v := strings.TrimRight(it.value, "*"); v != it.value {
		it.value, it.star = v, true
	}
	return it, s
}

func opens(r rune) bool  { return strings.ContainsRune(`"“”„«»`, r) }
func closes(r rune) bool { return opens(r) }

// parser gathers the items of one query.
type parser struct {
	q    Query
	left int // words that may still come
}

func (p *parser) notice(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if len(p.q.Notices) < 5 && !slices.Contains(p.q.Notices, text) {
		p.q.Notices = append(p.q.Notices, text)
	}
}

func (p *parser) add(it item) {
	switch it.key {
	case "":
		p.term(it)
	case "from":
		p.from(it)
	case "has":
		p.has(it)
	case "in", "status":
		p.in(it)
	default:
		p.date(it)
	}
}

// full reports whether no more terms fit, and says so.
func (p *parser) full() bool {
	if len(p.q.Terms)+len(p.q.From) < MaxTerms && p.left > 0 {
		return false
	}
	p.tooMany()
	return true
}

func (p *parser) tooMany() {
	p.notice("A search looks for at most %d words; the rest was left out.", MaxTerms)
}

func (p *parser) words(s string) ([]string, form) {
	var out []string
	last := plain
	for w := range Words(s) {
		if len(out) == p.left {
			p.tooMany()
			break
		}
		out, last = append(out, w.Text), w.form
	}
	p.left -= len(out)
	return out, last
}

func (p *parser) term(it item) {
	if p.full() {
		return
	}
	words, last := p.words(it.value)
	if len(words) == 0 {
		return
	}
	t := Term{Words: words, Not: it.not}
	switch {
	case len(words) == 1 && last == lone:
		t.Prefix = true
	case !it.star || last != plain:
	case len(words) > 1:
		p.notice("Only a single word can end in *.")
	case utf8.RuneCountInString(words[0]) < MinEdge:
		p.notice("A word before * needs at least %d letters.", MinEdge)
	default:
		t.Prefix = true
	}
	p.q.Terms = append(p.q.Terms, t)
}

func (p *parser) from(it item) {
	if p.full() {
		return
	}
	f := Sender{Not: it.not}
	local, domain, address := strings.Cut(strings.TrimSpace(it.value), "@")
	switch {
	case address && local == "" && domain != "":
		f.Domain = strings.ToLower(domain)
	case address && domain != "":
		f.Address = local + "@" + domain
	default:
		if f.Words, _ = p.words(it.value); len(f.Words) == 0 {
			p.notice("from: needs a name or an address, such as from:ann or from:ann@example.org.")
			return
		}
	}
	p.q.From = append(p.q.From, f)
}

func (p *parser) has(it item) {
	switch strings.ToLower(strings.TrimSpace(it.value)) {
	case "attachment", "attachments", "file", "files":
		p.q.Files = Yes
		if it.not {
			p.q.Files = No
		}
	default:
		p.notice("has: knows only has:attachment.")
	}
}

func (p *parser) in(it item) {
	v := strings.ToLower(strings.TrimSpace(it.value))
	switch {
	case v == "open" && !it.not, v == "closed" && it.not:
		p.q.In = "open"
	case v == "closed", v == "open":
		p.q.In = "closed"
	default:
		p.notice("in: knows in:open and in:closed.")
	}
}

func (p *parser) date(it item) {
	from, to, ok := dates(strings.TrimSpace(it.value))
	switch {
	case !ok:
		p.notice("%s: needs a date, such as %s:2026-03-31, %s:2026-03 or %s:2026.", it.key, it.key, it.key, it.key)
	case it.key == "on" && it.not:
		p.notice("-on: is not known; use before: or after:.")
	case it.key == "on":
		p.since(from)
		p.until(to)
	case (it.key == "before") != it.not:
		p.until(from)
	default:
		p.since(from)
	}
}

func (p *parser) since(t time.Time) {
	if t.After(p.q.Since) {
		p.q.Since = t
	}
}

func (p *parser) until(t time.Time) {
	if p.q.Until.IsZero() || t.Before(p.q.Until) {
		p.q.Until = t
	}
}

// dates reads a day, a month or a year, and returns when it begins and ends, in UTC.
func dates(s string) (from, to time.Time, ok bool) {
	for _, f := range []struct {
		layout              string
		years, months, days int
	}{
		{"2006-1-2", 0, 0, 1},
		{"2006/1/2", 0, 0, 1},
		{"2.1.2006", 0, 0, 1},
		{"2006-1", 0, 1, 0},
		{"2006", 1, 0, 0},
	} {
		if from, err := time.Parse(f.layout, s); err == nil && from.Year() >= 1970 && from.Year() <= 9998 {
			return from, from.AddDate(f.years, f.months, f.days), true
		}
	}
	return from, to, false
}
