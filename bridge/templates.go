package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"letterlock/bridge/wording"
)

// TemplateVersion is one version of an organization's own words for one kind of mail in one language.
type TemplateVersion struct {
	ID       ID
	Kind     wording.Kind
	Language string // the tag of one of the languages there are
	Version  int    // from 1 on
	At       time.Time
	By       ID   // whoever wrote it; zero for a program or the operator
	Reset    bool // back to the words that come with the program; Subject and Source are empty
	Subject  string
	Source   string // the body as written
}

// Templates keeps an organization's own words, and people's phrases. Names are sealed, and so are words.
type Templates interface {
	// Templates returns the newest version of every kind and language that has one.
	Templates(ctx context.Context) ([]TemplateVersion, error)
	// TemplateVersions returns the versions of one, newest first.
	TemplateVersions(ctx context.Context, kind wording.Kind, language string, limit int) ([]TemplateVersion, error)
	// AddTemplate returns ErrConflict if the version is there already.
	AddTemplate(ctx context.Context, t TemplateVersion) error
	// Phrase returns what SetPhrase stored for a person; nothing if it never did.
	Phrase(ctx context.Context, person ID) (string, error)
	SetPhrase(ctx context.Context, person ID, phrase string) error
}

// maxVersions bounds how many versions of a template a page shows.
const maxVersions = 30

// TemplateRow says for one kind of mail in one language whether the organization has words of its own.
type TemplateRow struct {
	Kind     wording.Kind
	Language string
	Own      bool
	At       time.Time // of the last change; zero if there was none
}

// ListTemplates returns every kind and language whose words were ever changed: admins only.
func (g *Gateway) ListTemplates(ctx context.Context, a Actor) ([]TemplateRow, error) {
	var rows []TemplateRow
	err := g.store.View(ctx, func(tx Tx) error {
		rows = nil
		if _, err := g.resolveAdmin(ctx, tx, a); err != nil {
			return err
		}
		all, err := tx.Templates(ctx)
		for _, t := range all {
			rows = append(rows, TemplateRow{Kind: t.Kind, Language: t.Language, Own: !t.Reset, At: t.At})
		}
		return err
	})
	return rows, wrap("list templates", err)
}

// TemplateView is a template as its page shows it.
type TemplateView struct {
	Spec     wording.Spec
	Language *wording.Language
	Own      bool // Subject and Source are the organization's, not those that came with the program
	Subject  string
	Source   string
	Versions []TemplateVersion // newest first, at most 30
}

// Template returns one kind of mail in one language: admins only. With a version above 0 its words are those of that version, to go back to.
func (g *Gateway) Template(ctx context.Context, a Actor, kind wording.Kind, language string, version int) (TemplateView, error) {
	v, err := templateOf(kind, language)
	if err != nil {
		return TemplateView{}, wrap("template", err)
	}
	err = g.store.View(ctx, func(tx Tx) error {
		if _, err := g.resolveAdmin(ctx, tx, a); err != nil {
			return err
		}
		var err error
		if v.Versions, err = tx.TemplateVersions(ctx, kind, language, maxVersions); err != nil {
			return err
		}
		for i, t := range v.Versions {
			if (version == 0 && i == 0 || t.Version == version) && !t.Reset {
				v.Own, v.Subject, v.Source = true, t.Subject, t.Source
				return nil
			}
		}
		if version > 0 && !hasVersion(v.Versions, version) {
			return ErrNotFound
		}
		return nil
	})
	return v, wrap("template", err)
}

func hasVersion(all []TemplateVersion, n int) bool {
	for _, t := range all {
		if t.Version == n {
			return true
		}
	}
	return false
}

// templateOf returns a template as it came with the program, or ErrNotFound.
func templateOf(kind wording.Kind, language string) (TemplateView, error) {
	all, err := wording.Builtin()
	if err != nil {
		return TemplateView{}, err
	}
	l, spec, ok := all[language], wording.Spec{}, false
	if l != nil {
		spec, ok = wording.SpecOf(kind)
	}
	if !ok {
		return TemplateView{}, ErrNotFound
	}
	t := l.Mails[kind]
	return TemplateView{Spec: spec, Language: l, Subject: t.Subject, Source: t.Source()}, nil
}

// parseTemplate reads what an admin wrote. Its errors wrap ErrInvalid with what is wrong, or are ErrNotFound.
func parseTemplate(kind wording.Kind, language, subject, source string) (wording.Template, error) {
	if _, err := templateOf(kind, language); err != nil {
		return wording.Template{}, err
	}
	t, err := wording.Parse(kind, subject, source)
	if err != nil {
		return wording.Template{}, fmt.Errorf("%s: %w", err.Error(), ErrInvalid)
	}
	return t, nil
}

// SetTemplate gives a kind of mail in one language the organization's own words, from the next mail on: admins only. ErrInvalid says what
// can't be: words that would tell of the message, a placeholder that there is not, no link or a second one.
func (g *Gateway) SetTemplate(ctx context.Context, a Actor, kind wording.Kind, language, subject, source string) error {
	t, invalid := parseTemplate(kind, language, subject, source)
	return wrap("set template", g.addTemplate(ctx, a, TemplateVersion{Kind: kind, Language: language, Subject: t.Subject, Source: t.Source()}, invalid))
}

// ResetTemplate goes back to the words that come with the program: admins only. Earlier versions stay on record.
func (g *Gateway) ResetTemplate(ctx context.Context, a Actor, kind wording.Kind, language string) error {
	_, invalid := templateOf(kind, language)
	return wrap("reset template", g.addTemplate(ctx, a, TemplateVersion{Kind: kind, Language: language, Reset: true}, invalid))
}

