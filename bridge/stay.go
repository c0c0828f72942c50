package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"letterlock/bridge/filetype"
	"letterlock/bridge/richtext"
	"letterlock/bridge/rules"
)

// settingRules is the organization's content rules, as JSON.
const settingRules = "content_rules"

// What keeps a message in beside the rules, as clauses for staff.
const (
	whySecure  = "was marked to be sent securely"
	whyTagged  = "has [secure] in its subject"
	whyNoRules = "can't be looked through, since the content rules can't be read"
)

// rulebook remembers the rules as they were last read, ready for use.
type rulebook struct {
	mu   sync.Mutex
	at   time.Time // of that
	read bool
	text string
	set  *rules.Set
	err  error
}

// defaultRules hold until an admin decides otherwise.
func defaultRules() []rules.Rule {
	return []rules.Rule{{ID: string(rules.Card), Kind: rules.Card}, {ID: string(rules.IBAN), Kind: rules.IBAN}}
}

// contentRules returns the rules as they are now. Rules that can't be read, perhaps since a newer version wrote them, are an error.
func (g *Gateway) contentRules(ctx context.Context, tx Tx) ([]rules.Rule, string, error) {
	text, err := tx.Setting(ctx, settingRules)
	if errors.Is(err, ErrNotFound) {
		return defaultRules(), "", nil
	}
	if err != nil {
		return nil, "", err
	}
	var list []rules.Rule
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, text, fmt.Errorf("read the content rules: %w", err)
	}
	return list, text, nil
}

// gauge is what messages are measured with: the rules as they were at one moment.
type gauge struct {
	set    *rules.Set
	broken bool // nobody knows what the rules are: everything stays in
}

// gauge returns the rules as they are now.
func (g *Gateway) gauge(ctx context.Context, tx Tx) (gauge, error) {
	text, err := tx.Setting(ctx, settingRules)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return gauge{}, err
	}
	unset := err != nil
	b := &g.rulebook
	b.mu.Lock()
	defer b.mu.Unlock()
	b.at = g.now()
	if !b.read || b.text != text {
		list := defaultRules()
		b.read, b.text, b.set, b.err = true, text, nil, nil
		if !unset {
			list = nil
			b.err = json.Unmarshal([]byte(text), &list)
		}
		if b.err == nil {
			b.set, b.err = rules.Compile(list)
		}
		if b.err != nil {
			g.log.ErrorContext(ctx, "content rules can't be read; no copy leaves", "error", errors.Is(b.err, rules.ErrRule))
		}
	}
	return gauge{set: b.set, broken: b.err != nil}, nil
}

// rulesLast is how long rules are believed for what only comes in: what leaves is measured again, with the rules of that moment.
const rulesLast = time.Second

// gaugeNow is gauge outside of a transaction.
func (g *Gateway) gaugeNow(ctx context.Context) (gauge, error) {
	var now gauge
	err := g.store.View(ctx, func(tx Tx) (err error) {
		now, err = g.gauge(ctx, tx)
		return err
	})
	return now, err
}

// gaugeOfLate is gaugeNow, or as it was within the last second.
func (g *Gateway) gaugeOfLate(ctx context.Context) (gauge, error) {
	if late, ok := g.rulebook.late(g.now()); ok {
		return late, nil
	}
	return g.gaugeNow(ctx)
}

// late returns the rules if they were read a moment ago.
func (b *rulebook) late(now time.Time) (gauge, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if age := now.Sub(b.at); !b.read || age < 0 || age >= rulesLast {
		return gauge{}, false
	}
	return gauge{set: b.set, broken: b.err != nil}, true
}

// forget has the rules read anew.
func (b *rulebook) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.at = time.Time{}
}

// judged is what of a message is looked through before it may leave as a copy.
type judged struct {
	subject string
	texts   []string // plain text
	html    []string // formatted, cleaned
	files   []Attachment
	names   []string // of files of which nothing else is known
	secure  bool     // its author wants it to stay in
}

