package bridge

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"letterlock/bridge/wording"
)

// Previous is the message before, which a copy quotes.
type Previous struct {
	Author string
	At     time.Time
	Text   string
}

// words is what mails are set with, as it was at one moment.
type words struct {
	state      string // of settingWords
	letterhead Letterhead
	templates  map[templateKey]*wording.Template
}

type templateKey struct {
	kind     wording.Kind
	language string
}

// wordsNow returns what mails are set with in this transaction. It reads one setting, and the rest only when that has changed.
func (g *Gateway) wordsNow(ctx context.Context, tx Tx) (*words, error) {
	state, err := tx.Setting(ctx, settingWords)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	if w := g.words.Load(); w != nil && w.state == state {
		return w, nil
	}
	w := &words{state: state, templates: map[templateKey]*wording.Template{}}
	if state != "" {
		if w.letterhead, err = letterhead(ctx, tx); err != nil {
			return nil, err
		}
		all, err := tx.Templates(ctx)
		if err != nil {
			return nil, err
		}
		for _, v := range all {
			if v.Reset {
				continue
			}
			// A template that this version of the program finds wrong counts as none: what comes with the program is always right.
			if t, err := wording.Parse(v.Kind, v.Subject, v.Source); err == nil {
				w.templates[templateKey{v.Kind, v.Language}] = &t
			}
		}
	}
	g.words.Store(w)
	return w, nil
}

// dress adds what a content-free mail is set with: the organization's words and letterhead, and the recipient's phrase. All of it is the
// same for every message to one person.
func (g *Gateway) dress(ctx context.Context, tx Tx, out *Outgoing) error {
	w, err := g.wordsNow(ctx, tx)
	if err != nil {
		return err
	}
	out.Letterhead = w.letterhead
	if out.Template == nil && len(w.templates) > 0 {
		all, err := wording.Builtin()
		if err != nil {
			return err
		}
		out.Template = w.templates[templateKey{out.Words(), all.Lookup(out.Locale).Tag}]
	}
	out.Phrase, err = tx.Phrase(ctx, out.Delivery.Person)
	return err
}

const (
	maxPrevious   = 2000 // octets
	previousReach = 20   // how far back it is looked for
)

// previousOf returns the message before the one that a copy carries, if the organization wants it quoted and it has crossed email with this
// person already: they wrote it by mail, or got it as a copy. What was kept out of email then, by the mode or by a rule, stays out of it now.
func (g *Gateway) previousOf(ctx context.Context, tx Tx, d Delivery) (*Previous, error) {
	w, err := g.wordsNow(ctx, tx)
	if err != nil || !w.letterhead.Previous {
		return nil, err
	}
	m, err := tx.Message(ctx, d.Message)
	if err != nil {
		return nil, err
	}
	before, err := tx.ListMessages(ctx, d.Thread, false, max(m.Seq-1-previousReach, 0), previousReach)
	if err != nil {
		return nil, err
	}
	var last *Message
	for i := range before {
		if before[i].Seq < m.Seq && before[i].Kind == Public {
			last = &before[i]
		}
	}
	if last == nil || strings.TrimSpace(last.Text) == "" {
		return nil, nil
	}
	if last.Author != d.Person || (last.Via != ViaSMTP && last.Via != ViaIMAP) {
		sent, err := tx.ThreadDeliveries(ctx, d.Thread, last.Seq, last.Seq)
		if err != nil {
			return nil, err
		}
		crossed := false
		for _, one := range sent {
			crossed = crossed || one.Message == last.ID && one.Person == d.Person && one.Form == FormCopy
		}
		if !crossed {
			return nil, nil
		}
	}
	return &Previous{Author: authorFor(d.Person, *last), At: last.At, Text: cutPrevious(last.Text)}, nil
}

// judgePrevious leaves the message before out of a copy if today's rules would keep it in.
func (g *Gateway) judgePrevious(ctx context.Context, full *candidate) error {
	p := full.copy.Previous
	if p == nil {
		return nil
	}
	why, err := g.whyStays(ctx, full.by, judged{texts: []string{p.Text, p.Author}})
	if err == nil && len(why) > 0 {
		full.copy.Previous = nil
	}
	return err
}

// cutPrevious returns the beginning of a text, cut at the end of a line or a word.
func cutPrevious(s string) string {
	if len(s) <= maxPrevious {
		return s
	}
	s = s[:maxPrevious]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	if at := strings.LastIndexAny(s, " \n"); at > maxPrevious/2 {
		s = s[:at]
	}
	return strings.TrimRight(s, " \n") + " …"
}

// dataURL is for a page that shows the logo without a mail.
func (l Logo) dataURL() string {
	return "data:" + l.Type + ";base64," + base64.StdEncoding.EncodeToString(l.Content)
}