func (g *Gateway) addTemplate(ctx context.Context, a Actor, t TemplateVersion, invalid error) error {
	return g.store.Update(ctx, func(tx Tx) error {
		p, err := g.resolveAdmin(ctx, tx, a)
		if err != nil {
			return err
		}
		if invalid != nil {
			return invalid
		}
		last, err := tx.TemplateVersions(ctx, t.Kind, t.Language, 1)
		if err != nil {
			return err
		}
		t := t
		t.ID, t.Version, t.At = NewID(), 1, g.now()
		if len(last) > 0 {
			was := last[0]
			if was.Reset == t.Reset && was.Subject == t.Subject && was.Source == t.Source {
				return nil
			}
			t.Version = was.Version + 1
		} else if t.Reset {
			return nil
		}
		if p.actor.kind == actorPerson {
			t.By = p.person.ID
		}
		if err := tx.AddTemplate(ctx, t); err != nil {
			return err
		}
		if err := tx.SetSetting(ctx, settingWords, NewID().String()); err != nil {
			return err
		}
		e := AuditEntry{Action: "template.set", Detail: fmt.Sprintf("%s in %s, version %d, by %s", t.Kind, t.Language, t.Version, p.name())}
		if t.Reset {
			e.Action = "template.reset"
		}
		return g.audit(ctx, tx, p, e)
	})
}

// sampleLink stands for the one link where a template is only shown. Its token has the length of a real one, and opens nothing.
func (g *Gateway) sampleLink() string { return g.issuer.Link(ID{}) }

// PreviewTemplate sets words that an admin wrote as a mail would have them, with values that stand for real ones: admins only. Nothing is
// kept. The logo's source is a data URL.
func (g *Gateway) PreviewTemplate(ctx context.Context, a Actor, kind wording.Kind, language, subject, source string) (wording.Set, error) {
	t, invalid := parseTemplate(kind, language, subject, source)
	var head Letterhead
	phrase := ""
	err := g.store.View(ctx, func(tx Tx) error {
		p, err := g.resolveAdmin(ctx, tx, a)
		if err != nil {
			return err
		}
		if invalid != nil {
			return invalid
		}
		if head, err = letterhead(ctx, tx); err != nil || p.person.ID.IsZero() {
			return err
		}
		phrase, err = tx.Phrase(ctx, p.person.ID)
		return err
	})
	if err != nil {
		return wording.Set{}, wrap("preview template", err)
	}
	all, err := wording.Builtin()
	if err != nil {
		return wording.Set{}, wrap("preview template", err)
	}
	sheet := wording.Sheet{Phrase: phrase, Postal: head.Postal, Contact: head.Contact}
	if len(head.Logo.Content) > 0 {
		sheet.LogoSource, sheet.LogoWidth, sheet.LogoHeight = head.Logo.dataURL(), head.Logo.Width, head.Logo.Height
	}
	return all[language].Set(t, wording.Values{
		Organization: g.organization, Link: g.sampleLink(), Code: sampleCode, Minutes: fmt.Sprint(int(CodeLife / time.Minute)),
		Reason: sampleReason, When: g.now().Format("2006-01-02 15:04") + " UTC",
		New: fmt.Sprint(sampleTally.New), Waiting: fmt.Sprint(sampleTally.Waiting), Held: fmt.Sprint(sampleTally.Held), Unopened: fmt.Sprint(sampleTally.Unopened),
	}, sheet), nil
}

const (
	sampleCode   = "1234 5678"
	sampleReason = "Here the reason will stand."
)

var sampleTally = Tally{New: 2, Waiting: 5, Held: 1, Unopened: 1}

// sample is the Payload of a DeliverSample.
type sample struct {
	Kind     wording.Kind
	Language string
	Subject  string
	Source   string
}

// SendSample mails words that an admin wrote to that admin, marked as a test: admins only, and not keys. ErrTooMany after ten in a quarter of an hour.
func (g *Gateway) SendSample(ctx context.Context, a Actor, kind wording.Kind, language, subject, source string) error {
	t, invalid := parseTemplate(kind, language, subject, source)
	payload, err := json.Marshal(sample{kind, language, t.Subject, t.Source()})
	if err != nil {
		return wrap("send sample", err)
	}
	err = g.update(ctx, func(tx Tx) error {
		p, err := g.resolveAdmin(ctx, tx, a)
		if err == nil && p.person.ID.IsZero() {
			err = ErrForbidden
		}
		if err != nil {
			return err
		}
		if invalid != nil {
			return invalid
		}
		if err := g.count(ctx, tx, "sample:"+p.person.ID.String(), 10); err != nil {
			return err
		}
		now := g.now()
		return tx.AddDelivery(ctx, Delivery{
			ID: NewID(), Kind: DeliverSample, Person: p.person.ID, Payload: string(payload), Priority: priorityMessage, State: Queued, CreatedAt: now, NextAt: now,
		})
	})
	return wrap("send sample", err)
}

// readSample fills in what a sample is set with.
func (out *Outgoing) readSample(payload string) error {
	var s sample
	if err := json.Unmarshal([]byte(payload), &s); err != nil {
		return errors.New("a sample that can't be read")
	}
	t, err := parseTemplate(s.Kind, s.Language, s.Subject, s.Source)
	if err != nil {
		return err
	}
	out.Sample, out.Locale, out.Template = s.Kind, s.Language, &t
	out.Code, out.CodeLife, out.Reason, out.Tally = sampleCode, CodeLife, sampleReason, sampleTally
	return nil
}