// whyStays says why a message must stay in, in clauses for staff without anything of it; nothing if it need not. Where rules are about what files are it
// reads files, so it is for outside of transactions. The error is that of reading a file.
func (g *Gateway) whyStays(ctx context.Context, by gauge, m judged) ([]string, error) {
	var why []string
	if m.secure {
		why = append(why, whySecure)
	}
	if rules.Tagged(m.subject) {
		why = append(why, whyTagged)
	}
	if by.broken {
		return append(why, whyNoRules), nil
	}
	c := rules.Content{Subject: m.subject, Texts: m.texts}
	for _, h := range m.html {
		if h == "" {
			continue
		}
		c.Texts = append(c.Texts, richtext.Text(h))
		if strings.Contains(h, "<ol") {
			// Once more without the numbers of items, which may stand between the parts of one number.
			c.Texts = append(c.Texts, richtext.Text(strings.ReplaceAll(h, "<ol", "<ul")))
		}
	}
	for _, f := range m.files {
		one := rules.File{Name: f.Filename}
		if by.set.NeedsKinds() {
			var err error
			if one.Kinds, err = g.kindsOf(ctx, f); err != nil {
				return nil, fmt.Errorf("look into a file: %w", err)
			}
		}
		c.Files = append(c.Files, one)
	}
	for _, name := range m.names {
		c.Files = append(c.Files, rules.File{Name: name})
	}
	for _, f := range by.set.Match(c) {
		why = append(why, f.Text)
	}
	return why, nil
}

// kindsOf tells what a file is, and what is in it.
func (g *Gateway) kindsOf(ctx context.Context, f Attachment) ([]string, error) {
	content, err := g.store.OpenBlob(ctx, f.Blob)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	size, err := content.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	found, err := filetype.Of(f.Filename, seeking{content}, size)
	if err != nil {
		return nil, err
	}
	var kinds []string
	for _, one := range found {
		kinds = append(kinds, string(one.Kind))
	}
	return kinds, nil
}

// stays decides why a new message must stay in, before the transaction that adds it. The subject is the thread's, or that of the mail it came as.
func (g *Gateway) stays(ctx context.Context, subject string, m *Message) ([]string, error) {
	by, err := g.gaugeNow(ctx)
	if err != nil {
		return nil, err
	}
	return g.whyStays(ctx, by, judgedMessage(subject, m))
}

// arrivalStays is stays for a mail, by the rules of late: mails are many.
func (g *Gateway) arrivalStays(ctx context.Context, subject string, m *Message) ([]string, error) {
	by, err := g.gaugeOfLate(ctx)
	if err != nil {
		return nil, err
	}
	return g.whyStays(ctx, by, judgedMessage(subject, m))
}

// judgedMessage is a message as its copies would carry it.
func judgedMessage(subject string, m *Message) judged {
	j := judged{subject: subject, texts: []string{m.Text}, files: m.Attachments, secure: m.Secure}
	if m.Received.IsZero() {
		j.html = append(j.html, m.HTML)
	}
	return j
}

// judgedCopy is all that a copy carries to its recipient that somebody wrote. A test sees to it that nothing is missing.
func judgedCopy(o *Outgoing) judged {
	j := judged{subject: o.Subject, texts: []string{o.Text, o.Author, o.From.Name}, html: []string{o.HTML}, files: o.Attachments}
	if o.Previous != nil {
		j.texts = append(j.texts, o.Previous.Text, o.Previous.Author)
	}
	return j
}

// because joins clauses for a delivery's record.
func because(why []string) string { return strings.Join(why, "; ") }

// together returns all clauses, each once.
func together(lists ...[]string) []string {
	var all []string
	for _, list := range lists {
		for _, one := range list {
			if !slices.Contains(all, one) {
				all = append(all, one)
			}
		}
	}
	return all
}
