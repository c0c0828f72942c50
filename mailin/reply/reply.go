// Package reply finds what is new in a reply: it separates a person's words from the mail they answered, from signatures
// and from forwarded mail, in plain text and in HTML, whatever client and language wrote it.
//
//	r := reply.Text(body)   // or reply.HTML, or reply.Parts for a mail that has both
//	fmt.Println(r.Visible()) // what is new, with inline answers below the lines they answer
//
// A body becomes a list of spans, in order and without gaps: joined, they are the whole text again. Nothing is thrown away;
// a program shows [Result.Visible] and folds the rest. Each span says why it is what it is. Where the signs are unclear the
// package keeps the words visible, since a quoted line too much is a nuisance and a lost answer a damage.
//
// HTML is read by its elements: containers that clients put around quotes, signatures and attributions are followed while
// the text is laid out line by line, and the same rules then judge lines of either origin. The signs come from the habits of
// clients, and from RFC 3676 (quote marks, section 4.5, and the signature separator, section 4.3).
//
// Attributions, header fields, phones' lines, notices and closings are known in English, German, French, Spanish, Italian,
// Portuguese, Dutch, Swedish, Norwegian, Danish, Finnish, Polish, Czech, Russian, Ukrainian, Greek, Turkish, Hebrew, Arabic,
// Chinese, Japanese, Korean and Vietnamese, and partly in some twenty more. They are judged by their parts (an address, a date, a
// time, a verb, the name of a field), so that no pattern must foresee how a client puts them together or wraps them.
//
// What no sign announces can't be told from new words, or from the quote: a parent pasted without marks, or an answer in another
// colour that no word speaks of.
//
// Time and memory grow linearly with the input; no regular expression is used. The package is pure: it needs nothing but
// its arguments, and knows neither MIME nor the rest of this program. All functions are safe for concurrent use.
package reply

import "strings"

// Kind says what a span is.
type Kind uint8

// The kinds of span. New, Answer and Answered are visible; the others are to be folded.
const (
	New         Kind = iota // words of this mail's author
	Answer                  // words of this mail's author between quoted lines
	Answered                // a quoted line that an Answer follows and answers
	Quote                   // from the mail that is answered
	Attribution             // introduces a quote: "On … wrote:", or a block of From, Sent, To and Subject
	Signature               // a delimited or mobile signature, or a block of name, company and telephone
	Disclaimer              // a legal notice, or a footer of a virus scanner or mailing list
	Forwarded               // a mail passed on, with its introduction
)

var kindNames = [...]string{"new", "answer", "answered", "quote", "attribution", "signature", "disclaimer", "forwarded"}

// String returns the kind's name in lower case.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Visible reports whether spans of this kind belong to what a reader should see at once.
func (k Kind) Visible() bool { return k <= Answered }

// Span is a run of whole lines of one kind.
type Span struct {
	Kind Kind
	Text string // with its line endings, as in the input; from HTML, as laid out
	Why  string // the sign it was recognised by, for people; empty for new text without any sign
}

// Result is a body taken apart. Its spans cover the body.
type Result struct {
	Spans []Span
}

// Text takes a plain-text body apart. Line endings may be LF, CRLF or, throughout, CR; flowed text (RFC 3676) should be joined before.
// The texts of the spans, joined, are the body.
func Text(body string) Result {
	p := papers.Get().(*paper)
	defer papers.Put(p)
	d := document{body: body, lines: p.lines[:0]}
	d.split()
	return d.result()
}

// HTML takes an HTML body apart. The texts of the spans, joined, are the body laid out as text: quoted lines behind "> ",
// list items behind "- " or a number, a link's address after its text where they differ. Hidden elements are left out.
func HTML(body string) Result {
	p := papers.Get().(*paper)
	defer papers.Put(p)
	d := layOut(body, p)
	return d.result()
}

// Parts takes a mail's body apart that came as text, as HTML or as both, either being empty where there was none. The HTML
// tells more, so it is preferred unless only the text has words of the author.
func Parts(text, html string) Result {
	if html == "" {
		return Text(text)
	}
	h := HTML(html)
	if text == "" || h.Visible() != "" {
		return h
	}
	if t := Text(text); t.Visible() != "" {
		return t
	}
	return h
}

// Visible returns what is new in the mail, with inline answers in their place after the quoted line they answer.
// Line endings are LF; there are none at either end, and at most one empty line follows another line.
func (r Result) Visible() string {
	return r.join(func(k Kind) bool { return k.Visible() })
}

// New returns what is new in the mail, without any quoted line.
func (r Result) New() string {
	return r.join(func(k Kind) bool { return k == New || k == Answer })
}

// Quoted returns what was folded as quote, attribution or forwarded mail.
func (r Result) Quoted() string {
	return r.join(func(k Kind) bool { return k == Quote || k == Attribution || k == Forwarded })
}

// Signature returns what was folded as signature, legal notice or footer.
func (r Result) Signature() string {
	return r.join(func(k Kind) bool { return k == Signature || k == Disclaimer })
}

// join returns the lines of the spans that are wanted.
func (r Result) join(want func(Kind) bool) string {
	var b strings.Builder
	most, spans, only := 0, 0, Span{}
	for _, s := range r.Spans {
		if want(s.Kind) {
			most += len(s.Text) + 2
			spans++
			only = s
		}
	}
	if spans == 1 && only.Kind != Answer && only.Kind != Answered {
		if s, ok := trimmed(only.Text); ok {
			return s
		}
	}
	b.Grow(most)
	blank := false
	for _, s := range r.Spans {
		if !want(s.Kind) {
			blank = b.Len() > 0
			continue
		}
		text := s.Text
		if strings.IndexByte(text, '\n') < 0 {
			text = strings.ReplaceAll(text, "\r", "\n") // as old programs end lines
		}
		for l := range strings.Lines(text) {
			l = l[:len(l)-spaceAtEnd(l)]
			if l == "" || s.Kind == Answered && strings.Trim(l, "> ") == "" {
				blank = b.Len() > 0 // also one that has nothing but quote marks
				continue
			}
			if b.Len() > 0 {
				b.WriteByte('\n')
				if blank {
					b.WriteByte('\n')
				}
			}
			blank = false
			for invisible(l) > 0 {
				l = l[invisible(l):]
			}
			if s.Kind == Answer {
				l = unmarked(l)
			}
			b.WriteString(l)
		}
	}
	return b.String()
}

// trimmed returns a text without empty lines around it, and whether nothing else is to be taken away: no white space at the end of a line, no second
// empty line, and no sign that shows nothing.
func trimmed(text string) (string, bool) {
	if strings.IndexByte(text, '\n') < 0 && strings.IndexByte(text, '\r') >= 0 {
		return "", false
	}
	from, to := -1, 0 // of what was looked at
	for at := 0; at < len(text); {
		l := text[at:]
		if n := strings.IndexByte(l, '\n'); n >= 0 {
			l = l[:n+1]
		}
		if n := len(l) - spaceAtEnd(l); n > 0 {
			if from < 0 {
				from = at
			} else if gap := text[to:at]; gap != "\n" && gap != "\n\n" {
				return "", false
			}
			if invisible(l) > 0 {
				return "", false
			}
			to = at + n
		}
		at += len(l)
	}
	return text[max(from, 0):to], true
}
